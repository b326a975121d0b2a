"""The recipe `gen4gen` end to end, each of its models replaced by a small one of the same architecture."""

import pyarrow.parquet as pq
import pytest

from jobs.console import Console
from jobs.recipes import load
from jobs.toybox import toybox
from tests.actors.tiny_models import save_owlv2, save_sdxl_inpaint, save_sdxl_refiner
from tests.jobs.inprocess import compose, cut

SMALL = ("size=128", "unit_size=3", "segment.max_side=128")
SAMPLES = 6
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    """The overrides that put small models in the place of the large ones; besides, only fewer steps are taken."""
    folder = tmp_path_factory.mktemp("models")
    base = save_sdxl_inpaint(folder / "sdxl")
    models = {
        "segment.weights": "shipped:micro/segmenter", "layout.model": "shipped:micro/planner",
        "inpaint.model": base, "inpaint.refiner.model": save_sdxl_refiner(folder / "refiner", base),
        "score.clip.model": "shipped:micro/scorer", "score.identity.model": "shipped:micro/identity",
        "score.detector.model": save_owlv2(folder / "owlv2"),
    }  # fmt: skip
    # vLLM's engine takes a minute to start and is tried by itself; the micro planner knows short questions.
    rest = ("score.clip.pretrained=''", "layout.backend=transformers", "layout.prompt=short", "inpaint.steps=8")
    return (*(f"{key}={path}" for key, path in models.items()), *rest)


@pytest.fixture(scope="module")
def rows(stand_ins, tmp_path_factory):
    root = tmp_path_factory.mktemp("gen4gen")
    toybox(4, 2, 256, seed=5, out=root, console=Console("quiet"))
    cut(str(root / "photos"), str(root / "library"), *stand_ins, recipe="gen4gen", small=SMALL)
    compose(str(root / "library"), str(root / "data"), SAMPLES, *stand_ins, recipe="gen4gen", small=SMALL)
    assert not list((root / "data" / "failures").glob("*"))
    files = sorted((root / "data" / "data").glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_every_row_comes_through_with_every_score(rows):
    assert len(rows) == SAMPLES
    for name in ("clip_score", "ti_clip", "cp_clip", "object_recall", "seam"):
        assert None not in [row[name] for row in rows], name
    assert all(item["identity"] is not None for row in rows for item in row["objects"])


def test_every_model_of_the_recipe_has_left_its_name(rows):
    names = {model["name"] for row in rows for model in row["models"]}
    micro = {"micro/segmenter", "micro/planner", "micro/scorer", "micro/identity"}
    assert names == {*micro, "sdxl", "refiner", "owlv2"}


def test_the_objects_are_as_they_were_pasted(rows):
    assert min(item["identity_psnr"] for row in rows for item in row["objects"]) > 34


def test_the_published_constants_are_in_the_recipe():
    recipe = load("gen4gen")
    inpaint = next(stage for stage in recipe.stages if stage.name == "inpaint")
    assert (recipe.size, inpaint.steps, inpaint.guidance, inpaint.strength) == (1024, 60, 6.0, 0.9)
    assert (inpaint.refiner.start, inpaint.prompt_template) == (0.75, "a realistic photo {background}")
    assert recipe.segment.backend == "isnet"
    for stage in recipe.stages:
        for spec in (stage, *(getattr(stage, name) for name in type(stage).model_fields)):
            if getattr(spec, "model", ""):
                assert len(spec.revision) == 40, spec
