import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, final

import numpy as np
import pytest
from pydantic import Field

from actors.catalogue import STAGES
from engine.errors import UsageError
from engine.recipe import Pool, parse_recipe
from engine.recipe_source import MAX_CHARACTERS, MAX_DEPTH
from engine.stage import Spec

CLASSIC = (Path(__file__).parents[2] / "recipes" / "classic.yaml").read_text()
MINE = """\
name: mine
size: 512
seed: 0
unit_size: 16  # samples

segment:
  backend: grabcut

stages:
  scene:
    min_objects: 2
    max_objects: 5
  layout:
    mirror: true
  paste:
  inpaint:
  restore:
  caption:
  score:
  gate:
    min_identity_psnr: 34.0
    min_visible_fraction: 0.7

pools:
  - stages: [scene, layout, paste, inpaint, restore, caption, score, gate, commit]
    cpus: 1
"""
RUN_ALL = "[scene, layout, paste, inpaint, restore, caption, score, gate, commit]"


def parsed(text=MINE, *overrides):
    recipe = parse_recipe(text, where="mine.yaml", stages=STAGES, overrides=overrides)
    recipe.groups()
    return recipe


def refused(text, *overrides):
    with pytest.raises(UsageError) as caught:
        parsed(text, *overrides)
    assert caught.value.exit_code == 2
    return caught.value


def edited(old, new):
    assert MINE.count(old) == 1
    return MINE.replace(old, new)


def line_of(text, part):
    return f"mine.yaml:{next(number for number, line in enumerate(text.splitlines(), 1) if part.rstrip() in line)}"


@pytest.mark.parametrize(
    ("old", "new", "key", "meant"),
    [
        ("unit_size: 16", "unitsize: 16", "unitsize", "unit_size"),
        ("    min_objects: 2", "    min_object: 2", "stages.scene.min_object", "min_objects"),
        ("  score:", "  score: {refernces: 4}", "stages.score.refernces", "references"),
        ("  score:", "  score: {clip: {mdel: ViT-B-32}}", "stages.score.clip.mdel", "model"),
        ("    cpus: 1", "    cpu: 1", "pools.0.cpu", "cpus"),
        ("  backend: grabcut", "  backnd: grabcut", "segment.backnd", "backend"),
        ("  restore:", "  restoer:", "restoer", "restore"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_one_that_was_meant(old, new, key, meant):
    text = edited(old, new)
    error = refused(text)
    assert (error.code, error.where) == ("RECIPE_KEY", line_of(text, new))
    assert repr(key) in error.what
    assert f"did you mean {meant!r}?" in error.fix


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("size: 512\n", "size: big\n", "size"),
        ("size: 512\n", "size: 100\n", "size"),
        ("seed: 0", "seed: -1", "seed"),
        ("seed: 0", "seed: 9223372036854775808", "seed"),
        ("seed: 0", "seed: 1.5", "seed"),
        ("seed: 0", "seed: .inf", "seed"),
        ("name: mine", "name: ../up", "name"),
        ("name: mine", "name: [a]", "name"),
        ("    min_identity_psnr: 34.0", "    min_identity_psnr: .nan", "stages.gate.min_identity_psnr"),
        ("    min_identity_psnr: 34.0", "    min_identity_psnr: -.inf", "stages.gate.min_identity_psnr"),
        ("    min_visible_fraction: 0.7", "    min_visible_fraction: 70", "stages.gate.min_visible_fraction"),
        ("    cpus: 1", "    gpus: .nan", "pools.0.gpus"),
        ("    max_objects: 5", "    max_objects: lots", "stages.scene.max_objects"),
        ("  paste:", "  paste: false", "stages.paste"),
        ("  paste:", "  paste: 0", "stages.paste"),
        ("  paste:", "  paste: []", "stages.paste"),
        ("  paste:", "  paste: text", "stages.paste"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(old, new, key):
    text = edited(old, new)
    error = refused(text)
    assert (error.code, error.where) == ("RECIPE_VALUE", line_of(text, new))
    assert error.what.startswith(f"{key}: ")


def test_values_that_contradict_each_other_are_named_with_their_mapping():
    assert refused(edited("min_objects: 2", "min_objects: 5").replace("max_objects: 5", "max_objects: 3")).where == (
        line_of(MINE, "  scene:")
    )
    error = refused(edited("    cpus: 1", "    min_replicas: 3\n    max_replicas: 2"))
    assert "min_replicas" in error.what


@pytest.mark.parametrize("key", ["name", "segment", "stages", "pools"])
def test_a_missing_part_is_named(key):
    blocks = MINE.replace("\n\n", "\n").splitlines()
    start = next(number for number, line in enumerate(blocks) if line.startswith(f"{key}:"))
    stop = next((n for n, line in enumerate(blocks[start + 1 :], start + 1) if line[:1] not in " #"), len(blocks))
    error = refused("\n".join(blocks[:start] + blocks[stop:]))
    assert key in error.what
    assert error.where == "mine.yaml"
    assert error.fix


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


@pytest.mark.parametrize("key", ["1", "~", "yes", "1.5", "2001-01-01", '""'])
def test_keys_that_are_no_text_are_refused_wherever_they_stand(key):
    assert refused(edited("  paste:", f"  {key}:")).code == "RECIPE_KEY"
    assert refused(edited("    mirror: true", f"    {key}: true")).code in ("RECIPE_KEY", "RECIPE_VALUE")
    assert refused(f"{MINE}\n{key}: 1\n").code in ("RECIPE_KEY", "RECIPE_VALUE")


@pytest.mark.parametrize(("old", "key"), [("seed: 0", "seed"), ("    mirror: true", "stages.layout.mirror")])
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
    began = time.perf_counter()
    assert refused(text).code == "RECIPE_YAML"
    assert refused(MINE, f"seed={text[3:]}").code in ("RECIPE_YAML", "RECIPE_VALUE")
    assert time.perf_counter() - began < 5


def test_one_value_may_be_changed_from_outside():
    recipe = parsed(MINE, "unit_size=8", "stages.gate.max_seam=0.2", "gate.min_visible_fraction=null")
    gate = recipe.stages[-1].model_dump()
    assert (recipe.unit_size, gate["max_seam"], gate["min_visible_fraction"]) == (8, 0.2, None)
    assert gate["min_identity_psnr"] == 34.0, "its neighbours stay"


def test_a_value_may_be_set_below_what_the_file_leaves_empty_or_out():
    assert parsed(MINE, "paste.margin_px=2").stages[2].model_dump()["margin_px"] == 2
    assert parsed(MINE, "score.clip.model=ViT-B-32").stages[6].model_dump()["clip"]["model"] == "ViT-B-32"
    assert parsed(MINE, "segment_pool.gpus=0.5").segment_pool.gpus == 0.5
    assert parsed(MINE, "segment.max_side=256").segment.model_dump()["max_side"] == 256


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
        ("pools.0.cpus=1", "RECIPE_SET"),
        ("stages.gate.max_seam.x=1", "RECIPE_VALUE"),
        ("unit_size=[", "RECIPE_YAML"),
        ("unit_size=a: b: c", "RECIPE_YAML"),
        ("unit_size=\x1b", "RECIPE_YAML"),
        ("unit_sice=8", "RECIPE_KEY"),
        ("new.key=8", "RECIPE_KEY"),
        ("gate=8", "RECIPE_KEY"),
        ("stages.new.key=8", "RECIPE_KEY"),
        ("gate.max_sean=0.1", "RECIPE_KEY"),
        ("gate.max_seam=wide", "RECIPE_VALUE"),
        ("stages.gate={min_identity_psnr: wide}", "RECIPE_VALUE"),
        ("score.clip.mdel=x", "RECIPE_KEY"),
        ("inpaint.steps=", "RECIPE_VALUE"),
    ],
)
def test_a_wrong_override_is_named_as_the_place(item, code):
    error = refused(MINE, item)
    assert (error.code, error.where) == (code, f"--set {item}")


@pytest.mark.parametrize(
    "stages",
    [
        "[scene]",
        "[commit]",
        RUN_ALL.replace(", commit", ""),
        RUN_ALL.replace(", paste", ""),
        RUN_ALL.replace("scene, layout", "layout, scene"),
        RUN_ALL.replace("scene,", "scene, scene,"),
        RUN_ALL.replace("gate, commit", "commit, gate"),
        RUN_ALL.replace("commit", "comit"),
    ],
)
def test_pools_that_miss_or_reorder_a_stage_are_refused_with_the_right_order(stages):
    error = refused(MINE, f"pools=[{{stages: {stages}}}]")
    assert (error.code, error.where) == ("POOLS_ORDER", "recipe mine, pools")
    assert RUN_ALL[1:-1] in error.fix


def test_no_pool_at_all_and_a_wrong_pool_of_the_library_job_are_refused():
    assert refused(MINE, "pools=[]").code == "POOLS_ORDER"
    error = refused(MINE, "segment_pool={stages: [commit]}")
    assert (error.code, error.where) == ("POOLS_ORDER", "recipe mine, segment_pool")


def test_pools_cut_the_stages_into_groups_and_change_no_data():
    one = parsed()
    apart = parsed(MINE, f"pools=[{{stages: {RUN_ALL.replace(', paste', ']}, {stages: [paste')}}}]")
    assert [[stage.name for stage in group] for group in apart.groups()] == [
        ["scene", "layout"],
        ["paste", "inpaint", "restore", "caption", "score", "gate"],
    ]
    assert [stage for group in apart.groups() for stage in group] == list(one.groups()[0])
    assert apart.affects_data() == one.affects_data()


def test_what_only_says_how_long_to_wait_affects_no_data():
    assert parsed(MINE, "gate.timeout_s=5").affects_data() == parsed().affects_data()
    for item in ("seed=1", "size=256", "unit_size=8", "gate.max_seam=0.3", "layout.mirror=false"):
        assert parsed(MINE, item).affects_data() != parsed().affects_data()


def test_a_suggestion_is_of_the_spec_in_which_the_key_stands():
    from engine.recipe import _known_keys

    @final
    class Inner(Spec):
        depth: int = 1

    @final
    class Outer(Spec):
        inner: tuple[Inner, ...] | None = None
        table: ClassVar[int] = 1
        other: int = Field(0)

    assert _known_keys(Outer, ("nothing",)) == ["inner", "other"]
    assert _known_keys(Outer, ("inner", 3, "dept")) == ["depth"]
    assert _known_keys(Pool, ("cpu",))[:2] == ["stages", "cpus"]


def mutated(text, draw):
    """A few characters lost, doubled, swapped for something that means something to YAML, or lines moved."""
    characters = list(text)
    for spot in draw.integers(0, len(characters) - 8, draw.integers(1, 4)):
        kind = draw.integers(4)
        if kind == 0:
            del characters[spot : spot + int(draw.integers(1, 8))]
        elif kind == 1:
            characters[spot:spot] = characters[spot : spot + int(draw.integers(1, 30))]
        elif kind == 2:
            characters[spot] = str(draw.choice(list("{}[]:,&*!|>'\"%@`#-?~\t\n 0.\x00\x1b\ufeffé")))
        else:
            lines = "".join(characters).splitlines(keepends=True)
            first, second = draw.integers(0, len(lines), 2)
            lines[first], lines[second] = lines[second], lines[first]
            characters = list("".join(lines))
    return "".join(characters)


def test_500_broken_recipes_are_read_or_refused_and_nothing_else():
    draw = np.random.default_rng(11)
    body = "\n".join(line for line in CLASSIC.splitlines() if line and not line.startswith("#"))
    codes = Counter(outcome(mutated(body, draw)) for _ in range(500))
    assert set(codes) == {"read", "RECIPE_YAML", "RECIPE_KEY", "RECIPE_VALUE", "POOLS_ORDER"}
    assert 20 < codes["read"] < 400


def outcome(text):
    try:
        parsed(text)
    except UsageError as error:
        return error.code
    return "read"
