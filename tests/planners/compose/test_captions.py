import pytest

from planners.compose.captions import caption, clean


def test_every_object_is_named_in_order_and_so_are_its_placeholders():
    made = caption(("tom", "pot", "bag"), ("cat", "teapot", "backpack"), "on the beach")
    assert made.text == "a photo of a cat, a teapot and a backpack on the beach"
    assert made.template == "a photo of {obj_1}, {obj_2} and {obj_3} on the beach"


def test_a_second_of_its_class_is_another():
    assert caption(("a", "b"), ("dog", "dog"), "").text == "a photo of a dog and another dog"
    made = caption(("a", "b", "c"), ("dog", "glasses", "glasses"), "in the snow.")
    assert made.text == "a photo of a dog, a pair of glasses and another pair of glasses in the snow"


def test_the_template_filled_in_gives_the_text():
    made = caption(("a", "b"), ("owl", "cup"), "on a {wooden} table")
    assert made.template.format(obj_1="an owl", obj_2="a cup") == made.text


SPOKEN = """
a cat, an apple, an hourglass, a unicorn, an umbrella, a uniform, an uninflated ball, a UFO, an SUV,
an LED lamp, an x-ray, an 8-ball, a USB stick, a one-eyed cat, a European hat, a utensil, a ukulele, an MP3 player,
a T-shirt, an honest man, a pair of glasses, some flowers, a bus, a lens, some bread, a stuffed animal, an urn,
a CD
"""


@pytest.mark.parametrize("phrase", [phrase.strip() for phrase in SPOKEN.split(",")])
def test_the_article_follows_the_sound(phrase):
    noun = phrase.removeprefix("a pair of ").removeprefix("some ").removeprefix("an ").removeprefix("a ")
    assert caption(("x",), (noun,), "").text == f"a photo of {phrase}"


def test_hostile_text_becomes_harmless():
    made = caption(("{obj_2}", "\x00"), ("", "ca\x1bt_7\u202e"), "on {obj_1}\nthe\tbeach\ud800")
    assert made.text == "a photo of a (obj 2) and a cat on (obj_1) the beach"
    assert made.template == "a photo of {obj_1} and {obj_2} on (obj_1) the beach"


def test_a_class_name_loses_underscores_and_trailing_digits():
    assert clean("stuffed_animal2") == "stuffed animal"
    assert caption(("Rex",), ("",), "").text == "a photo of a Rex"
    assert caption(("3",), ("7",), "").text == "a photo of an object"
