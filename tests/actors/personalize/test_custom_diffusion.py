"""Whole trainings of some steps, on photos and on composed rows, in this process."""

import json

import pytest
from safetensors.torch import load_file

from actors.personalize.custom_diffusion import CustomDiffusion
from engine.errors import UsageError
from engine.training.local import train_locally
from engine.training.resources import TrainingStorage
from engine.training.schedule import Schedule
from tests.support.data.gallery_rows import commit, composition
from tests.support.data.photos import concept_folder
from tests.support.models.tiny_bases import tiny_sd

SHORT = Schedule(steps=4, lr=1e-3, warmup=0, ema=0.0, checkpoint_every=2, log_every=1, bf16=False)
QUICK = {"every": 2, "pictures": 1, "drawing": {"steps": 2}}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(tiny_sd(tmp_path_factory.mktemp("base")))


def train(base, data, folder, tell=lambda _: None, **fields):
    spec = CustomDiffusion(
        **{"base": base, "side": 64, "batch": 2, "rank": 2, "schedule": SHORT, "look": QUICK, **fields}
    )
    storage = TrainingStorage(data=str(data), out=f"{folder}/out", work=f"{folder}/work")
    train_locally(spec, storage, tell=tell)
    made = folder / "out"
    return made, json.loads((made / "manifest.json").read_text())


def test_photos_with_prior_preservation_become_an_artifact(base, tmp_path):
    photos, said = concept_folder(tmp_path / "photos"), []
    made, manifest = train(base, photos, tmp_path, said.append, prior=str(photos), method="kv")
    assert [report.step for report in said] == [1, 2, 3, 4]
    assert {"concept_loss", "prior_loss"} < said[0].metrics.keys()
    assert manifest["tokens"] == [f"<new{number}>" for number in range(1, len(manifest["words"]) + 1)]
    assert manifest["data"]["rows"] > 0
    assert manifest["licenses"]
    assert all(change.abs().sum() > 0 for change in load_file(made / "kv.safetensors").values())
    assert load_file(made / "concepts.safetensors")["clip_l"].shape == (len(manifest["tokens"]), 32)


def test_accepted_rows_of_a_dataset_are_trained_with_the_papers_words(base, tmp_path):
    data = commit(tmp_path / "data", [composition(number) for number in range(6)])
    words = {"composition_token": True, "repeat_concepts": True, "state_background": True}
    made, manifest = train(base, data, tmp_path, prompts=words)
    assert manifest["tokens"] == ["<new1>", "<new2>", "<composition>"]
    assert [each["concept"] for each in manifest["words"]] == ["dog", "mug"]
    assert manifest["data"]["rows"] == 4, "two of six are rejected"
    assert (made / "pytorch_lora_weights.safetensors").is_file()


def test_a_training_that_is_resumed_ends_as_an_undisturbed_one(base, tmp_path):
    data = commit(tmp_path / "data", [composition(number) for number in range(6)])
    whole, _ = train(base, data, tmp_path / "one")
    folder = tmp_path / "two"

    class Enough(Exception):
        pass

    def stop(report):
        if report.step == 3:
            raise Enough

    with pytest.raises(Enough):
        train(base, data, folder, stop)
    again, _ = train(base, data, folder)
    for name in ("concepts.safetensors", "pytorch_lora_weights.safetensors"):
        one, other = load_file(whole / name), load_file(again / name)
        assert one.keys() == other.keys()
        assert all((one[key] == other[key]).all() for key in one)


def test_data_that_cannot_be_trained_on_is_named_before_a_base_is_read(tmp_path):
    rejected = commit(tmp_path / "data", [composition(2), composition(5)])
    with pytest.raises(UsageError, match="TRAIN_EMPTY"):
        train("no/such/base", rejected, tmp_path)
    photos = concept_folder(tmp_path / "photos")
    (tmp_path / "few" / "zebra").mkdir(parents=True)
    (tmp_path / "few" / "zebra" / "0.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"TRAIN_CLASSES|WEIGHTS"):
        train("no/such/base", photos, tmp_path, prior=str(tmp_path / "few"))
