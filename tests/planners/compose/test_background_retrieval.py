import numpy as np
import pytest

from engine.photos.backgrounds import Background
from engine.seeds import rng
from planners.compose.background_retrieval import retrieve, shortlist

# three views of one beach, one of another, a street
VIEWS = np.asarray([[1, 0, 0], [0.99, 0.14, 0], [0.98, 0.2, 0], [0.8, 0, 0.6], [0, 1, 0]], np.float32)
UNIT = VIEWS / np.linalg.norm(VIEWS, axis=1, keepdims=True)
BEACH = np.asarray([1, 0, 0], np.float32)


def test_without_a_wish_for_diversity_the_best_come_first():
    assert shortlist(UNIT @ BEACH, UNIT, 3, 0.0) == [0, 1, 2]


def test_a_view_that_is_there_already_gives_way():
    fit = np.asarray([1, 0.99, 0.98, 0.95, 0], np.float32)
    assert shortlist(fit, UNIT, 2, 0.5) == [0, 3]
    assert shortlist(fit, UNIT, 2, 1.0) == [0, 4]


@pytest.mark.parametrize("diversity", [0.0, 0.3, 1.0])
def test_a_shortlist_never_repeats_and_never_exceeds_what_is_there(diversity):
    found = shortlist(UNIT @ BEACH, UNIT, 99, diversity)
    assert sorted(found) == [0, 1, 2, 3, 4]


def test_one_background_is_its_own_shortlist():
    assert shortlist(np.ones(1, np.float32), UNIT[:1], 8, 0.3) == [0]


def test_every_phrase_gets_its_own_backgrounds_under_its_name():
    known = [
        Background(background_id=f"photo:{n}", scene="s", phrase="", ground_line=0.5, license="cc0", uri=f"/{n}")
        for n in range(5)
    ]
    words = np.asarray([[1, 0, 0], [0, 1, 0]], np.float32)
    found = retrieve(["by the sea", "in town"], words, known, UNIT, count=2, diversity=0.0)
    assert [(item.phrase, item.background_id) for item in found] == [
        ("by the sea", "photo:0"), ("by the sea", "photo:1"), ("in town", "photo:4"), ("in town", "photo:2"),
    ]  # fmt: skip
    draw = rng(0, "t")
    many = draw.normal(size=(500, 16)).astype(np.float32)
    assert len(set(shortlist(many @ many[0], many, 50, 0.5))) == 50
