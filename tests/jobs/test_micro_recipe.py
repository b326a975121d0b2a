"""The recipe `micro` with the weights that ship: real IS-Net, Qwen2, SDXL, OpenCLIP, DINOv2 and OWL-ViT, end to end."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from jobs.console import Console
from jobs.toybox import toybox
from tests.jobs.inprocess import compose, cut

SMALL = ("unit_size=4",)
SAMPLES = 8


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    root = tmp_path_factory.mktemp("micro")
    toybox(6, 2, 256, seed=5, out=root, console=Console("quiet"))
    cut(str(root / "photos"), str(root / "library"), recipe="micro", small=SMALL)
    compose(str(root / "library"), str(root / "data"), SAMPLES, recipe="micro", small=SMALL)
    files = sorted(Path(root / "data" / "data").glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_every_row_is_made_and_every_score_is_there(rows):
    assert len(rows) == SAMPLES
    assert {row["status"] for row in rows} <= {"accepted", "rejected"}
    assert sum(row["status"] == "accepted" for row in rows) >= SAMPLES // 2
    for row in rows:
        assert all(row[name] is not None for name in ("clip_score", "ti_clip", "cp_clip", "object_recall", "surplus"))
        assert all(item["identity"] is not None and item["detection"] is not None for item in row["objects"])
        assert row["clip_score"] != rows[(rows.index(row) + 1) % SAMPLES]["clip_score"]


def test_the_row_says_who_laid_it_out_and_which_models_had_a_hand(rows):
    sources = [row["layout_source"] for row in rows]
    assert sum(source.startswith("transformers") for source in sources) >= SAMPLES // 2
    assert all(source.startswith(("transformers", "solver (")) for source in sources)
    names = {model["name"] for model in rows[0]["models"]}
    assert {f"micro/{part}" for part in ("painter", "scorer", "identity", "detector")} <= names
    assert all(model["license"] == "apache-2.0" for model in rows[0]["models"])


def test_the_background_was_painted_and_the_toys_were_kept(rows):
    for row in rows:
        picture = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
        assert picture.shape == (256, 256, 3)
        assert picture.std() > 10
        assert all(item["identity_psnr"] is None or item["identity_psnr"] > 30 for item in row["objects"])
