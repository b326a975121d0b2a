"""The lines of docs/train.md that load an artifact in plain diffusers, run as they stand there."""

import os
import re
import subprocess
import sys

from tests.support.data.photos import CONCEPTS, concept_folder
from tests.support.processes.command import ROOT


def test_plain_diffusers_loads_an_artifact_by_the_lines_of_the_page(run, tmp_path):
    two = {name: CONCEPTS[name] for name in list(CONCEPTS)[:2]}
    photos = concept_folder(tmp_path / "photos", two, each=1)
    quick = (
        "method=kv-lora", "rank=2", "batch=2", "schedule.steps=1", "look.drawing.steps=1", "look.pictures=1",
    )  # fmt: skip
    words = [word for each in quick for word in ("--set", each)]
    taught = ("--photos", photos, "--out", tmp_path / "out" / "taught", "--address", "none")
    code, _, err = run("train", "micro-custom-diffusion", *taught, *words)
    assert code == 0, err
    (tmp_path / "weights").symlink_to(ROOT / "weights")
    lines = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "train.md").read_text(), re.DOTALL)[1]
    (tmp_path / "load.py").write_text(f'{lines}print(picture.size, len(pipe.tokenizer("<new2>").input_ids))\n')
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "load.py"], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(128, 128) 3", "one token, between begin and end"
