"""Latents, text encoders, and the training of generator and painter from end to end, all tiny."""

import json

import numpy as np
import pytest
import torch

from actors.backends.paint.sdxl import SdxlInpaint
from actors.compose.inpaint import Inpaint
from actors.micro.diffusion.denoising import Denoising, Sample, new_scheduler, new_unet
from actors.micro.diffusion.generator import generate, load_generator
from actors.micro.diffusion.latents import KEEP, REPAINT, LatentFiles, empty_masked, repaint_masks, shrunk
from actors.micro.diffusion.painter import compositions, widen_inputs
from actors.micro.diffusion.text_encoders import (
    LENGTH,
    NEGATIVE,
    corpus,
    new_encoders,
    new_tokenizer,
    read_prompts,
    tokenize,
)
from actors.micro.specs import AutoencoderTraining, GeneratorTraining, PainterTraining
from engine.seeds import rng
from engine.toybox import CLASSES, SCENES
from engine.toybox.sets import open_set
from engine.training.local import train_locally
from engine.training.resources import TrainingStorage
from engine.training.schedule import Schedule
from tests.support.models.tiny_models import save_open_clip
from tests.support.toys.toysets import make_toysets

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")

CPU = torch.device("cpu")
SHORT = Schedule(steps=2, lr=1e-3, warmup=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_toysets(tmp_path_factory.mktemp("data"), 4)


@pytest.fixture(scope="module")
def family(data, tmp_path_factory):
    root = tmp_path_factory.mktemp("micro")
    storage = TrainingStorage(data=str(data), out=str(root / "family"), work=str(root / "work"))
    for spec in (
        AutoencoderTraining(widths=(8, 8, 8, 8), groups=4, crop=64, batch=2, schedule=SHORT),
        GeneratorTraining(widths=(16, 32, 32), batch=2, schedule=SHORT),
        PainterTraining(batch=2, schedule=SHORT),
    ):
        train_locally(spec, storage)
    save_open_clip(root / "family" / "scorer")
    return root / "family"


@pytest.fixture(scope="module")
def tokenizer(data, tmp_path_factory):
    return new_tokenizer(tmp_path_factory.mktemp("tokens"), corpus([open_set(data, "groups")], 0))


def test_almost_every_word_is_one_token_and_prompts_fit(tokenizer):
    words = sorted({word for text in (*CLASSES, *(phrase for _, phrase in SCENES)) for word in text.split()})
    assert sum(len(tokenizer.tokenize(word)) == 1 for word in words) > 0.9 * len(words)
    assert len(tokenizer(NEGATIVE).input_ids) <= LENGTH
    assert tokenizer.unk_token_id not in tokenizer("Zürich quartz & 42 jukeboxes!").input_ids[1:2]


def test_prompts_are_read_as_the_pipeline_reads_them(family):
    pipe = load_generator(family / "generator")
    states, _, pooled, _ = pipe.encode_prompt("a mug on the moon", do_classifier_free_guidance=False)
    tokens = tokenize(pipe.tokenizer, ["a mug on the moon"], CPU)
    with torch.no_grad():
        own_states, own_pooled = read_prompts(pipe.text_encoder, pipe.text_encoder_2, tokens)
    assert states.shape == (1, LENGTH, 256)
    assert torch.allclose(states, own_states, atol=1e-5)
    assert torch.allclose(pooled, own_pooled, atol=1e-5)


def test_the_last_step_of_the_schedule_is_noise_alone():
    scheduler = new_scheduler()
    scheduler.set_timesteps(10)
    assert int(scheduler.timesteps[0]) == 999
    assert float(scheduler.alphas_cumprod[-1]) == pytest.approx(0, abs=1e-6)
    assert scheduler.config.prediction_type == "v_prediction"


def test_the_loss_learns_a_single_picture(tokenizer):
    torch.manual_seed(0)
    first, second = new_encoders(tokenizer)
    net = torch.nn.ModuleDict({"unet": new_unet((16, 32, 32), 4), "text_encoder": first, "text_encoder_2": second})
    denoising = Denoising(net, tokenizer, CPU, texts=True)
    latents = np.ones((4, 8, 8), np.float16)
    samples = [Sample(latents=latents, seen=latents[:0], caption="a mug")] * 4
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    losses = []
    for step in range(30):
        loss = denoising.loss(samples, rng(0, "test", str(step)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    assert first.get_input_embeddings().weight.grad is not None


def test_masks_keep_the_objects_or_are_rectangles_and_depend_on_number_and_seed_alone():
    alpha = np.zeros((40, 64, 64), np.uint8)
    alpha[:, 24:40, 24:40] = 255
    masks = repaint_masks(alpha, 0, 5)
    assert set(np.unique(masks)) == {KEEP, REPAINT}
    assert np.array_equal(masks[7:9], repaint_masks(alpha[7:9], 7, 5))
    around = [mask for mask in masks if mask[0, 0] == REPAINT and not mask[28:36, 28:36].any()]
    assert 20 < len(around) < 40
    pictures = np.full((40, 64, 64, 3), 9, np.uint8)
    assert set(np.unique(empty_masked(pictures, masks))) == {9, 127}
    assert shrunk(masks).shape == (40, 1, 8, 8)


def test_what_is_cached_is_made_once(tmp_path):
    files, made = LatentFiles(tmp_path, writes=True), []

    def make(rows):
        made.append(rows)
        return np.full((rows.stop - rows.start, 1), rows.start, np.float16)

    first = files.open("found.npy", 20, make)
    assert np.array_equal(first, files.open("found.npy", 20, make))
    assert np.array_equal(first, LatentFiles(tmp_path, writes=False).open("found.npy", 20, make))
    assert [(rows.start, rows.stop) for rows in made] == [(0, 16), (16, 20)]


def test_a_widened_unet_answers_as_before_whatever_it_sees():
    torch.manual_seed(0)
    unet = new_unet((16, 32, 32), 4).eval()
    wide = widen_inputs(unet).eval()
    inputs = torch.randn(1, 4, 8, 8)
    rest = {
        "timestep": torch.tensor([500]), "encoder_hidden_states": torch.randn(1, 5, 256),
        "added_cond_kwargs": {"text_embeds": torch.randn(1, 128), "time_ids": torch.full((1, 6), 256.0)},
    }  # fmt: skip
    with torch.no_grad():
        one = unet(inputs, **rest).sample
        other = wide(torch.cat([inputs, torch.randn(1, 5, 8, 8)], 1), **rest).sample
    assert torch.allclose(one, other, atol=1e-5)


def test_the_generator_is_a_pipeline_in_half_precision_whose_seed_decides(family):
    index = json.loads((family / "generator" / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionXLPipeline"
    pipe = load_generator(family / "generator")
    one, other, again = generate(pipe, ["a mug", "a mug", "a mug"], [1, 2, 1])
    assert one.shape == (256, 256, 3)
    assert np.abs(one.astype(int) - again).max() <= 1
    assert np.abs(one.astype(int) - other).max() > 5


def test_the_painter_runs_in_the_production_backend(family, data):
    painter = SdxlInpaint(Inpaint(backend="sdxl", model=str(family / "painter"), steps=3, strength=1.0))
    rows, wanted = compositions(open_set(data, "groups_test"), 0, 2)
    assert painter.paint(rows)[0].shape == (256, 256, 3)
    assert [row.background_prompt for row in rows] == [SCENES[scene][1] for scene in wanted]
    assert painter.models[0].license == "apache-2.0"


def test_both_are_measured_by_the_familys_scorer(family, data, monkeypatch):
    for module in ("generator", "painter"):
        monkeypatch.setattr(f"actors.micro.diffusion.{module}.STEPS", 2)
        monkeypatch.setattr(f"actors.micro.diffusion.{module}.MEASURED", 2)
    monkeypatch.setattr("actors.micro.diffusion.generator.CLASSES", CLASSES[:2])
    made, placed = GeneratorTraining().evaluate(family, data, seed=0)
    (painted,) = PainterTraining().evaluate(family, data, seed=0)
    measured = {row.metric: row.value for row in (made, placed, painted)}
    assert list(measured) == ["class_in_prompt", "class_in_prompt_with_scene", "scene_in_prompt"]
    assert all(0 <= value <= 1 for value in measured.values())
