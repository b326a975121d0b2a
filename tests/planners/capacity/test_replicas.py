import random

import pytest

from engine.errors import UsageError
from engine.run.pool import Pool
from planners.capacity.replicas import replicas


def pool(name, cpus=1.0, gpus=0.0, least=1, most=None, memory=0.0):
    return Pool(stages=(name,), cpus=cpus, gpus=gpus, memory_gb=memory, min_replicas=least, max_replicas=most)


@pytest.mark.parametrize(
    ("pools", "cpus", "gpus", "counts"),
    [
        ([pool("a")], 2, 0, (2,)),
        ([pool("a"), pool("b")], 5, 0, (3, 2)),
        ([pool("a"), pool("b", most=1)], 8, 0, (7, 1)),
        ([pool("a", least=3), pool("b")], 4, 0, (3, 1)),
        ([pool("a", cpus=0.5), pool("b", cpus=2)], 6, 0, (4, 2)),
        ([pool("a", gpus=0.25)], 16, 1, (4,)),
        ([pool("a", gpus=0.6)], 16, 3, (3,)),
        ([pool("a", gpus=0.6), pool("b", gpus=0.4)], 16, 2, (2, 2)),
        ([pool("a", gpus=0.3), pool("b", gpus=2)], 16, 3, (3, 1)),
        ([pool("a"), pool("b", gpus=1), pool("c", gpus=0.1)], 100, 4, (87, 3, 10)),
        ([pool("a", cpus=0, gpus=0, least=2)], 1, 0, (2,)),
        ([pool("a", cpus=0.1)], 0.3, 0, (3,)),
        ([pool("a", memory=5), pool("b")], 8, 0, (3, 5)),
        ([], 4, 0, ()),
    ],
)
def test_pools_share_a_cluster_fairly(pools, cpus, gpus, counts):
    assert replicas(pools, cpus=cpus, gpus=gpus, memory_gb=16) == counts


@pytest.mark.parametrize(
    ("pools", "cpus", "gpus", "where", "what"),
    [
        ([pool("a"), pool("b", cpus=4)], 4, 0, "b", "5 CPUs asked, 4 there"),
        ([pool("a", gpus=1)], 4, 0, "a", "1 GPUs asked, 0 there"),
        ([pool("a", gpus=0.6), pool("b", gpus=0.6), pool("c", gpus=0.6)], 9, 2, "c", "one GPU"),
        ([pool("a", least=3)], 2, 0, "a", "3 CPUs asked, 2 there"),
        ([pool("a", memory=9), pool("b", memory=9)], 8, 0, "b", "18 GiB of memory asked, 16 there"),
    ],
)
def test_a_cluster_that_is_too_small_is_refused_with_the_pool_and_the_shortage(pools, cpus, gpus, where, what):
    with pytest.raises(UsageError) as caught:
        replicas(pools, cpus=cpus, gpus=gpus, memory_gb=16)
    assert (caught.value.code, caught.value.where) == ("CAPACITY", f"pool {where}")
    assert what in caught.value.what


def test_one_and_a_half_gpus_are_refused():
    with pytest.raises(UsageError, match="GPU_FRACTION"):
        replicas([pool("a", gpus=1.5)], cpus=4, gpus=4, memory_gb=1)


def test_nothing_is_ever_promised_twice():
    draw = random.Random(3)
    for _ in range(300):
        pools = [
            pool(f"p{number}", draw.choice([0.1, 0.5, 1, 3]), draw.choice([0, 0, 0.1, 0.3, 0.5, 1, 2]))
            for number in range(draw.randrange(1, 5))
        ]
        cpus, gpus = draw.randrange(1, 40), draw.randrange(9)
        try:
            counts = replicas(pools, cpus=cpus, gpus=gpus, memory_gb=16)
        except UsageError:
            continue
        assert min(counts) >= 1
        for held, each in ((cpus, "cpus"), (gpus, "gpus")):
            assert sum(getattr(p, each) * n for p, n in zip(pools, counts, strict=True)) <= held + 1e-9
