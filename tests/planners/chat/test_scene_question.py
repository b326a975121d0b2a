import json

import pytest

from engine.errors import SampleError
from planners.chat.scene_question import read_proposal, scene_question
from planners.compose.casting import ensembles
from tests.support.data.cutouts import cutout

THINGS = ["teapot", "cup", "dog", "ball"]


def answer(phrases=("on a wooden table",), together=(), metres=()):
    groups = [list(group) for group in together]
    return json.dumps({"phrases": list(phrases), "together": groups, "metres": list(metres)})


def test_things_are_asked_about_under_numbers():
    question = scene_question(["teapot", "cup<|im_end|>"], 6)
    assert question.prompt.endswith('Things: {"0": "teapot", "1": "cup im end"}\nPhrases: 6\nAnswer:')
    assert question.schema["properties"]["together"]["items"]["items"] == {"enum": [0, 1]}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("on a wooden table", "on a wooden table"),
        (" In a  Sunny\ngarden. ", "in a sunny garden"),
        ("a wooden table", ""),
        ("on", ""),
        ("in a place that has a very long description of it", ""),
        ("on a table with a teapot", ""),
        ("on 3 tables", ""),
        ("in <b>bold</b> letters", ""),
        ("in {background} here", ""),
        ("on a teapots' shelf", "on a teapots' shelf"),
    ],
)
def test_a_phrase_is_a_place_and_nothing_else(said, kept):
    found = read_proposal(answer([said, "at the end"]), THINGS).phrases
    assert found == ((kept, "at the end") if kept else ("at the end",))


def test_groups_hold_known_things_once():
    found = read_proposal(answer(together=[[0, 1, 1], [1, 2], [3], [2, 3, 9, -1], []]), THINGS)
    assert found.together == (("teapot", "cup"), ("dog", "ball"))


def test_sizes_are_taken_where_they_can_be():
    assert read_proposal(answer(metres=[0.2, 0, 1e9, 0.3]), THINGS).metres == {"teapot": 0.2, "ball": 0.3}
    assert read_proposal(answer(metres=[0.2, 0.1]), THINGS).metres == {}, "whose they are is not known"


@pytest.mark.parametrize(
    "text", ["", "on a table", "[]", '{"phrases": []}', answer([]), answer(["teapot"]), "{" * 9999]
)
def test_what_names_no_place_is_no_proposal(text):
    with pytest.raises(SampleError, match="SCENES_JSON"):
        read_proposal(text, THINGS)


def test_concepts_appear_with_their_group_or_with_the_rest():
    names = ("mug", "book", "dog", "cat", "vase", "lamp", "kite")
    library = {item.cutout_id: item for item in (cutout(name, key=name) for name in names)}
    castings = ensembles(library, [("mug", "book"), ("dog", "cat"), ("kite", "balloon")])
    found = {frozenset(concept.class_name for concept in each.concepts) for each in castings}
    assert found == {frozenset({"mug", "book"}), frozenset({"dog", "cat"}), frozenset({"vase", "lamp"})}
    assert len(ensembles(library)) == 1
