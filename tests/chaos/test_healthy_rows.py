"""A healthy row is never lost, however often runs are ended from outside; one that ends its process is always found."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.run.journal import KILLED

ROOT = Path(__file__).parents[2]
KINDS = ("SIGKILL", "pause", "full", "named")
SLOW_KINDS = (*KINDS, "SIGTERM", "SIGINT")  # which end a process as SIGKILL does, or by an exception


def storm(folder, kind, count):
    """Which rows failed, and which were to fail: the planted one of every dataset."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.processes.row_storm", str(folder), kind, str(count), "7"],
        check=True, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    told = json.loads(done.stdout)
    return told["failed"], {f"{told['killer']} {KILLED}": told["datasets"]}


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_ends_of_a_kind_lose_no_healthy_row_and_hide_no_killer(tmp_path, kind):
    failed, planted = storm(tmp_path, kind, 20)
    assert failed == planted


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", SLOW_KINDS)
def test_five_hundred_ends_of_a_kind_lose_no_healthy_row_and_hide_no_killer(tmp_path, kind):
    failed, planted = storm(tmp_path, kind, 500)
    assert failed == planted
