import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from engine.dataset.verify import verify
from engine.storage.open_store import open_store
from tests.support.processes.storm import KILLS, SAMPLES, SEED, content, plan, write

ROOT = Path(__file__).parents[2]


def test_five_hundred_kills_lose_double_and_tear_nothing(tmp_path, capsys):
    write(tmp_path / "undisturbed", plan(), random.Random(0))
    expected = content(tmp_path / "undisturbed")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.processes.storm", str(tmp_path / "storm"), str(SEED), str(KILLS)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    took = time.monotonic() - began
    figures = json.loads(done.stdout)
    folders = sorted((tmp_path / "storm").iterdir())
    reports = [verify(open_store(str(folder))) for folder in folders]
    with capsys.disabled():
        print(f"\n{figures['kills']} SIGKILLs, {len(folders)} runs of {SAMPLES} samples, {took:.0f} s")  # noqa: T201
    assert figures["kills"] >= 500
    assert figures["datasets"] == len(folders) >= 3
    assert [report.damage for report in reports] == [()] * len(folders)  # torn, lost or doubled rows would be here
    assert all(content(folder) == expected for folder in folders)
