from collections import Counter

import numpy as np
import pytest

from engine.errors import UsageError
from planners.train.epoch_order import EpochOrder, require_work, share


@pytest.mark.parametrize(("rows", "batch"), [(10, 4), (7, 7), (3, 8), (1, 2), (1000, 64)])
def test_every_row_is_taken_once_an_epoch_and_none_is_dropped_at_its_end(rows, batch):
    order = EpochOrder(rows, batch, seed=5)
    line = np.concatenate([order.step(number) for number in range(-(-5 * rows // batch))])
    for epoch in range(5):
        assert sorted(line[epoch * rows : (epoch + 1) * rows]) == list(range(rows))


def test_epochs_have_orders_of_their_own_that_follow_from_the_seed_alone():
    order = EpochOrder(50, 50, seed=5)
    assert list(order.step(0)) != list(order.step(1))
    assert list(order.step(1)) == list(EpochOrder(50, 50, seed=5).step(1))
    assert list(order.step(0)) != list(EpochOrder(50, 50, seed=6).step(0))
    assert order.epoch(3) == 3.0


@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
def test_workers_share_a_step_without_gap_or_overlap(world_size):
    rows = EpochOrder(100, 8, seed=0).step(3)
    parts = [rows[share(8, rank, world_size)] for rank in range(world_size)]
    assert list(np.concatenate(parts)) == list(rows)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_training_that_is_resized_in_the_middle_sees_what_an_undisturbed_one_sees():
    order, seen = EpochOrder(30, 4, seed=1), Counter()
    for number, world_size in enumerate([2, 2, 1, 1, 1, 3, 3, 2, 2, 2, 1, 4, 4, 4, 2]):
        for rank in range(world_size):
            seen.update(order.step(number)[share(4, rank, world_size)].tolist())
    assert seen == Counter(dict.fromkeys(range(30), 2))


def test_nothing_to_train_on_and_workers_without_rows_are_named():
    with pytest.raises(UsageError, match="TRAIN_EMPTY"):
        require_work(0, 4, 1)
    with pytest.raises(UsageError, match=r"TRAIN_WORKERS(.|\n)*at most 4 workers"):
        require_work(100, 4, 5)
    require_work(1, 4, 4)
