import json
import pickle
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from safetensors.numpy import save_file

from actors.compose.inpaint import Inpaint
from actors.compose.score import Score
from actors.models.preflight import ARCHITECTURES, check_commits, check_models
from actors.score.scorers import ClipSpec
from engine.errors import EnvironmentProblem, UsageError
from engine.run.stage import Spec

HEADS = {
    "sdxl": ("unet", "conv_in.weight", (32, 9, 3, 3)),
    "open_clip": ("", "token_embedding.weight", (50, 64)),
    "dino": ("", "embeddings.patch_embeddings.projection.weight", (48, 3, 14, 14)),
    "owlvit": ("", "owlvit.text_model.embeddings.token_embedding.weight", (50, 96)),
    "transformers": ("", "model.embed_tokens.weight", (50, 64)),
}
CONFIGS = {
    "sdxl": {
        "model_index.json": {"_class_name": "StableDiffusionXLInpaintPipeline", "unet": ["diffusers", "U"]},
        "unet/config.json": {"block_out_channels": [32, 64], "in_channels": 9},
    },
    "open_clip": {"open_clip_config.json": {"model_cfg": {"embed_dim": 128, "text_cfg": {"width": 64}}}},
    "dino": {"config.json": {"model_type": "dinov2", "hidden_size": 48}},
    "owlvit": {"config.json": {"model_type": "owlvit", "text_config": {"hidden_size": 96}}},
    "transformers": {"config.json": {"architectures": ["Qwen2ForCausalLM"], "hidden_size": 64}},
}


class Model(Spec):
    name: ClassVar[str] = "model"
    backend: str
    model: str


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def folder(root, backend):
    """A model folder as far as configs and headers go."""
    inner, tensor, shape = HEADS[backend]
    (root / inner).mkdir(parents=True, exist_ok=True)
    for name, content in CONFIGS[backend].items():
        (root / name).write_text(json.dumps(content))
    save_file({tensor: np.zeros(shape, np.float16)}, root / inner / "model.safetensors")
    return root


def check(backend, model, here=True):
    check_models([Model(backend=backend, model=str(model))], here=here)


@pytest.mark.parametrize("backend", HEADS)
def test_models_pass_where_they_are_what_the_backend_runs(tmp_path, backend):
    check(backend, folder(tmp_path, backend))
    for other in HEADS.keys() - {backend}:
        with pytest.raises((UsageError, EnvironmentProblem), match=r"WEIGHTS_(MISMATCH|CONFIG)"):
            check(other, tmp_path)


@pytest.mark.parametrize("backend", HEADS)
def test_another_width_than_the_config_promises_is_named(tmp_path, backend):
    folder(tmp_path, backend)
    inner, tensor, shape = HEADS[backend]
    save_file({tensor: np.zeros([size + 1 for size in shape], np.float16)}, tmp_path / inner / "model.safetensors")
    with pytest.raises(UsageError, match=r"WEIGHTS_MISMATCH[\s\S]*has the shape"):
        check(backend, tmp_path)


@pytest.mark.parametrize("backend", HEADS)
def test_a_folder_whose_tensors_are_of_something_else_is_named(tmp_path, backend):
    folder(tmp_path, backend)
    save_file({"other": np.zeros(3, np.float16)}, tmp_path / HEADS[backend][0] / "model.safetensors")
    if backend == "transformers":
        check(backend, tmp_path)  # language models name their tensors as they like
        return
    with pytest.raises(UsageError, match=r"WEIGHTS_MISMATCH[\s\S]*there is no tensor"):
        check(backend, tmp_path)


def cut_off(root):
    for path in root.rglob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-5])


def renamed_pickle(root):
    for path in root.rglob("*.safetensors"):
        path.write_bytes(pickle.dumps(Canary(root / "executed")))


def plain_pickle(root):
    for path in root.rglob("*.safetensors"):
        path.with_suffix(".bin").write_bytes(pickle.dumps(Canary(root / "executed")))
        path.unlink()


def garbled_config(root):
    for path in root.rglob("*.json"):
        path.write_bytes(b'{"model_type": ')


def listed_config(root):
    for path in root.rglob("*.json"):
        path.write_bytes(b"[]")


def no_config(root):
    for path in root.rglob("*.json"):
        path.unlink()


def emptied(root):
    for path in root.rglob("*.safetensors"):
        path.write_bytes(b"")


@pytest.mark.parametrize("backend", HEADS)
@pytest.mark.parametrize(
    ("harm", "codes"),
    [
        (cut_off, {"WEIGHTS_UNREADABLE"}),
        (renamed_pickle, {"WEIGHTS_UNREADABLE"}),
        (emptied, {"WEIGHTS_UNREADABLE"}),
        (plain_pickle, {"WEIGHTS_PICKLE_ONLY"}),
        (garbled_config, {"WEIGHTS_UNREADABLE", "WEIGHTS_CONFIG"}),
        (listed_config, {"WEIGHTS_MISMATCH", "WEIGHTS_CUSTOM_CODE"}),
        (no_config, {"WEIGHTS_CONFIG"}),
    ],
)
def test_harm_is_named_and_nothing_runs(tmp_path, backend, harm, codes):
    harm(folder(tmp_path, backend))
    with pytest.raises((UsageError, EnvironmentProblem)) as caught:
        check(backend, tmp_path)
    assert caught.value.code in codes
    assert caught.value.fix
    assert not (tmp_path / "executed").exists()


def test_paths_count_where_workers_see_this_disk_and_hub_ids_are_left_to_them(tmp_path):
    with pytest.raises(EnvironmentProblem, match="WEIGHTS_MISSING"):
        check("sdxl", tmp_path / "gone")
    check("sdxl", tmp_path / "gone", here=False)
    check("sdxl", "org/name")
    check("open_clip", "ViT-B-32")
    check("blend", "")


def test_a_model_that_was_not_shipped_says_how_to_train_it():
    with pytest.raises(EnvironmentProblem) as caught:
        check("owlvit", "shipped:micro/nothing", here=False)
    assert caught.value.code == "WEIGHTS_NOT_SHIPPED"
    assert "mycanvas micro train --parts nothing" in caught.value.fix


def test_models_inside_a_stage_are_found(tmp_path):
    clip = ClipSpec(model=str(folder(tmp_path / "clip", "open_clip")))
    painter = Inpaint(backend="sdxl", model=str(folder(tmp_path / "sdxl", "sdxl")))
    check_models([Score(clip=clip), painter], here=True)
    cut_off(tmp_path / "clip")
    with pytest.raises(EnvironmentProblem, match="WEIGHTS_UNREADABLE"):
        check_models([painter, Score(clip=clip)], here=True)


def test_a_weights_file_is_checked_by_its_header(tmp_path):
    path = folder(tmp_path, "dino") / "model.safetensors"
    check("isnet", path)
    path.write_bytes(b"PK")
    with pytest.raises(EnvironmentProblem, match="WEIGHTS_UNREADABLE"):
        check("isnet", path)


def test_backends_of_the_table_exist():
    from actors.chat.chat_stage import CHAT_MODELS
    from actors.compose.inpaint import PAINTERS
    from actors.personalize.custom_diffusion import BASES
    from actors.score.scorers import CLIP_SCORERS, DETECTORS, IDENTITY_SCORERS

    known = {*PAINTERS, *BASES, *CHAT_MODELS, *CLIP_SCORERS, *DETECTORS, *IDENTITY_SCORERS}
    assert known >= ARCHITECTURES.keys() >= HEADS.keys()


@pytest.mark.parametrize("revision", ["", "main"])
def test_a_hub_id_without_a_commit_is_refused_at_once(revision):
    """`score` said so two minutes later, from a worker."""
    spec = ClipSpec(backend="open_clip", model="hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K", revision=revision)
    with pytest.raises(UsageError, match="WEIGHTS_UNPINNED"):
        check_commits([spec])
    check_commits([spec.model_copy(update={"revision": "0" * 40})])
    check_commits([ClipSpec(backend="open_clip", model="ViT-B-32", pretrained="laion2b_s34b_b79k")])
    check_commits([ClipSpec(backend="open_clip", model="/a/folder")])
