"""`mycanvas train` and `sample` as their user runs them, on a base of random weights."""

import json
import re

import pytest
import torch

from actors.personalize.bases.stable_diffusion import StableDiffusion
from actors.personalize.manifest import read_manifest
from actors.personalize.rows.latent_table import LatentTable, encode_latents, read_latents
from actors.personalize.rows.training_data import RowChoice, concepts_in, read_composed
from engine.dataset.views import open_dataset
from engine.errors import Damaged
from engine.storage.open_store import open_store
from engine.training.checkpoints import Checkpoints
from engine.training.reports import read_reports
from tests.support.data.gallery_rows import commit, composition
from tests.support.data.photos import CONCEPTS, concept_folder
from tests.support.models.training_command import words


def test_photos_become_an_artifact_with_a_page_and_a_log(run, base, tmp_path):
    photos, out = concept_folder(tmp_path / "photos"), tmp_path / "out"
    code, said, err = run(*words(base, out, "--photos", photos), "--format", "json")
    assert code == 0, err
    manifest = json.loads(said)
    store = open_store(str(out))
    assert {entry.path for entry in store.list("") if "runs/" not in entry.path} >= {
        "manifest.json", "README.md", "report.html", "concepts.safetensors", "pytorch_lora_weights.safetensors",
        "looks/step-000000002.jpg", "looks/step-000000004.json", "tensorboard/events.out.tfevents.0.mycanvas",
    }  # fmt: skip
    names = manifest["metrics"]["concepts"]
    assert [each["concept"] for each in manifest["words"]] == names
    assert [len(row) for row in manifest["metrics"]["identity"]] == [len(names)] * len(names)
    page = (out / "report.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert [look["step"] for look in data["looks"]] == [2, 4]
    assert [step for step, _ in data["curve"]] == [1, 2, 3, 4]
    assert "of 4 steps" in data["summary"]
    card = (out / "README.md").read_text()
    assert f"`{manifest['words'][0]['token']} {manifest['words'][0]['class_name']}`" in card


@pytest.mark.parametrize("train_words", [True, False])
def test_flux2_klein_is_trained_and_drawn_by_the_same_commands(run, klein, tmp_path, train_words):
    photos, out = concept_folder(tmp_path / "photos"), tmp_path / "out"
    changes = {"backend": "flux2_klein", "method": "attn-lora", "train_words": str(train_words).lower()}
    code, said, err = run(*words(klein, out, "--photos", photos, **changes), "--format", "json")
    assert code == 0, err
    manifest = json.loads(said)
    assert len(manifest["tokens"]) == (len(CONCEPTS) if train_words else 0)
    assert (out / "concepts.safetensors").exists() == train_words
    prompts, drawn = tmp_path / "prompts.txt", tmp_path / "drawn"
    prompts.write_text("a photo of a {teapot}\n")
    asked = "sample", out, "--prompts", prompts, "--per-prompt", "2", "--out", drawn, "--set", "steps=2"
    code, _, err = run(*asked, "--address", "none")
    assert code == 0, err
    (teapot,) = (each for each in manifest["words"] if each["concept"] == "teapot")
    rows = [row for table in open_dataset(str(drawn)).tables() for row in table.to_pylist()]
    assert [row["prompt"] for row in rows] == [f"a photo of a {teapot['token']} teapot"] * 2
    assert {tuple(row["concepts"]) for row in rows} == {("teapot",)}


@pytest.mark.parametrize("family", ["stable_diffusion", "flux2_klein"])
def test_what_is_kept_in_half_precision_is_looked_at_and_saved(run, base, klein, tmp_path, family):
    photos, out = concept_folder(tmp_path / "photos"), tmp_path / "out"
    model, method = (base, "kv-lora") if family == "stable_diffusion" else (klein, "attn-lora")
    changes = {"half": "true", "schedule.bf16": "true", "backend": family, "method": method}
    code, _, err = run(*words(model, out, "--photos", photos, **changes))
    assert code == 0, err
    assert (out / "looks" / "step-000000002.jpg").exists()
    assert (out / "manifest.json").exists()


def test_the_same_command_goes_on_and_another_is_refused(run, base, tmp_path):
    photos, out = concept_folder(tmp_path / "photos"), tmp_path / "out"
    code, _, err = run(*words(base, out, "--photos", photos))
    assert code == 0, err
    first = (out / "manifest.json").read_bytes()
    (out / "manifest.json").unlink()  # as if it was killed before the artifact was put
    code, _, err = run(*words(base, out, "--photos", photos))
    assert code == 0, err
    assert "resume  from step 4" in err
    assert (out / "manifest.json").read_bytes() == first
    code, _, err = run(*words(base, out, "--photos", photos))
    assert code == 0, err
    assert "trained already" in err
    code, _, err = run(*words(base, out, "--photos", photos, **{"schedule.lr": 0.5}))
    assert code == 2
    assert "RUN_CHANGED" in err


def test_a_dataset_is_trained_on_and_the_artifact_draws_a_dataset(run, base, tmp_path):
    data, out, drawn = (
        commit(tmp_path / "data", [composition(number) for number in range(6)]),
        tmp_path / "o",
        tmp_path / "d",
    )
    code, _, err = run(*words(base, out, "--data", data, method="kv"))
    assert code == 0, err
    assert "concept dog   in prompts: <new1> toy" in err
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("# fixed\na photo of a {dog}\n\na {dog} beside a <new2> mug\n")
    asked = [
        "sample",
        out,
        "--prompts",
        prompts,
        "--per-prompt",
        "3",
        "--out",
        drawn,
        "--set",
        "steps=2",
        "--address",
        "none",
    ]
    code, _, err = run(*asked)
    assert code == 0, err
    rows = [row for table in open_dataset(str(drawn)).tables() for row in table.to_pylist()]
    assert [row["prompt"] for row in rows] == ["a photo of a <new1> toy"] * 3 + ["a <new1> toy beside a <new2> mug"] * 3
    assert rows[3]["caption"] == "a toy beside a mug"
    assert rows[3]["concepts"] == ["dog", "mug"]
    assert len({row["image"]["bytes"] for row in rows}) == 6
    assert {row["status"] for row in rows} == {"accepted"}
    assert len(rows[0]["models"]) == 2
    before = {path: path.stat().st_mtime_ns for path in drawn.glob("data/*")}
    code, _, err = run(*asked)
    assert code == 0, err
    assert {path: path.stat().st_mtime_ns for path in drawn.glob("data/*")} == before, "committed once"
    _curate(run, drawn, tmp_path)


def _curate(run, drawn, tmp_path):
    """What comes out is a dataset like any other."""
    scorer = ["--with", "clip={model: shipped:micro/scorer}", "--address", "none"]
    code, _, err = run("score", drawn, "--name", "micro", *scorer)
    assert code == 0, err
    code, said, err = run("stats", drawn, "--format", "json")
    assert code == 0, err
    assert json.loads(said)["scores"]["clip_score__micro"]["count"] == 6
    best = tmp_path / "best"
    chosen = ("--where", "clip_score__micro > -1", "--top", "2", "--by", "clip_score__micro", "--out", best)
    code, _, err = run("filter", drawn, *chosen)
    assert code == 0, err
    page = tmp_path / "page.html"
    code, _, err = run("gallery", best, "-o", page)
    assert code == 0, err
    assert "\\u003cnew1\\u003e toy" in page.read_text()


def test_a_base_draws_the_same_lines_without_tokens(run, base, tmp_path):
    prompts, drawn = tmp_path / "prompts.txt", tmp_path / "drawn"
    prompts.write_text("a photo of a <new1> dog\n")
    code, _, err = run(
        "sample", base, "--prompts", prompts, "--per-prompt", "1", "--side", "64", "--out", drawn, "--set", "steps=1",
        "--address", "none",
    )  # fmt: skip
    assert code == 0, err
    ((row,),) = (table.to_pylist() for table in open_dataset(str(drawn)).tables())
    assert (row["prompt"], row["artifact"]) == ("a photo of a dog", "")


def test_a_photo_that_cannot_be_read_is_left_out_and_said(run, base, tmp_path):
    photos, out = concept_folder(tmp_path / "photos"), tmp_path / "out"
    (tmp_path / "photos" / "zebra").mkdir()
    (tmp_path / "photos" / "zebra" / "0.jpg").write_bytes(b"no picture")
    code, _, err = run(*words(base, out, "--photos", photos))
    assert code == 0, err
    assert "left out  IMAGE_UNREADABLE" in err
    assert "zebra" not in (out / "README.md").read_text()
    for each in list((tmp_path / "photos").glob("*/*")):
        each.write_bytes(b"no picture")
    _, _, err = run(*words(base, tmp_path / "other", "--photos", photos))
    assert "TRAIN_EMPTY" in err


@pytest.mark.slow  # a process for each concept: 60 s
def test_each_concept_gets_an_artifact_of_its_own(run, base, tmp_path, ray_address):
    photos, out = (
        concept_folder(tmp_path / "photos", {name: CONCEPTS[name] for name in list(CONCEPTS)[:2]}),
        tmp_path / "o",
    )
    asked = [*words(base, out, "--photos", photos, "--concepts", "each", "--cores", "1"), "--address", ray_address]
    code, said, err = run(*asked, "--format", "json")
    assert code == 0, err
    artifacts = json.loads(said)["artifacts"]
    assert len(artifacts) == 2
    for concept, folder in artifacts.items():
        manifest = read_manifest(open_store(folder))
        assert [each["concept"] for each in manifest["words"]] == [concept]
        assert open_store(folder).exists("report.html")
    before = {folder: open_store(folder).read("manifest.json") for folder in artifacts.values()}
    code, _, err = run(*asked)
    assert code == 0, err
    assert {folder: open_store(folder).read("manifest.json") for folder in before} == before


def test_one_concept_of_composed_rows_is_taught_and_the_others_keep_their_class(tmp_path):
    data = commit(tmp_path / "data", [composition(number) for number in range(6)])
    read = read_composed(data, RowChoice(only="mug"))
    assert [each.concept for each in read.words] == ["mug"]
    prompt, _ = read.rows.tell(0, 0, 64)
    assert "<new1> toy" in prompt
    assert prompt.count("<new") == 1
    assert concepts_in(data) == ["dog", "mug"]


def test_the_base_draws_its_classes_once_where_there_are_no_photos_of_them(run, base, tmp_path):
    two = {name: CONCEPTS[name] for name in list(CONCEPTS)[:2]}
    photos, out = concept_folder(tmp_path / "photos", two, each=1), tmp_path / "o"
    asked = words(base, out, "--photos", photos, prior="generate", prior_images=3)
    code, _, err = run(*asked)
    assert code == 0, err
    (folder,) = out.glob("prior-*")
    drawn = {path: path.read_bytes() for path in folder.glob("*/*.jpg")}
    kinds = {each["class_name"] for each in read_manifest(open_store(str(out)))["words"]}
    assert {path.parent.name for path in drawn} == kinds
    assert len(drawn) == 3 * len(kinds)
    (run_name,) = {path.name for path in (out / "runs").iterdir()}
    assert all("prior_loss" in report.metrics for report in read_reports(open_store(str(out)), run_name))
    (out / "manifest.json").unlink()
    code, _, err = run(*asked)
    assert code == 0, err
    assert {path: path.read_bytes() for path in folder.glob("*/*.jpg")} == drawn
    assert "resume  from step 4" in err


def test_pictures_are_encoded_once_and_no_set_is_taken_for_another(run, base, tmp_path):
    data, out = commit(tmp_path / "data", [composition(number) for number in range(6)]), tmp_path / "o"
    asked = words(base, out, "--data", data, pool_above=0)
    code, _, err = run(*asked)
    assert code == 0, err
    (latents,) = (out / "latents").iterdir()
    shards = {path: path.stat().st_mtime_ns for path in latents.glob("data/*")}
    assert shards
    rows = [row for table in open_dataset(str(latents)).tables() for row in table.to_pylist()]
    assert sorted((row["number"], row["variant"]) for row in rows) == [(n, v) for n in range(4) for v in range(2)]
    read = read_composed(data, RowChoice()).rows
    table = read_latents(str(latents), read, (8, 8, 8), tmp_path / "table")
    tiny = StableDiffusion(base, "", torch.device("cpu"))
    wanted = tiny.moments([read.show(2, 1, 64).pixels])[0]
    torch.testing.assert_close(table.moments(2, 1), wanted, rtol=1e-2, atol=1e-3)
    here = encode_latents(read, tiny.moments, 64, (8, 8, 8), tmp_path / "here")
    torch.testing.assert_close(table.moments(3, 0), here.moments(3, 0), rtol=1e-2, atol=1e-3)
    with pytest.raises(Damaged, match="LATENTS_SIZE"):
        read_latents(str(latents), read, (8, 16, 16), tmp_path / "other")
    with pytest.raises(Damaged, match="LATENTS_LACK"):
        LatentTable([], 5, 2, shape=(8, 8, 8), file=tmp_path / "more")
    (out / "manifest.json").unlink()
    code, _, err = run(*asked)
    assert code == 0, err
    assert {path: path.stat().st_mtime_ns for path in latents.glob("data/*")} == shards


def test_a_training_that_diverges_names_the_rows_and_keeps_its_checkpoint(run, base, tmp_path):
    photos, out = concept_folder(tmp_path / "photos"), tmp_path / "out"
    wild = {"schedule.lr": 1e30, "schedule.steps": 60, "look.every": 0}
    code, _, err = run(*words(base, out, "--photos", photos, **wild))
    assert code == 2
    assert "TRAINING_DIVERGED  rows file://" in err
    assert not (out / "manifest.json").exists()
    (run_name,) = {path.name for path in (out / "runs").iterdir()}
    assert Checkpoints(open_store(str(out)), run_name).steps()


def test_a_training_stopped_halfway_goes_on_from_its_checkpoint(run, base, tmp_path):
    photos, out = concept_folder(tmp_path / "photos"), tmp_path / "out"
    code, _, err = run(*words(base, out, "--photos", photos))
    assert code == 0, err
    whole = (out / "concepts.safetensors").read_bytes()
    store = open_store(str(out))
    (name,) = {path.name for path in (out / "runs").iterdir()}
    checkpoints = Checkpoints(store, name)
    for entry in list(store.list(f"runs/{name}/step-{checkpoints.steps()[-1]:09d}")):
        store.delete(entry.path)
    (out / "manifest.json").unlink()
    code, _, err = run(*words(base, out, "--photos", photos))
    assert code == 0, err
    assert "resume  from step 2" in err
    assert (out / "concepts.safetensors").read_bytes() == whole
