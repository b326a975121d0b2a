"""What cannot be trained or drawn is refused before a worker starts."""

import shutil

import pytest
from transformers import CLIPTokenizer

from engine.training.resources import TrainingStorage
from tests.support.data.photos import concept_folder
from tests.support.models.training_command import words


@pytest.mark.parametrize(
    ("text", "code"), [("", "PROMPTS_EMPTY"), ("# nothing\n", "PROMPTS_EMPTY"), ("a {rex}\n", "PROMPT_CONCEPT")]
)
def test_prompts_that_cannot_be_drawn_are_refused_before_a_model_is_read(run, base, tmp_path, text, code):
    (tmp_path / "prompts.txt").write_text(text)
    _, _, err = run("sample", base, "--prompts", tmp_path / "prompts.txt", "--out", tmp_path / "o", "--address", "none")
    assert code in err


def test_what_cannot_be_trained_is_refused_before_a_worker_starts(run, base, tmp_path):
    photos, out = concept_folder(tmp_path / "photos"), tmp_path / "out"
    for options, changes, code in (
        (["--photos", photos, "--workers", "3"], {}, "TRAIN_WORKERS"),
        (["--photos", photos, "--data", photos], {}, "TRAIN_DATA"),
        ([], {}, "TRAIN_DATA"),
        (["--photos", photos], {"look.prompts": "['a {nobody}']"}, "PROMPT_CONCEPT"),
        (["--photos", photos, "--concepts", "each"], {}, "TRAIN_EACH"),
        (["--photos", photos, "--concepts", "some"], {}, "TRAIN_EACH"),
        (["--photos", photos], {"methods": "kv"}, "RECIPE_KEY"),
        (["--photos", photos], {"backend": "unknown"}, "RECIPE_VALUE"),
        (["--photos", photos], {"base": "no/such"}, "WEIGHTS_UNPINNED"),
    ):
        status, _, err = run(*words(base, out, *options, **changes))
        assert status == 2, err
        assert code in err
    assert not out.exists()


@pytest.mark.parametrize("token", ["<new1>", "<composition>"])
def test_a_token_that_the_base_knows_is_refused_before_anything_starts(run, base, tmp_path, token):
    taught = shutil.copytree(base, tmp_path / "taught")
    tokenizer = CLIPTokenizer.from_pretrained(taught / "tokenizer")
    tokenizer.add_tokens([token])
    tokenizer.save_pretrained(taught / "tokenizer")
    photos, out = concept_folder(tmp_path / "photos"), tmp_path / "out"
    code, _, err = run(*words(taught, out, "--photos", photos, **{"prompts.composition_token": "true"}))
    assert code == 2
    assert f"TRAIN_TOKEN  base: the base's tokenizer knows {token} already" in err
    assert not out.exists()


def test_an_artifact_of_another_base_is_refused_before_anything_starts(run, base, tmp_path):
    photos, out = concept_folder(tmp_path / "photos"), tmp_path / "out"
    code, _, err = run(*words(base, out, "--photos", photos))
    assert code == 0, err
    prompts, drawn = tmp_path / "prompts.txt", tmp_path / "drawn"
    prompts.write_text("a photo of a {teapot}\n")
    code, _, err = run("sample", out, "--base", "shipped:micro/generator", "--prompts", prompts, "--out", drawn)
    assert code == 2
    assert "ARTIFACT_BASE" in err
    assert not drawn.exists()


def test_photos_are_read_where_compose_reads_them_and_datasets_where_they_can_lie(run, base, tmp_path):
    code, _, err = run(*words(base, tmp_path / "out", "--photos", "gs://bucket/photos"))
    assert code == 2
    assert "PHOTOS_UNREADABLE  gs://bucket/photos" in err, "no library for it here, or no bucket"
    code, _, err = run(*words(base, tmp_path / "out", "--data", "gs://bucket/data"))
    assert code == 2
    assert "URI_UNSUPPORTED" in err
    storage = TrainingStorage(data="gs://bucket/photos", out=str(tmp_path), work=str(tmp_path)).absolute()
    assert storage.data == "gs://bucket/photos"
