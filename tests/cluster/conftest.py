from collections.abc import Iterator

import pytest

from cluster.session import Capacity, session


@pytest.fixture(scope="module")
def ray_capacity(ray_address: str) -> Iterator[Capacity]:
    """The tests of a module are one driver of the shared cluster."""
    with session(ray_address) as capacity:
        yield capacity
