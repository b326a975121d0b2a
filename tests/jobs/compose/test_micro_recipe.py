"""The recipe `micro` with the weights that ship, end to end."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from actors.backends.score.open_clip import OpenClip
from actors.score.scorers import ClipSpec
from jobs.compose.toybox import toybox
from jobs.console import Console
from tests.support.processes.inprocess import compose, cut

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


def test_every_row_is_made_and_every_clip_score_is_there(rows):
    assert len(rows) == SAMPLES
    assert sum(row["status"] == "accepted" for row in rows) >= SAMPLES // 2
    for name in ("clip_score", "ti_clip", "cp_clip"):
        scores = [row[name] for row in rows]
        assert None not in scores
        assert len(set(scores)) > SAMPLES // 2


def test_the_scores_belong_to_their_captions(rows):
    scorer = OpenClip(ClipSpec(model="shipped:micro/scorer"))
    images = scorer.embed_images([picture(row) for row in rows])
    texts = scorer.embed_texts([row["caption"] for row in rows])
    table = images @ texts.T
    assert np.allclose(table.diagonal(), [row["clip_score"] for row in rows], atol=1e-4)
    assert table.diagonal().mean() > (table.sum() - table.trace()) / (table.size - SAMPLES) + 0.05


def test_most_layouts_are_the_language_models_and_every_row_says_whose_it_is(rows):
    sources = [row["layout_source"] for row in rows]
    assert sum(source == "transformers" for source in sources) >= SAMPLES // 2
    assert all(source.startswith(("transformers", "solver (")) for source in sources)
    for row in rows:
        names = {model["name"] for model in row["models"]}
        assert ("micro/planner" in names) == row["layout_source"].startswith("transformers")


def test_the_row_says_which_models_had_a_hand(rows):
    names = {model["name"] for model in rows[0]["models"]}
    assert {"micro/segmenter", "micro/scorer", "micro/identity", "micro/detector", "micro/painter"} <= names
    assert {model["license"] for model in rows[0]["models"]} <= {"apache-2.0", "Apache-2.0", "none"}


def test_every_object_is_known_again(rows):
    likeness = [item["identity"] for row in rows for item in row["objects"]]
    assert None not in likeness
    assert np.mean(likeness) > 0.5


def test_objects_are_recognised_by_their_names(rows):
    recalls = [row["object_recall"] for row in rows]
    assert None not in recalls
    assert np.mean(recalls) > 0.6  # a quarter of the toys covers less than a hundredth of its picture
    assert all(item["detection"] is not None for row in rows for item in row["objects"])


def test_the_toys_are_kept_as_they_were(rows):
    for row in rows:
        assert picture(row).shape == (256, 256, 3)
        assert all(item["identity_psnr"] is None or item["identity_psnr"] > 30 for item in row["objects"])


def picture(row):
    return np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
