"""The models of the GPU benchmark are those that are published: so many parameters, to the last one."""

import json
import subprocess
import sys
from pathlib import Path

import torch
from transformers import Dinov2Config, Dinov2Model

from benchmarks.dummy_models import DINOV2_L, sdxl_parts

PUBLISHED = {"unet": 2_567_478_084, "vae": 83_653_863, "text_encoder": 123_060_480, "text_encoder_2": 694_659_840}


def parameters(net):
    return sum(weight.numel() for weight in net.parameters())


def test_sdxl_has_the_published_numbers_of_parameters():
    with torch.device("meta"):
        assert {name: parameters(net) for name, net in sdxl_parts().items()} == PUBLISHED


def test_dinov2_has_the_published_number_of_parameters():
    with torch.device("meta"):
        assert parameters(Dinov2Model(Dinov2Config(**DINOV2_L))) == 304_368_640


def test_the_benchmark_runs_on_small_ones(tmp_path):
    out = tmp_path / "gpu.json"
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.gpu", "--small", "--out", str(out)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(out.read_text())
    assert {row["what"] for row in told["rows"]} == {
        "sdxl inpaint", "open_clip ViT-B-32", "dinov2 large", "isnet", "bound",
    }  # fmt: skip
    assert all(row["images_per_s"] > 0 for row in told["rows"])
