from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LONGEST = (
    "cluster/test_training.py",
    "jobs/test_score.py",
    "cluster/test_submit.py",
    "cluster/test_stream.py",
    "jobs/test_materialise.py",
    "jobs/test_bad_input.py",
    "jobs/test_micro.py",
)
"""Files that wait for processes for minutes. They begin first, or one process would wait for them at the end alone."""


def pytest_collection_modifyitems(items):
    place = {TESTS / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(autouse=True)
def _no_proxy_for_loopback(monkeypatch):
    """Servers of tests listen on loopback, and no proxy knows them."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
