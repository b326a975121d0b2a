import pytest

from engine.errors import SampleError, UsageError
from planners.train.prompts import (
    MOST_CONCEPTS,
    PromptStrategies,
    class_prompt,
    composed_prompt,
    name_concepts,
    photo_prompt,
)

WORDS = name_concepts({"rex": "dog", "my pot": "teapot"})
BY_CONCEPT = {words.concept: words for words in WORDS}
PLAIN = PromptStrategies()


def test_concepts_are_named_in_the_order_of_their_names_each_from_a_rare_word_of_its_own():
    assert [(words.concept, words.token, words.phrase) for words in WORDS] == [
        ("my pot", "<new1>", "<new1> teapot"), ("rex", "<new2>", "<new2> dog"),
    ]  # fmt: skip
    assert len({words.initializer for words in WORDS}) == 2


def test_no_concept_and_too_many_are_refused():
    for count in (0, MOST_CONCEPTS + 1):
        with pytest.raises(UsageError, match=f"TRAIN_CONCEPTS  {count} concepts"):
            name_concepts({f"c{number}": "toy" for number in range(count)})
    assert len(name_concepts({f"c{number}": "toy" for number in range(MOST_CONCEPTS)})) == MOST_CONCEPTS


def test_photos_have_the_papers_prompts():
    assert photo_prompt(BY_CONCEPT["rex"]) == "photo of a <new2> dog"
    assert photo_prompt(BY_CONCEPT["rex"], "very small") == "very small photo of a <new2> dog"
    assert class_prompt(BY_CONCEPT["rex"]) == "photo of a dog"
    assert class_prompt(name_concepts({"x": "hourglass"})[0]) == "photo of an hourglass"


def composed(template="{obj_2} beside {obj_1} on a beach", background="on a beach", **how):
    return composed_prompt(
        template, [("rex", "dog"), ("my pot", "pot")], background, BY_CONCEPT, PromptStrategies(**how)
    )


def test_a_composed_row_names_each_object_by_its_token_and_class():
    assert composed() == "a <new1> teapot beside a <new2> dog on a beach"


def test_strategies_of_the_paper_are_switches():
    assert composed(repeat_concepts=True).endswith("on a beach, <new2> dog, <new1> teapot")
    assert composed(composition_token=True).startswith("<composition> a <new1>")
    assert composed(state_background=True) == composed(), "it is stated already"
    assert composed("{obj_1} and {obj_2}", state_background=True) == "a <new2> dog and a <new1> teapot on a beach"
    both = composed("{obj_1} and {obj_2}", state_background=True, repeat_concepts=True)
    assert both == "a <new2> dog and a <new1> teapot on a beach, <new2> dog, <new1> teapot"


@pytest.mark.parametrize("template", ["a dog", "{obj_1} alone", "{obj_1} {obj_1} {obj_2}", "{obj_1} {obj_2} {obj_3}"])
def test_a_caption_without_a_place_for_each_object_is_named(template):
    with pytest.raises(SampleError) as caught:
        composed(template)
    assert caught.value.code == "TRAIN_CAPTION"
    assert caught.value.where == template


def test_an_object_that_is_not_taught_is_called_by_its_class():
    words = {"rex": BY_CONCEPT["rex"]}
    objects = [("rex", "dog"), ("my pot", "teapot")]
    how = PromptStrategies(repeat_concepts=True)
    said = composed_prompt("{obj_2} beside {obj_1}", objects, "", words, how)
    assert said == f"a teapot beside a {words['rex'].phrase}, {words['rex'].phrase}"
