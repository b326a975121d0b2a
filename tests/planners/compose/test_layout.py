from dataclasses import replace

import numpy as np
import pytest

from engine.errors import SampleError
from engine.rows.composition import Placement
from planners.compose.casting import prepare_casting
from planners.compose.layout import problems, solve
from planners.compose.scenes import plan_scene
from tests.support.data.cutouts import BEACH, TABLE, cutout, random_library

DOG, CAT = cutout("dog", 0.8), cutout("cat", 0.9)


def test_random_casts_are_solved_and_obey_every_rule():
    cutouts = random_library(200)
    index = prepare_casting(cutouts)
    totals = []
    for seed in range(400):
        plan = plan_scene(seed, index, (BEACH, TABLE), 2, 5)
        cast = [cutouts[key] for key in plan.cast]
        placements = solve(seed, cast, plan.ground_line)
        assert problems(placements, cast, plan.ground_line) == ()
        totals.append(sum((p.box[2] - p.box[0]) * (p.box[3] - p.box[1]) for p in placements))
    assert 0.15 < np.percentile(totals, 5) < np.percentile(totals, 95) < 0.45


@pytest.mark.parametrize("ground_line", [None, 0.0, 0.2, 0.6, 0.85, 0.92])
@pytest.mark.parametrize("aspects", [(0.2, 0.2), (5, 5), (0.2, 5, 1), (1, 1, 1, 1), (5, 0.2, 2, 0.5, 1)])
def test_thin_and_wide_things_find_room_at_any_ground_line(ground_line, aspects):
    cast = [cutout("dog", aspect, concept=f"dog{number}") for number, aspect in enumerate(aspects)]
    assert problems(solve(1, cast, ground_line), cast, ground_line) == ()


def test_layouts_replay_and_differ_between_seeds():
    assert solve(3, [DOG, CAT], 0.5) == solve(3, [DOG, CAT], 0.5)
    assert len({solve(seed, [DOG, CAT], 0.5) for seed in range(20)}) == 20


def test_cut_sides_lie_on_the_edges_of_the_canvas():
    cast = [cutout("dog", 0.8, ["left"]), cutout("cat", 0.9, ["left", "bottom"], concept="cat")]
    for seed in range(20):
        boxes = {item.cutout_id: item for item in solve(seed, cast, 0.45)}
        assert boxes["cat-0"].box[3] == 1.0
        assert {min(item.box[0], 1 - item.box[2]) for item in boxes.values()} == {0.0}
        assert sorted(item.flip for item in boxes.values()) == [False, True]


def test_a_head_cut_off_by_its_photo_is_a_named_failure():
    with pytest.raises(SampleError) as caught:
        solve(0, [DOG, cutout("cat", 0.9, ["top"])], 0.5)
    assert caught.value.code == "LAYOUT_UNSOLVED"


def test_a_scene_without_ground_is_a_named_failure():
    with pytest.raises(SampleError) as caught:
        solve(0, [DOG, CAT], 0.99)
    assert caught.value.code == "LAYOUT_UNSOLVED"


def test_a_cup_may_stand_on_a_table_and_never_on_a_dog():
    cast = [cutout("table", 2.0), cutout("cup", 1.0), cutout("dog", 0.8)]
    supports = [
        (next(p for p in layout if p.order == int(item.support[3:])).cutout_id, item.cutout_id)
        for layout in (solve(seed, cast, 0.45) for seed in range(40))
        for item in layout
        if item.support != "ground"
    ]
    assert set(supports) == {("table-0", "cup-0")}
    assert 10 < len(supports) < 40


def test_half_of_the_objects_are_mirrored_where_that_is_asked_for():
    assert not any(item.flip for seed in range(50) for item in solve(seed, [DOG, CAT], 0.5))
    flips = [item.flip for seed in range(200) for item in solve(seed, [DOG, CAT], 0.5, mirror=True)]
    assert 160 < sum(flips) < 240


FAR = Placement(
    cutout_id="dog-0", box=(0.12, 0.33, 0.48, 0.78), flip=False, order=0, support="ground", relative_size=1.0
)
NEAR = Placement(
    cutout_id="cat-0", box=(0.54, 0.47, 0.927, 0.90), flip=False, order=1, support="ground", relative_size=0.83
)
GOOD = (FAR, NEAR)


def moved(item, down=0.0, right=0.0):
    x0, y0, x1, y1 = item.box
    return replace(item, box=(x0 + right, y0 + down, x1 + right, y1 + down))


def scaled(item, by):
    x0, y0, x1, y1 = item.box
    return replace(item, box=(x1 - (x1 - x0) * by, y1 - (y1 - y0) * by, x1, y1))


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ((FAR,), "cast"),
        ((FAR, replace(NEAR, cutout_id="fox-0")), "cast"),
        ((FAR, replace(NEAR, order=0)), "order"),
        ((FAR, moved(NEAR, right=0.9)), "canvas"),
        ((FAR, moved(NEAR, down=float("nan"))), "canvas"),
        ((FAR, replace(NEAR, box=(0.5, 0.9, 0.4, 0.8))), "canvas"),
        ((FAR, scaled(NEAR, 0.3)), "area"),
        ((FAR, replace(NEAR, box=(0.1, 0.6, 0.9, 0.9))), "aspect"),
        ((FAR, moved(NEAR, down=-0.44)), "ground"),
        ((replace(FAR, order=1), replace(NEAR, order=0)), "order"),
        ((FAR, replace(NEAR, support="air")), "support"),
        ((FAR, replace(NEAR, support="on:1")), "support"),
        ((FAR, replace(NEAR, support="on:0")), "support"),
        ((FAR, replace(NEAR, support="the mercy of fate")), "support"),
        ((FAR, replace(NEAR, box=FAR.box)), "visible"),
    ],
)
def test_each_broken_rule_is_named(broken, rule):
    assert any(text.startswith(f"{rule}:") for text in problems(broken, [DOG, CAT], 0.45))


def test_a_mouse_as_large_as_a_horse_is_named():
    as_horses = solve(5, [cutout("horse"), cutout("horse", concept="mouse")], 0.45)
    broken = problems(as_horses, [cutout("horse"), cutout("mouse")], 0.45)
    assert any("mouse-0 is too large beside horse-0" in text for text in broken)


def test_the_unbroken_layout_has_no_problems():
    assert problems(GOOD, [DOG, CAT], 0.45) == ()


def test_a_cut_side_in_mid_air_is_named():
    cast = [DOG, replace(CAT, cut_borders=("bottom",))]
    assert any(text.startswith("border:") for text in problems(GOOD, cast, 0.45))
