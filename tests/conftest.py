import os
import secrets
import sys
from pathlib import Path

import pytest

from jobs.cli.main import main
from tests.support.processes.ray_cluster import ray_cluster

TESTS = Path(__file__).parent
LONGEST = (
    "cluster/test_training.py",
    "cluster/test_submit.py",
    "jobs/train/test_micro.py",
    "cluster/test_stream.py",
    "jobs/test_drivers.py",
    "jobs/train/test_train.py",
    "jobs/curate/test_score.py",
    "jobs/evaluate/test_evaluate.py",
    "jobs/compose/test_bad_input.py",
    "jobs/models/test_models.py",
)
"""Files that take longest, in this order. They begin first, or one process would wait for them at the end alone."""

# Every cluster of this process has a token of its own. Without one Ray writes a token into the home folder, and two
# processes that do so at once lock each other out.
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(16)


def pytest_collection_modifyitems(items):
    place = {TESTS / name: number for number, name in enumerate(LONGEST)}
    missing = [str(path) for path in place if not path.is_file()]
    assert not missing, f"LONGEST names files that are not there: {missing}"
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(scope="session")
def ray_address():
    """The cluster that the tests of this process share; those that kill one have their own."""
    with ray_cluster() as address:
        yield address


@pytest.fixture(autouse=True)
def _no_proxy_for_loopback(monkeypatch):
    """Servers of tests listen on loopback, and no proxy knows them."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def run(monkeypatch, capsys):
    """Call `mycanvas` in this process; the exit code and what it said on stdout and stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mycanvas", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return code, out, err

    return call
