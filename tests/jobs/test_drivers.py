"""A command plans and waits; models are loaded by workers. A laptop that submits work need not have torch at all."""

import json
import subprocess
import sys

import numpy as np

from tests.support.data.photos import CONCEPTS, concept_folder, encoded, write
from tests.support.processes.command import ROOT
from tests.support.toys.toysets import make_toysets, mark_test_sets

DRIVER = """
import json, sys
from jobs.cli.main import app

loaded = []
for words in json.loads(sys.argv[1]):
    try:
        app(words, standalone_mode=False)
    except SystemExit as end:
        assert not end.code, words
    loaded.append((" ".join(words[:2]), sorted({"torch", "transformers", "diffusers"} & set(sys.modules))))
print(json.dumps(loaded))
"""


def commands(folder, address):
    """Words of every command that has models at work, each where the one before has left its output."""
    photos = concept_folder(folder / "photos", {name: CONCEPTS[name] for name in list(CONCEPTS)[:2]}, each=1)
    for number, color in enumerate(((200, 40, 40), (40, 40, 200))):
        write(folder / "places" / f"{number}.png", encoded(np.full((64, 64, 3), color, "uint8")))
    out, places, near = folder / "out", folder / "places", ("--address", address, "--format", "quiet")
    small = ("--set", "size=128", "--set", "unit_size=4", "--set", "pools.compose.max_replicas=1")
    data = make_toysets(folder / "toysets")
    mark_test_sets(data)
    return [
        ["compose", "micro", "--photos", photos, "--samples", "2", "--out", out, *small, *near],
        ["score", out, "--name", "again", "--with", "clip.model=shipped:micro/scorer", *near],
        ["backgrounds", "index", places, "--model", "shipped:micro/scorer", "--pretrained", "", *near],
        ["micro", "evaluate", "--parts", "segmenter", "--data", data, *near],
        ["gallery", out, "-o", folder / "gallery.html"],
        ["stats", out, "--format", "quiet"],
    ]


def test_no_driver_loads_a_model_library(tmp_path, ray_address):
    asked = [[str(word) for word in words] for words in commands(tmp_path, ray_address)]
    command = [sys.executable, "-W", "ignore", "-c", DRIVER, json.dumps(asked)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert [name for name, _ in loaded] == [" ".join(words[:2]) for words in asked]
    assert not [each for each in loaded if each[1]]
