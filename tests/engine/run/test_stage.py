from itertools import permutations
from typing import ClassVar

import pytest

from engine.errors import UsageError
from engine.run.stage import Stage, check_pipeline, live_columns


def stage(title, reading, writing):
    class Made(Stage):
        name: ClassVar[str] = title
        reads: ClassVar[tuple[str, ...]] = reading
        writes: ClassVar[tuple[str, ...]] = writing

        def load(self, run):
            return lambda rows: rows

    return Made()


A, B, C = stage("a", ("id",), ("x",)), stage("b", ("x",), ("y",)), stage("c", ("x", "y"), ("z",))
COLUMNS = ("id", "x", "y", "z")


def fits(stages):
    try:
        check_pipeline(stages, ["id"], COLUMNS)
    except UsageError:
        return False
    return True


def test_of_all_orders_the_one_that_fits_together_passes():
    assert [order for order in permutations((A, B, C)) if fits(order)] == [(A, B, C)]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([B], "'b' reads 'x', which no earlier stage writes"),
        ([A, C, B], "'c' reads 'y'"),
        ([A, A], "'x' is written by 'a' and again by 'a'"),
        ([stage("d", (), ("w",))], "unknown column 'w'"),
        ([stage("e", (), ("id",))], "'id' is written by 'plan'"),
    ],
)
def test_a_pipeline_that_does_not_is_refused_by_name(stages, message):
    with pytest.raises(UsageError, match=message):
        check_pipeline(stages, ["id"], COLUMNS)


def test_a_column_leaves_a_group_only_while_somebody_reads_it():
    assert live_columns([[A], [B], [C]], stored=["z"]) == [("x", "z"), ("x", "y", "z"), ("z",)]
    assert live_columns([[A, B, C]], stored=["z"]) == [("z",)]
