import pytest

from actors.compose.score import Score
from actors.compose.segment import Grounding, Segment
from actors.models.licences import FACTS, ModelFact, check_recipe, named_models
from actors.models.nets import ONNX, SOURCES
from actors.score.scorers import ClipSpec
from engine.errors import UsageError
from jobs.compose.recipes import built_in, load, models
from tests.support.models.tiny_models import save_open_clip


@pytest.mark.parametrize(
    ("license_", "is_restricted"),
    [
        ("apache-2.0", False), ("mit", False), ("openrail++", False), ("license-not-stated", False),
        ("cc-by-sa-4.0", False), ("unlicense", False), ("llama3", False),
        ("cc-by-nc-4.0", True), ("CC-BY-NC-SA-4.0", True), ("flux-1-dev-non-commercial-license", True),
        ("creativeml-noncommercial", True),
    ],
)  # fmt: skip
def test_a_licence_says_by_its_name_what_it_forbids(license_, is_restricted):
    assert ModelFact(license_).restricted == is_restricted


@pytest.mark.parametrize("name", built_in())
def test_every_model_of_a_built_in_recipe_is_known_pinned_and_free(name):
    recipe = load(name)
    specs = recipe.stages
    check_recipe(specs, (), here=False)
    for each in named_models(specs):
        known = each.model in FACTS
        pinned_by_hash = each.backend == ONNX and each.model in SOURCES
        assert known or pinned_by_hash or each.model.startswith(("shipped:", "weights/")), each.model
        assert not known or len(each.revision) == 40
    assert all(line.split("  ")[0] for line in models(recipe.stages))


def test_a_restricted_model_is_refused_until_it_is_accepted(tmp_path):
    model = "briaai/RMBG-2.0"
    pinned = {"detector_revision": "0" * 40, "sam_revision": "0" * 40}
    grounding = Grounding(detector="IDEA-Research/grounding-dino-tiny", sam=model, **pinned)
    grounded = Segment(backend="grounded_sam", grounding=grounding)
    with pytest.raises(UsageError, match=r"LICENCE_REFUSED.*RMBG"):
        check_recipe([grounded], (), here=True)
    check_recipe([grounded], (model,), here=True)


@pytest.mark.parametrize("card", ["license: cc-by-nc-4.0", "license: other\nlicense_name: flux-non-commercial-license"])
@pytest.mark.parametrize("prefix", ["", "local-dir:"])
def test_the_card_of_a_folder_is_read_under_whatever_name_it_is_given(tmp_path, card, prefix):
    folder = save_open_clip(tmp_path / "clip")
    local = Score(clip=ClipSpec(model=f"{prefix}{folder}"))
    check_recipe([local], (), here=True)
    (folder / "README.md").write_text(f"---\n{card}\n---\n")
    with pytest.raises(UsageError, match="LICENCE_REFUSED"):
        check_recipe([local], (), here=True)
    check_recipe([local], (f"{prefix}{folder}",), here=True)


def test_a_recipe_is_shown_with_its_models():
    assert models(load("gen4gen").stages)[-1] == "google/owlv2-base-patch16-ensemble  cfd3195b  apache-2.0  0.6 GB"
    assert "shipped:micro/painter  apache-2.0" in models(load("micro").stages)
    assert models(load("classic").stages) == []
