from collections import Counter
from pathlib import Path
from typing import ClassVar, final

import numpy as np
import pytest
from pydantic import Field

from engine.errors import UsageError
from engine.run.pool import Pool
from engine.run.stage import Spec
from tests.support.data.recipe_text import MINE, edited, line_of, parsed, refused

CLASSIC = (Path(__file__).parents[3] / "recipes" / "classic.yaml").read_text()
LATER = "[inpaint, restore, caption, score, gate, commit]"
GATE = "phases.compose.stages.gate"
RUN_ALL = "[scene, layout, paste, inpaint, restore, caption, score, gate, commit]"


@pytest.mark.parametrize(
    ("old", "new", "key", "meant"),
    [
        ("unit_size: 16", "unitsize: 16", "unitsize", "unit_size"),
        ("    min_objects: 2", "    min_object: 2", "phases.layout.stages.scene.min_object", "min_objects"),
        ("  score:", "  score: {refernces: 4}", "phases.compose.stages.score.refernces", "references"),
        ("  score:", "  score: {clip: {mdel: ViT-B-32}}", "phases.compose.stages.score.clip.mdel", "model"),
        ("    cpus: 1", "    cpu: 1", "pools.all.cpu", "cpus"),
        ("    backend: grabcut", "    backnd: grabcut", "phases.segment.stages.segment.backnd", "backend"),
        ("    record: cutout", "    recrod: cutout", "phases.segment.recrod", "record"),
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
        ("    min_identity_psnr: 34.0", "    min_identity_psnr: .nan", f"{GATE}.min_identity_psnr"),
        ("    min_identity_psnr: 34.0", "    min_identity_psnr: -.inf", f"{GATE}.min_identity_psnr"),
        (
            "    min_visible_fraction: 0.7",
            "    min_visible_fraction: 70",
            "phases.compose.stages.gate.min_visible_fraction",
        ),
        ("    cpus: 1", "    gpus: .nan", "pools.all.gpus"),
        ("    max_objects: 5", "    max_objects: lots", "phases.layout.stages.scene.max_objects"),
        ("  paste:", "  paste: false", "phases.compose.stages.paste"),
        ("  paste:", "  paste: 0", "phases.compose.stages.paste"),
        ("  paste:", "  paste: []", "phases.compose.stages.paste"),
        ("  paste:", "  paste: text", "phases.compose.stages.paste"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(old, new, key):
    text = edited(old, new)
    error = refused(text)
    assert (error.code, error.where) == ("RECIPE_VALUE", line_of(text, new))
    assert error.what.startswith(f"{key}: ")


def test_values_that_contradict_each_other_are_named_with_their_mapping():
    assert refused(edited("min_objects: 2", "min_objects: 5").replace("max_objects: 5", "max_objects: 3")).where == (
        line_of(MINE, "      scene:")
    )
    error = refused(edited("    cpus: 1", "    min_replicas: 3\n    max_replicas: 2"))
    assert "min_replicas" in error.what


@pytest.mark.parametrize("key", ["name", "phases", "pools"])
def test_a_missing_part_is_named(key):
    blocks = MINE.replace("\n\n", "\n").splitlines()
    start = next(number for number, line in enumerate(blocks) if line.startswith(f"{key}:"))
    stop = next((n for n, line in enumerate(blocks[start + 1 :], start + 1) if line[:1] not in " #"), len(blocks))
    error = refused("\n".join(blocks[:start] + blocks[stop:]))
    assert key in error.what
    assert error.where == "mine.yaml"
    assert error.fix


@pytest.mark.parametrize("key", ["1", "~", "yes", "1.5", "2001-01-01", '""'])
def test_keys_that_are_no_text_are_refused_wherever_they_stand(key):
    assert refused(edited("  paste:", f"  {key}:")).code == "RECIPE_KEY"
    assert refused(edited("    mirror: true", f"    {key}: true")).code in ("RECIPE_KEY", "RECIPE_VALUE")
    assert refused(f"{MINE}\n{key}: 1\n").code in ("RECIPE_KEY", "RECIPE_VALUE")


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
    error = refused(MINE, f"pools={{all: {{stages: {stages}}}}}")
    assert (error.code, error.where) == ("POOLS_ORDER", "recipe mine, pools")
    assert RUN_ALL[1:-1] in error.fix


def test_a_phase_that_no_pool_names_runs_in_one_process_of_one_core():
    recipe = parsed(MINE, "pools={}")
    for name in ("segment", "compose"):
        phase = recipe.whole(name)
        (pool,) = recipe.pools_of(phase)
        assert (pool.stages, pool.cpus, pool.gpus) == ((*phase.stage_names(), "commit"), 1.0, 0.0)


def test_a_pool_that_names_half_a_phase_is_refused():
    assert refused(MINE, "pools.library={stages: [commit, segment]}").code == "POOLS_ORDER"
    assert refused(MINE, "pools.all.stages=[segment, scene]").code == "POOLS_ORDER"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("source: samples", "source: compose", "comes later"),
        ("    source: layout\n", "    source: layout\n    record: cutout\n", "another record"),
        ("      paste:\n", "      scene:\n      paste:\n", "has the stage 'scene'"),
    ],
)
def test_phases_that_do_not_follow_each_other_are_refused(old, new, what):
    error = refused(edited(old, new))
    assert (error.code, error.exit_code) == ("PHASES_ORDER", 2)
    assert what in error.what


def test_a_phase_alone_runs_on_its_part_of_the_pools():
    recipe = parsed(MINE, f"pools={{a: {{stages: [scene, layout, paste], gpus: 2}}, b: {{stages: {LATER}}}}}")
    (first,) = recipe.pools_of(recipe.phase("layout"))
    assert (first.stages, first.gpus) == (("scene", "layout", "commit"), 2.0)
    later = recipe.pools_of(recipe.phase("compose"))
    assert [pool.stages for pool in later] == [("paste",), ("inpaint", "restore", "caption", "score", "gate", "commit")]
    assert recipe.phase("compose").record == "composition"


def test_pools_cut_the_stages_into_groups_and_change_no_data():
    one = parsed()
    parts = RUN_ALL.replace(", paste", "]}, b: {stages: [paste")
    apart = parsed(MINE, f"pools={{a: {{stages: {parts}}}}}")
    whole = apart.whole("compose")
    groups = whole.groups(apart.pools_of(whole))
    assert [[stage.name for stage in group] for group in groups] == [
        ["scene", "layout"],
        ["paste", "inpaint", "restore", "caption", "score", "gate"],
    ]
    assert [stage for group in groups for stage in group] == list(one.whole("compose").stages)
    assert apart.affects_data(whole) == one.affects_data(one.whole("compose"))


def test_what_only_says_how_long_to_wait_affects_no_data():
    def locked(*overrides):
        recipe = parsed(MINE, *overrides)
        return recipe.affects_data(recipe.whole("compose"))

    assert locked("gate.timeout_s=5") == locked()
    for item in ("seed=1", "size=256", "unit_size=8", "gate.max_seam=0.3", "layout.mirror=false"):
        assert locked(item) != locked()


def test_a_suggestion_is_of_the_spec_in_which_the_key_stands():
    from engine.run.recipe_parse import _known_keys

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
