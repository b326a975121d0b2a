import time
from itertools import pairwise

import pytest

from engine.run.recipe_yaml import MAX_CHARACTERS, MAX_DEPTH
from tests.support.data.recipe_text import MINE, edited, parsed, refused


@pytest.mark.parametrize("text", ["", "just words", "- a\n- b", "7", "a: 1\n---\nb: 2", "a: [", "\ta: 1", "a: \x00"])
def test_what_is_no_mapping_is_refused(text):
    assert refused(text).code == "RECIPE_YAML"


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system [echo]", '!!int ""', "!!int _", "!!float x", "!!bool maybe", "!!timestamp now",
        "!!binary é", "!!omap [a]", "!unknown x", "2001-99-99", "9" * 5000, '"\\ud800"', "? {a: b}",
    ],
)  # fmt: skip
def test_every_tag_and_literal_of_yaml_ends_in_a_usage_error(value):
    assert refused(edited("seed: 0", f"seed: {value}")).code in ("RECIPE_YAML", "RECIPE_VALUE")
    assert refused(MINE, f"seed={value}").code in ("RECIPE_YAML", "RECIPE_VALUE")


@pytest.mark.parametrize(
    ("old", "key"), [("seed: 0", "seed"), ("        mirror: true", "phases.layout.stages.layout.mirror")]
)
def test_a_key_that_is_written_twice_is_refused_at_the_second(old, key):
    line = next(line for line in MINE.splitlines() if line.startswith(old))
    text = MINE.replace(line, f"{line}\n{line}")
    error = refused(text)
    assert (error.code, error.what) == ("RECIPE_KEY", f"{key!r} is written twice")
    assert error.where == f"mine.yaml:{MINE.splitlines().index(line) + 2}"


def test_aliases_are_refused_before_they_can_grow():
    bomb = "a: &a [x, x]\n" + "\n".join(f"{new}: &{new} [*{old}, *{old}]" for old, new in pairwise("abcdefghi"))
    assert "aliases" in refused(bomb).what
    assert "aliases" in refused(MINE, "seed=[&a [], *a]").what


@pytest.mark.parametrize(
    "text", ["a: " + "[" * (MAX_CHARACTERS - 10), "a: " + "{b: " * (MAX_DEPTH + 1), "x" * (MAX_CHARACTERS + 1)]
)
def test_huge_and_deep_texts_are_refused_at_once(text):
    began = time.process_time()
    assert refused(text).code == "RECIPE_YAML"
    assert refused(MINE, f"seed={text[3:]}").code in ("RECIPE_YAML", "RECIPE_VALUE")
    assert time.process_time() - began < 5


def test_one_value_may_be_changed_from_outside():
    recipe = parsed(MINE, "unit_size=8", "phases.compose.stages.gate.max_seam=0.2", "gate.min_visible_fraction=null")
    gate = recipe.stages[-1].model_dump()
    assert (recipe.unit_size, gate["max_seam"], gate["min_visible_fraction"]) == (8, 0.2, None)
    assert gate["min_identity_psnr"] == 34.0, "its neighbours stay"


def test_a_value_may_be_set_below_what_the_file_leaves_empty_or_out():
    assert parsed(MINE, "paste.margin_px=2").stages[3].model_dump()["margin_px"] == 2
    assert parsed(MINE, "score.clip.model=ViT-B-32").stages[7].model_dump()["clip"]["model"] == "ViT-B-32"
    assert parsed(MINE, "pools.all.gpus=0.5").pools["all"].gpus == 0.5
    assert parsed(MINE, "segment.max_side=256").stages[0].model_dump()["max_side"] == 256


def test_the_last_of_two_overrides_counts_and_the_file_is_not_needed_to_be_right():
    assert parsed(MINE, "seed=1", "seed=2").seed == 2
    assert parsed(edited("seed: 0", "seed: wrong"), "seed=3").seed == 3


@pytest.mark.parametrize("item", ["", "seed", "=", "=5", ".=5", "a..b=1", " =1", "\x1b[31m"])
def test_an_override_that_is_not_key_and_value_is_refused_with_an_example(item):
    error = refused(MINE, item)
    assert (error.code, error.where) == ("RECIPE_SET", "--set")
    assert "--set inpaint.steps=30" in error.fix


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ("name.x=1", "RECIPE_SET"),
        ("name.0=1", "RECIPE_SET"),
        ("phases.compose.stages.gate.max_seam.x=1", "RECIPE_VALUE"),
        ("unit_size=[", "RECIPE_YAML"),
        ("unit_size=a: b: c", "RECIPE_YAML"),
        ("unit_size=\x1b", "RECIPE_YAML"),
        ("unit_sice=8", "RECIPE_KEY"),
        ("new.key=8", "RECIPE_KEY"),
        ("gate=8", "RECIPE_KEY"),
        ("phases.compose.stages.new.key=8", "RECIPE_KEY"),
        ("gate.max_sean=0.1", "RECIPE_KEY"),
        ("gate.max_seam=wide", "RECIPE_VALUE"),
        ("phases.compose.stages.gate={min_identity_psnr: wide}", "RECIPE_VALUE"),
        ("score.clip.mdel=x", "RECIPE_KEY"),
        ("inpaint.steps=", "RECIPE_VALUE"),
    ],
)
def test_a_wrong_override_is_named_as_the_place(item, code):
    error = refused(MINE, item)
    assert (error.code, error.where) == (code, f"--set {item}")
