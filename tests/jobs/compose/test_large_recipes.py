"""The recipes of large models end to end, each model replaced by a small one of the same architecture."""

import pyarrow.parquet as pq
import pytest

from jobs.compose.recipes import load
from jobs.compose.toybox import toybox
from jobs.console import Console
from tests.support.data.photos import concept_folder
from tests.support.models.classifier_models import save_bert, save_vit
from tests.support.models.tiny_flows import save_z_image
from tests.support.models.tiny_models import (
    save_grounding_dino,
    save_owlv2,
    save_sam2,
    save_sdxl_inpaint,
    save_sdxl_refiner,
    save_siglip,
)
from tests.support.models.vision_models import save_llava
from tests.support.processes.inprocess import compose, cut

SMALL = ("size=128", "unit_size=3", "segment.max_side=128")
SAMPLES = 6
MICRO = {"layout.model": "shipped:micro/planner", "score.identity.model": "shipped:micro/identity"}
# vLLM's engine takes a minute to start and is tried by itself; the micro planner knows short questions.
ANSWERS = ("layout.backend=transformers", "layout.prompt=short")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")


def published(folder, photos):
    """Stand-ins for `gen4gen`, and toys photographed: the micro family has all but the refiner and the OWLv2."""
    base = save_sdxl_inpaint(folder / "sdxl")
    toybox(4, 2, 256, seed=5, out=photos.parent, console=Console("quiet"))
    models = {
        "segment.backend": "isnet", "segment.nets": "[]", "segment.weights": "shipped:micro/segmenter",
        "score.clip.model": "shipped:micro/scorer",
        "inpaint.model": base, "inpaint.refiner.model": save_sdxl_refiner(folder / "refiner"),
        "score.detector.model": save_owlv2(folder / "owlv2"),
    }  # fmt: skip
    return models, ("score.clip.pretrained=''", "inpaint.steps=8")


def modern(folder, photos):
    """Stand-ins for `modern`, and things with an alpha of their own: random nets cannot cut out."""
    concept_folder(photos)
    return {
        "segment.grounding.detector": save_grounding_dino(folder / "dino"),
        "segment.grounding.sam": save_sam2(folder / "sam"), "inpaint.model": save_z_image(folder / "z-image"),
        "score.clip.model": save_siglip(folder / "siglip"), "score.detector.model": save_owlv2(folder / "owlv2"),
        "caption.model": save_llava(folder / "vlm"), "score.safety.model": save_vit(folder / "vit"),
        "score.safety.words_model": save_bert(folder / "bert"),
    }, ("caption.backend=transformers", "caption.max_tokens=16")  # fmt: skip


def photo_gpu(folder, photos):
    """Stand-ins for `photo-gpu`, whose layouts need no model, and things with an alpha of their own."""
    concept_folder(photos)
    return {
        "segment.backend": "grabcut", "segment.nets": "[]", "layout.backend": "solver", "layout.model": "''",
        "inpaint.model": save_sdxl_inpaint(folder / "sdxl"),
        "inpaint.refiner.model": save_sdxl_refiner(folder / "refiner"), "score.clip.model": "shipped:micro/scorer",
        "score.detector.model": save_owlv2(folder / "owlv2"),
    }, ("score.clip.pretrained=''", "inpaint.steps=8", "layout.backend=solver")  # fmt: skip


HANDS = {
    "photo-gpu": {"own-alpha", "micro/scorer", "micro/identity", "sdxl", "refiner", "owlv2"},
    "gen4gen": {"micro/segmenter", "micro/planner", "micro/scorer", "micro/identity", "sdxl", "refiner", "owlv2"},
    "modern": {"own-alpha", "micro/planner", "micro/identity", "z-image", "siglip", "owlv2", "vit", "bert"},
}


STAND_INS = {"photo-gpu": photo_gpu, "gen4gen": published, "modern": modern}


@pytest.fixture(scope="module", params=HANDS)
def made(request, tmp_path_factory):
    """The recipe's name and its rows."""
    name = request.param
    root = tmp_path_factory.mktemp(name)
    models, rest = STAND_INS[name](root / "models", root / "photos")
    overrides = (*(f"{key}={path}" for key, path in {**MICRO, **models}.items()), *ANSWERS, *rest)
    cut(str(root / "photos"), str(root / "library"), *overrides, recipe=name, small=SMALL)
    compose(str(root / "library"), str(root / "data"), SAMPLES, *overrides, recipe=name, small=SMALL)
    assert not list((root / "data" / "failures").glob("*"))
    files = sorted((root / "data" / "data").glob("*.parquet"))
    return name, [row for file in files for row in pq.read_table(file).to_pylist()]


def test_every_row_comes_through_with_every_score(made):
    rows = made[1]
    assert len(rows) == SAMPLES
    for name in ("clip_score", "ti_clip", "cp_clip", "object_recall", "seam"):
        assert None not in [row[name] for row in rows], name
    assert all(item["identity"] is not None for row in rows for item in row["objects"])


def test_every_model_that_had_a_hand_has_left_its_name(made):
    name, rows = made
    assert {model["name"] for row in rows for model in row["models"]} == HANDS[name]


def test_modern_looks_for_harm(made):
    name, rows = made
    assert {row["unsafe"] is not None for row in rows} == {name == "modern"}
    assert all(bool(row["harm"]) == (name == "modern") for row in rows)


def test_a_caption_says_whose_it_is(made):
    name, rows = made
    sources = {row["caption_source"] for row in rows}
    assert sources == {"template (CAPTION_JSON)" if name == "modern" else "template"}, "the weights are random"


def test_the_objects_are_as_they_were_pasted(made):
    assert min(item["identity_psnr"] for row in made[1] for item in row["objects"]) > 34


def test_the_published_constants_are_in_the_recipe():
    recipe = load("gen4gen")
    inpaint = next(stage for stage in recipe.stages if stage.name == "inpaint")
    assert (recipe.size, inpaint.steps, inpaint.guidance, inpaint.strength) == (1024, 60, 6.0, 0.9)
    assert (inpaint.refiner.start, inpaint.prompt_template) == (0.75, "a realistic photo {background}")
    assert recipe.phase("segment").stages[0].nets == ("isnet-general-use",)
