from dataclasses import replace

import pytest

from engine.photos.backgrounds import Anchor, Background, to_jsonl
from planners.compose.anchors import Footing, fits, footing_of
from planners.compose.casting import prepare_casting
from planners.compose.layout import problems, solve
from planners.compose.scenes import plan_scene
from tests.support.data.cutouts import BEACH, cutout, library

ANCHOR = Anchor(box=(0.4, 0.4, 0.7, 0.8), concept="rex", class_name="dog", source_sha256="photo 1")
PLACE = Background(
    background_id="own:1", scene="own photo", phrase="", ground_line=0.5, license="CC0-1.0", uri="x.jpg", anchor=ANCHOR
)


def dog(concept="rex", photo="photo 2", **more):
    return replace(cutout("dog", 0.75, concept=concept), source_sha256=photo, **more)


def test_what_stood_there_is_replaced_by_what_is_similar_in_size_and_shape():
    assert fits(ANCHOR, dog())
    assert fits(ANCHOR, dog(concept="other"))
    assert not fits(ANCHOR, dog(photo="photo 1")), "the very photo that it was taken out of"
    assert not fits(ANCHOR, dog(cut_borders=("bottom",)))
    assert not fits(ANCHOR, replace(cutout("coin", 0.75), source_sha256="2"))
    assert not fits(ANCHOR, replace(dog(), width=2500))
    unknown = replace(cutout("flumph", 0.75, concept="rex"), source_sha256="2")
    assert fits(ANCHOR, unknown)
    assert not fits(ANCHOR, replace(unknown, concept="zed"))


def test_it_stands_on_the_same_spot_at_the_same_scale():
    assert footing_of(ANCHOR, dog()) == Footing(0.8, pytest.approx(0.55), pytest.approx(0.4))
    half = replace(dog(), metres=0.175)
    assert footing_of(ANCHOR, half).long_side < 0.4


def test_the_first_of_the_cast_stands_where_the_subject_was_taken_out():
    cutouts = library(
        *(dog(photo=f"photo {number}", cutout_id=f"rex{number}") for number in (1, 2, 3)),
        cutout("cat", concept="mia"),
        cutout("backpack", concept="bag"),
    )
    index = prepare_casting(cutouts)
    first = set()
    for seed in range(60):
        plan = plan_scene(seed, index, (PLACE,), 2, 3)
        assert plan.background_id == "own:1"
        assert len(set(plan.concepts)) == len(plan.concepts) >= 2
        cast = [cutouts[key] for key in plan.cast]
        assert fits(ANCHOR, cast[0])
        first.add(plan.cast[0])
        stand = footing_of(ANCHOR, cast[0])
        placements = solve(seed, cast, plan.ground_line, stand=stand)
        assert not problems(placements, cast, plan.ground_line)
        there = next(item for item in placements if item.cutout_id == plan.cast[0])
        assert there.box[3] == pytest.approx(stand.base)
        assert (there.box[0] + there.box[2]) / 2 == pytest.approx(stand.centre, abs=0.02)
        assert max(there.box[2] - there.box[0], there.box[3] - there.box[1]) <= 1.001 * stand.long_side
    assert {"rex2", "rex3"} <= first
    assert "rex1" not in first


def test_a_library_in_which_nothing_fits_is_cast_as_before_any_background():
    index = prepare_casting(library(cutout("coin"), cutout("ring")))
    plan = plan_scene(1, index, (PLACE,), 2, 2)
    assert plan.background_id == "own:1"
    assert set(plan.concepts) == {index.concepts[0].name, index.concepts[1].name}


def test_backgrounds_without_an_anchor_are_written_as_before():
    assert b"anchor" not in to_jsonl([BEACH])
    assert b'"class_name": "dog"' in to_jsonl([PLACE])
