from dataclasses import replace

import numpy as np
import pytest

from engine.rows.composition import Placement
from planners.compose.casting import prepare_casting
from planners.compose.layout import problems, solve
from planners.compose.layout_repair import repair
from planners.compose.scenes import plan_scene
from tests.support.data.cutouts import BEACH, TABLE, cutout, random_library

DOG, CAT = cutout("dog", 0.8), cutout("cat", 0.9)
GROUND = 0.45


def placed(info, box, order, support="ground", size=1.0, flip=False):
    return Placement(cutout_id=info.cutout_id, box=box, flip=flip, order=order, support=support, relative_size=size)


FAR, NEAR = placed(DOG, (0.12, 0.33, 0.48, 0.78), 0), placed(CAT, (0.54, 0.47, 0.927, 0.90), 1, size=0.83)


def moved(item, right=0.0, down=0.0):
    x0, y0, x1, y1 = item.box
    return replace(item, box=(x0 + right, y0 + down, x1 + right, y1 + down))


@pytest.mark.parametrize(
    "broken",
    [
        (FAR, moved(NEAR, right=0.3)),
        (FAR, moved(NEAR, right=-2.0)),
        (FAR, moved(NEAR, down=-0.5)),
        (FAR, moved(NEAR, down=0.3)),
        (FAR, moved(NEAR, right=-0.4)),
        (FAR, replace(NEAR, box=FAR.box)),
        (FAR, replace(NEAR, box=(0.54, 0.8, 0.63, 0.9))),
        (FAR, replace(NEAR, box=(0.1, 0.6, 0.9, 0.9))),
        (FAR, replace(NEAR, box=(0.5, 0.5, 0.5, 0.5))),
        (FAR, replace(NEAR, box=(0.9, 0.9, 0.1, 0.1))),
        (FAR, replace(NEAR, box=(-1e9, 3.0, 1e9, 4.0))),
        (FAR, replace(NEAR, support="air")),
        (FAR, replace(NEAR, support="on:0")),
        (FAR, replace(NEAR, support="on:7")),
        (replace(FAR, order=1), replace(NEAR, order=0)),
    ],
)
def test_what_breaks_one_rule_is_mended(broken):
    assert problems(broken, [DOG, CAT], GROUND)
    mended = repair(broken, [DOG, CAT], GROUND)
    assert problems(mended, [DOG, CAT], GROUND) == ()


def test_what_is_right_stays_where_it_is():
    mended = repair((FAR, moved(NEAR, right=0.1)), [DOG, CAT], GROUND)
    assert mended[0].box == pytest.approx(FAR.box, abs=1e-6)
    assert mended[1].box == pytest.approx((0.613, 0.47, 1.0, 0.90), abs=1e-6)


def test_what_floats_comes_down_and_what_flies_by_nature_does_not():
    kite = cutout("kite", 1.0)
    up = placed(kite, (0.9, 0.1, 1.18, 0.38), 1, support="air", size=0.9)
    _, mended = sorted(repair((FAR, up), [DOG, kite], GROUND), key=lambda item: item.cutout_id)
    assert (mended.support, mended.box[3]) == ("air", pytest.approx(0.38))


def test_a_cup_beside_its_table_is_put_back_onto_it():
    table, cup = cutout("table", 2.0), cutout("cup", 1.0)
    layout = (placed(table, (0.1, 0.5, 0.8, 0.85), 0), placed(cup, (0.7, 0.2, 0.91, 0.41), 1, "on:0", 0.5))
    assert problems(layout, [table, cup], GROUND)
    mended = repair(layout, [table, cup], GROUND)
    assert [item.support for item in mended] == ["ground", "on:0"]


def test_two_cut_at_one_side_that_hide_each_other_are_beyond_repair():
    cast = [cutout("dog", 2.0, ["left", "bottom"]), cutout("cat", 2.0, ["left", "bottom"])]
    layout = [placed(info, (0.0, 0.7, 0.6, 1.0), order) for order, info in enumerate(cast)]
    assert repair(layout, cast, GROUND) is None


def test_what_comes_back_obeys_every_rule():
    cutouts = random_library(200)
    index, draw, mended = prepare_casting(cutouts), np.random.default_rng(0), 0
    for seed in range(200):
        plan = plan_scene(seed, index, (BEACH, TABLE), 2, 5)
        cast = [cutouts[key] for key in plan.cast]
        layout = solve(seed, cast, plan.ground_line)
        shaken = [replace(item, box=tuple(draw.normal(item.box, 0.2))) for item in layout]
        found = repair(shaken, cast, plan.ground_line)
        assert found is None or problems(found, cast, plan.ground_line) == ()
        mended += found is not None
    assert mended > 190
