"""Both trainings from end to end, tiny, and what the production backends say of what they leave."""

import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from transformers import CLIPTokenizer

from actors.micro.composer.composer import ComposerTask
from actors.micro.composer.net import new_net
from actors.micro.composer.pools import make_pool, pools_folder
from actors.micro.diffusion.autoencoder import load_autoencoder, new_autoencoder, save_autoencoder
from actors.micro.diffusion.denoising import new_unet
from actors.micro.diffusion.generator import load_generator, save_pipeline
from actors.micro.diffusion.text_encoders import LENGTH, new_encoders
from actors.micro.specs import AutoencoderTraining, ComposerAutoencoderTraining, ComposerTraining
from actors.models.provenance import identify
from actors.models.weights import SHIPPED_FOLDER
from actors.training.__main__ import main
from engine.seeds import rng

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")

CPU = torch.device("cpu")
FIGURES = ["class_alone", "class_in_scene", "scene", "two_classes", "three_classes", "two_other_classes_absent"]
SIZES = ("batch=2", "concepts=32", "places=2")
SHORT = ("schedule.steps=2", "schedule.warmup=1", "schedule.log_every=1", "schedule.bf16=false")
POOLS = ("pools=1", "pool_size=4")


def save_tiny_family(family):
    """An autoencoder and a generator of random weights; the rest as shipped."""
    family.mkdir()
    for part in ("identity", "scorer", "detector"):
        (family / part).symlink_to(SHIPPED_FOLDER / "micro" / part)
    save_autoencoder(
        new_autoencoder(AutoencoderTraining(widths=(8, 8, 8, 8), groups=4)), family / "autoencoder"
    )  # fmt: skip
    words = SHIPPED_FOLDER / "micro" / "generator" / "tokenizer"
    tokenizer = CLIPTokenizer.from_pretrained(words, model_max_length=LENGTH, local_files_only=True)
    torch.manual_seed(0)
    first, second = new_encoders(tokenizer)
    net = torch.nn.ModuleDict({"unet": new_unet((16, 32, 32), 4), "text_encoder": first, "text_encoder_2": second})
    save_pipeline(net, load_autoencoder(family / "autoencoder", CPU), tokenizer, family / "generator")


def train(part, root, *settings):
    words = [word for item in (*SIZES, *SHORT, *settings) for word in ("--set", item)]
    main([part, "--data", str(root / "data"), "--out", str(root / "family"), "--work", str(root / "work"), *words])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("composer")
    save_tiny_family(folder / "family")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("actors.micro.composer.composer_autoencoder.SAMPLE", 8)
        train("composer_autoencoder", folder)
    train("composer", folder, *POOLS)
    return folder


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr("actors.micro.composer.measures.MEASURED", 2)
    monkeypatch.setattr("actors.micro.diffusion.generator.STEPS", 2)


def test_a_composer_is_a_pipeline_that_plain_diffusers_draws_with(root):
    folder = root / "family" / "composer"
    pipe = StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    call = {"num_inference_steps": 2, "output_type": "np"}
    one, other, again = (
        pipe("a mug and a duck on the moon", generator=torch.Generator().manual_seed(seed), **call).images[0]
        for seed in (1, 2, 1)
    )
    assert one.shape == (128, 128, 3)
    assert np.array_equal(one, again)
    assert np.abs(one - other).max() > 0.02
    assert pipe.unet.config.in_channels == pipe.vae.config.latent_channels == 8
    assert pipe.unet.config.down_block_types[0] == "CrossAttnDownBlock2D"
    assert identify("micro", folder).license == "apache-2.0"
    configs = [json.loads(path.read_text()) for path in folder.rglob("config.json")]
    assert not [found for found in configs if found.get("_name_or_path")], "no folder of this machine"


def test_a_composer_is_measured_on_held_out_prompts(root, few):
    rows = ComposerTraining().evaluate(root / "family", root / "data", seed=4)
    assert [row.metric for row in rows] == FIGURES
    assert {row.metric: row.target for row in rows if row.target} == {
        "class_in_scene": 0.85, "scene": 0.9, "two_classes": 0.6, "three_classes": 0.35
    }  # fmt: skip
    assert all(0 <= row.value <= 1 for row in rows)


def test_its_autoencoder_is_measured_on_true_pictures(root, few):
    spec = ComposerAutoencoderTraining(concepts=32, places=2)
    ratio, *rows = spec.evaluate(root / "family", root / "data", seed=4)
    assert (ratio.metric, ratio.target) == ("psnr", None)
    assert 3 < ratio.value < 40
    assert [(row.metric, row.target) for row in rows] == [(metric, None) for metric in FIGURES]
    assert len(list((root / "data" / "composer").iterdir())) == 2, "a stock of its own"


def test_the_decoder_alone_is_trained_and_latents_stay(root, tmp_path):
    shutil.copytree(root / "family", tmp_path / "family", symlinks=True)
    (tmp_path / "data").symlink_to(root / "data")
    train("composer_autoencoder", tmp_path, "decoder_alone=true", "schedule.lr=0.01")
    before, after = (
        load_autoencoder(place / "family" / "composer_autoencoder", CPU).state_dict() for place in (root, tmp_path)
    )
    changed = {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"decoder", "post_quant_conv"}


def test_pools_that_come_later_are_read_and_the_words_learn(root):
    spec = ComposerTraining(batch=4, concepts=32, places=2)
    family = root / "family"
    pipe, home = load_generator(family / "generator"), family / "composer_autoencoder"
    vae = load_autoencoder(home, CPU)
    pools = pools_folder(root / "data" / "composer" / f"{spec.data_seed}-32-2", home)
    task = ComposerTask(spec, pools, new_net(pipe, 8), pipe.tokenizer, CPU)
    loss, values = task.loss(0, 0)
    assert loss.item() == pytest.approx(values["denoising"] + spec.binding * values["binding"], rel=1e-4)
    loss.backward()
    assert task.net["text_encoder"].get_input_embeddings().weight.grad.abs().sum() > 0
    assert torch.equal(loss, task.loss(0, 0)[0]), "a step is what its number says"
    make_pool(pools, vae, 1, count=2, seed=9)
    task.loss(1, 0)
    assert len(task.pools) == 1
    task.loss(200, 0)
    assert len(task.pools) == 2
    assert task.sample(rng(0, "sample")).owners.shape == (4, LENGTH)
