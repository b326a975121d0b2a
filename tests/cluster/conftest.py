from collections.abc import Iterator

import pytest

from cluster.session import Capacity, session


@pytest.fixture(scope="module")
def ray_capacity() -> Iterator[Capacity]:
    """One private cluster for the tests of a module, with four cards that exist on paper only."""
    with session(cpus=8, gpus=4) as capacity:
        yield capacity
