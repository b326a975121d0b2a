"""Dummies: the sizes of the published models, to the last number; and folders that a worker takes for pulled ones."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from actors.backends.chat.transformers_chat import TransformersChat
from actors.compose.caption import Caption
from actors.models.dummy.build import BUILDERS
from actors.models.dummy.published import PUBLISHED, Published
from actors.models.dummy.write import TILE, fill, parameters, write_dummy
from actors.models.licences import named_models
from actors.models.provenance import identify
from actors.models.weights import local_weights
from jobs.compose.recipes import load
from planners.chat.question import Question
from tests.support.models.tiny_models import SIGLIP, TEXT, UNET, VAE

NUMBERS = {
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1": 2_567_478_084 + 83_653_863 + 123_060_480 + 694_659_840,
    "Tongyi-MAI/Z-Image-Turbo": 6_154_908_736 + 83_819_683 + 4_022_468_096,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "Qwen/Qwen3-VL-8B-Instruct": 8_767_123_696,
    "ViT-B-32/openai": 151_277_313,
    "google/siglip2-so400m-patch14-384": 1_136_008_498,
    "facebook/dinov2-large": 304_368_640,
    "Falconsai/nsfw_image_detection": 85_800_194,
    "unitary/toxic-bert": 109_486_854,
}
"""Of the published files. Of the others only rounded numbers are published; their files' sizes are compared below."""


@pytest.mark.parametrize("model", NUMBERS)
def test_a_dummy_has_the_published_number_of_parameters(model):
    assert parameters(PUBLISHED[model]) == NUMBERS[model]


def test_every_model_of_the_large_recipes_has_its_sizes_here_and_fills_its_download():
    for name in ("gen4gen", "modern"):
        recipe = load(name)
        for each in named_models(recipe.stages):
            assert each.place in PUBLISHED, each
            known = PUBLISHED[each.place]
            if each.fact.gigabytes and each.place not in NUMBERS:
                stored = parameters(known) * getattr(torch, known.dtype).itemsize / 1e9
                assert abs(stored - each.fact.gigabytes) < 0.06, (each.place, stored)


def test_the_table_of_memory_in_the_documents_is_what_the_models_take():
    text = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
    for name, known in PUBLISHED.items():
        count = parameters(known)
        gib = count * getattr(torch, known.dtype).itemsize / 2**30
        assert f"| `{name}` | {count / 1e6:,.0f} M | {gib:.1f} |" in text


def test_every_kind_is_used():
    assert {each.kind for each in PUBLISHED.values()} == {*BUILDERS}


def test_a_tensor_larger_than_what_is_drawn_is_filled_to_its_end():
    net = torch.nn.Linear(TILE // 1000, 1500, device="meta").to_empty(device="cpu")
    fill(net, seed=3)
    assert net.weight[-1].std().item() == pytest.approx(0.02, rel=0.1)
    assert not net.bias.any()


def test_a_dummy_is_loaded_and_recorded_as_one(tmp_path):
    folder = write_dummy(Published("siglip", SIGLIP), tmp_path / "siglip")
    assert identify("google/siglip", local_weights(str(folder))).revision == "dummy"
    again = write_dummy(Published("siglip", SIGLIP), tmp_path / "again")
    first, second = (load_file(each / "model.safetensors") for each in (folder, again))
    assert all(torch.equal(first[name], second[name]) for name in first), "the same numbers every time"


def test_what_a_dummy_computes_is_finite(tmp_path):
    from diffusers import StableDiffusionXLInpaintPipeline

    sizes = {"unet": UNET, "vae": VAE, "text": TEXT, "text_2": TEXT}
    folder = write_dummy(Published("sdxl_inpaint", sizes), tmp_path / "sdxl")
    pipe = StableDiffusionXLInpaintPipeline.from_pretrained(folder, use_safetensors=True)
    blank = torch.zeros(1, 3, 64, 64)
    image = pipe("a dog", image=blank, mask_image=blank[:, :1] + 1, num_inference_steps=2, output_type="np").images
    assert np.isfinite(image).all()


def test_language_models_answer_with_pictures_and_without(tmp_path):
    text = {
        "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "head_dim": 16,
        "num_key_value_heads": 1, "vocab_size": 3000, "max_position_embeddings": 2048,
    }  # fmt: skip
    vision = {
        "depth": 3, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32,
        "deepstack_visual_indexes": [0, 1, 2],
    }  # fmt: skip
    blind = write_dummy(Published("qwen3", {"text": text}), tmp_path / "blind")
    seeing = write_dummy(Published("qwen3_vl", {"text": text, "vision": vision}), tmp_path / "seeing")
    for folder, image in ((blind, None), (seeing, np.zeros((64, 64, 3), np.uint8))):
        chat = TransformersChat(Caption(backend="transformers", model=str(folder), max_tokens=16))
        assert chat.model.revision == "dummy"
        assert len(chat.write([Question("a dog?", {}, image)], [1])) == 1


def test_the_benchmark_runs_on_small_ones(tmp_path):
    out = tmp_path / "gpu.json"
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.speed.gpu", "--small", "--out", str(out)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(out.read_text())
    assert {row["what"] for row in told["rows"]} == {
        "sdxl inpaint", "open_clip ViT-B-32", "dinov2 large", "isnet", "bound",
    }  # fmt: skip
    assert all(row["images_per_s"] > 0 for row in told["rows"])
