import pytest

from planners.units import Pace, unit_size


@pytest.mark.parametrize(
    ("samples", "paces", "row_bytes", "size"),
    [
        (1_000_000, [(0.5, 4)], 0, 60),
        (1_000_000, [(0.5, 4), (3.0, 8)], 0, 10),
        (64, [(0.5, 2)], 0, 8),
        (3, [(0.5, 2)], 0, 1),
        (1_000_000, [(120.0, 2)], 0, 1),
        (10_000_000, [(0.001, 2)], 6 << 20, 170),
        (100, [], 0, 25),
    ],
)
def test_the_slowest_stage_works_half_a_minute_unless_memory_or_replicas_want_less(samples, paces, row_bytes, size):
    pace = [Pace(seconds_per_sample=seconds, replicas=replicas) for seconds, replicas in paces]
    assert unit_size(samples, pace, row_bytes=row_bytes) == size


@pytest.mark.parametrize("samples", [500, 5_000, 500_000])
@pytest.mark.parametrize("seconds", [0.01, 0.3, 2.0])
def test_every_replica_gets_four_units_and_a_unit_at_most_a_minute(samples, seconds):
    size = unit_size(samples, [Pace(seconds_per_sample=seconds, replicas=5)])
    assert samples // size >= 20
    assert size * seconds <= 60
