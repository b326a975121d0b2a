"""What a protocol asks: casts, words, benchmarks' own files."""

import json

import pytest

from engine.errors import UsageError
from planners.evaluate.benchmarks import knows, prompt_files, read_customconcept101, read_dreambench
from planners.evaluate.questions import ask_scenes, ask_templates, choose_casts, prompt_of
from planners.train.prompts import PromptStrategies, name_concepts, without_tokens

CLASSES = {"ada": "mug", "bob": "dog", "cy": "umbrella"}
WORDS = {each.concept: each for each in name_concepts(CLASSES)}


@pytest.mark.parametrize(("size", "most", "count"), [(1, 9, 6), (2, 5, 5), (3, 100, 20), (7, 5, 0)])
def test_as_many_casts_as_there_are_and_no_more(size, most, count):
    casts = choose_casts([f"c{number}" for number in range(6)], size, most, seed=1)
    assert len(set(casts)) == len(casts) == count
    assert all(len(set(cast)) == size for cast in casts)


def test_every_concept_is_asked_for_about_equally_often():
    casts = choose_casts([f"c{number}" for number in range(10)], 2, 10, seed=3)
    counts = [sum(name in cast for cast in casts) for name in {name for cast in casts for name in cast}]
    assert len(counts) == 10
    assert max(counts) - min(counts) <= 1


def test_casts_depend_on_the_seed_and_on_nothing_else():
    names = [f"c{number}" for number in range(8)]
    assert choose_casts(names, 3, 5, 0) == choose_casts(reversed(names), 3, 5, 0) != choose_casts(names, 3, 5, 1)


def test_of_very_many_some_are_drawn():
    casts = choose_casts([f"c{number:03d}" for number in range(200)], 4, 12, seed=0)
    assert len(set(casts)) == 12


def test_a_question_has_words_for_each_reader():
    (question,) = ask_scenes([("ada", "cy")], CLASSES, ["on the beach"])
    assert question.caption == "a photo of a mug and an umbrella on the beach"
    assert question.wording == question.background == "on the beach"
    prompt = prompt_of(question, WORDS, PromptStrategies())
    assert prompt == "a photo of a <new1> mug and a <new3> umbrella on the beach"


def test_a_model_is_asked_as_its_rows_were_worded():
    (question,) = ask_scenes([("ada", "bob")], CLASSES, ["in the snow"])
    how = PromptStrategies(composition_token=True, repeat_concepts=True)
    prompt = prompt_of(question, WORDS, how)
    assert prompt == "<composition> a photo of a <new1> mug and a <new2> dog in the snow, <new1> mug, <new2> dog"
    assert without_tokens(prompt).startswith("a photo of a mug and a dog in the snow")


def test_words_of_a_benchmark_keep_their_articles():
    questions = list(ask_templates(("bob", "ada"), CLASSES, ["a red {obj_1} beside the {obj_2}."]))
    assert questions[0].caption == "a red dog beside the mug."
    assert prompt_of(questions[0], WORDS, PromptStrategies()) == "a red <new2> dog beside the <new1> mug."
    assert questions[0].wording == "a red {obj_1} beside the {obj_2}."


DREAMBENCH = """Classes

subject_name,class
tin_robot,toy
old_cat,cat

Prompts

Object Prompts

prompt_list = [
'a {0} {1} on a shelf'.format(unique_token, class_token),
'a green {0} {1}'.format(unique_token, class_token)
]

Live Subject Prompts

prompt_list = [
'a {0} {1} in a boat'.format(unique_token, class_token)
]
"""


def test_dreambench_has_prompts_for_things_and_for_animals():
    thing, animal = read_dreambench(DREAMBENCH)
    assert (thing.cast, thing.templates) == (("tin_robot",), ("a {obj_1} on a shelf", "a green {obj_1}"))
    assert (animal.cast, animal.templates) == (("old_cat",), ("a {obj_1} in a boat",))


@pytest.mark.parametrize("text", ["", "Classes\n", DREAMBENCH.partition("Live")[0]])
def test_another_file_is_no_dreambench(text):
    with pytest.raises(UsageError, match="BENCHMARK_FILE"):
        read_dreambench(text)


def concept(name, prompts):
    return {"instance_data_dir": f"./data/{name}", "class_prompt": "x", "prompt_filename": prompts}


FILES = {
    "dataset.json": json.dumps([concept("sofa1", "prompts/sofa.txt")]),
    "dataset_multiconcept.json": json.dumps(
        [
            [concept("sofa1", "p"), concept("dog2", "p"), {"prompt_filename_compose": "prompts/two.txt"}],
            [concept("a", "p"), concept("b", "p"), concept("c", "p"), {"prompt_filename_compose": "prompts/three.txt"}],
        ]
    ),
    "prompts/sofa.txt": "Photo of a {}.\n\n{} in snow.\n",
    "prompts/two.txt": "The {1} on the {0}.",
    "prompts/three.txt": "{0}, {1} and {2}",
}


def test_customconcept101_has_single_concepts_and_sets():
    one, two, three = read_customconcept101(FILES)
    assert (one.cast, one.templates) == (("sofa1",), ("Photo of a {obj_1}.", "{obj_1} in snow."))
    assert (two.cast, two.templates) == (("sofa1", "dog2"), ("The {obj_2} on the {obj_1}.",))
    assert three.templates == ("{obj_1}, {obj_2} and {obj_3}",)
    assert knows(two, ["dog2", "sofa1", "x"])
    assert not knows(two, ["dog2"])


def test_concepts_whose_prompts_are_not_there_are_left_out_and_places_are_counted():
    left = {name: text for name, text in FILES.items() if name != "prompts/sofa.txt"}
    assert [len(each.cast) for each in read_customconcept101(left)] == [2, 3]
    pair = read_customconcept101({**FILES, "prompts/two.txt": "{} and {}"})[1]
    assert pair.templates == ("{obj_1} and {obj_2}",)


def test_the_files_that_a_benchmark_names_are_found():
    assert list(prompt_files(FILES["dataset_multiconcept.json"])) == ["p", "prompts/two.txt", "prompts/three.txt"]


@pytest.mark.parametrize("wrong", [{}, {"dataset.json": "{"}, {"dataset.json": '[{"a": 1}]'}, {"dataset.json": "[3]"}])
def test_another_file_is_no_customconcept101(wrong):
    with pytest.raises(UsageError, match="BENCHMARK_FILE"):
        read_customconcept101(wrong)
