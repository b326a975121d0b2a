"""FLUX.2 klein as a base: the step that its own pipeline undoes, and what an artifact makes of it."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from actors.personalize.artifact import EMBEDDINGS, ArtifactFacts, apply_artifact, read_artifact, save_artifact
from actors.personalize.bases.base_model import Conditions, moments_of
from actors.personalize.bases.flux2_klein import Flux2Klein, places
from actors.personalize.custom_diffusion import CustomDiffusion
from actors.personalize.denoising_task import Crew, Denoise
from actors.personalize.draw.drawing import Drawing, draw
from actors.personalize.draw.pipelines import open_autoencoder
from actors.personalize.trainables import add_concepts, choose_weights
from engine.errors import UsageError
from engine.rows.values import Model
from tests.support.models.taught import WORDS, noise_photos
from tests.support.models.tiny_flows import save_flux2_klein

SIDE = 64
BASE = Model(name="tiny", revision="0", license="apache-2.0")
TEXT = "photo of a <new1> mug beside a <new2> dog"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_flux2_klein(tmp_path_factory.mktemp("klein") / "base", blocks=4, is_distilled=False))


def opened(folder, **changes):
    return Flux2Klein(folder, "", torch.device("cpu"), **changes)


def pictures(count=2):
    return list(np.random.default_rng(0).integers(0, 255, (count, SIDE, SIDE, 3), dtype=np.uint8))


def generators(count=2):
    return [torch.Generator().manual_seed(number) for number in range(count)]


def made(folder, *, words=True, spare=False):
    torch.manual_seed(0)
    base = opened(folder)
    frozen = {name: weight.clone() for net in base.networks() for name, weight in net.named_parameters()}
    rows = add_concepts(base, WORDS, composition=False) if words else []
    weights = choose_weights(base.denoiser, Flux2Klein, "attn-lora", rank=2)
    if spare:
        base.spare_memory()
    data = noise_photos(), noise_photos(of_class=True)
    task = Denoise(base, weights, rows, data, batch=4, prior_weight=1.0, side=SIDE, seed=3, crew=Crew(0, 1))
    return base, rows, weights, task, frozen


def trained(folder, steps=2, **changes):
    base, rows, weights, task, frozen = made(folder, **changes)
    optimizer = torch.optim.AdamW(task.net.parameters(), lr=1e-2, weight_decay=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        task.loss(step, 0)[0].backward()
        optimizer.step()
    return base, rows, weights, task, frozen


def test_latents_are_those_that_the_pipeline_makes_and_decodes(folder):
    base = opened(folder)
    base.vae.bn.running_mean.normal_()
    base.vae.bn.running_var.uniform_(0.5, 2.0)
    moments = base.moments(pictures())
    moments[:, moments.shape[1] // 2 :] = 0  # no noise
    ours = base.latents(moments, generators())
    pixels = torch.from_numpy(np.stack(pictures())).permute(0, 3, 1, 2).float() / 127.5 - 1
    theirs = base.pipe._encode_vae_image(pixels, generators()[0])
    torch.testing.assert_close(base.pipe._patchify_latents(ours), theirs)


def test_the_velocity_is_asked_for_as_the_pipeline_asks(folder):
    """Whoever predicts the error's target exactly is right: a step of the scheduler from noise ends at the latents."""
    base = opened(folder)
    latents, noise = base.latents(base.moments(pictures()), generators()), torch.randn(2, 4, 8, 8)
    times = base.times(generators())
    asked = {}
    base.denoiser.register_forward_pre_hook(lambda _net, _args, given: asked.update(given), with_kwargs=True)
    conditions = base.encode(["a mug", "a dog"], SIDE)
    errors = base.errors(latents, noise, times, conditions)
    assert errors.shape == latents.shape
    noisy = base.pipe._patchify_latents((1 - times.view(-1, 1, 1, 1)) * latents + times.view(-1, 1, 1, 1) * noise)
    torch.testing.assert_close(asked["hidden_states"], base.pipe._pack_latents(noisy))
    assert torch.equal(asked["img_ids"], base.pipe._prepare_latent_ids(noisy))
    assert torch.equal(asked["txt_ids"], base.pipe._prepare_text_ids(conditions.states))
    said = base.denoiser(**asked)[0]
    grid = base.pipe._unpack_latents_with_ids(said, asked["img_ids"], 4, 4)
    wanted = (base.pipe._unpatchify_latents(grid) - (noise - latents)).square()
    torch.testing.assert_close(errors, wanted)


def test_times_are_shares_of_noise_and_follow_their_generators(folder):
    base = opened(folder)
    many = base.times(generators(400))
    assert ((many > 0) & (many < 1)).all()
    assert abs(float(many.logit().mean())) < 0.15
    assert abs(float(many.logit().std()) - 1) < 0.15
    assert torch.equal(base.times(generators(3)), many[:3])


def test_words_are_read_as_the_pipeline_reads_them(folder):
    base = opened(folder)
    there = base.pipe.encode_prompt(["a mug"])[0]
    assert torch.equal(base.encode(["a mug"], SIDE).states, there)
    assert Conditions.join([base.encode(["a mug"], SIDE)] * 2).states.shape == (2, *there.shape[1:])
    assert places(2, 1, 1, 3)[1].tolist() == [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 2]]


def test_only_loras_and_rows_change(folder):
    base, rows, weights, _, frozen = trained(folder)
    now = {
        name.replace(".base_layer", ""): weight for net in base.networks() for name, weight in net.named_parameters()
    }
    assert all(torch.equal(now[name], before) for name, before in frozen.items())
    assert all(weight.grad is not None for weight in weights.values())
    assert (rows[0].rows.grad.norm(dim=1) > 0).all()
    single = [name for name in weights if name.startswith("single_transformer_blocks")]
    both = [name for name in weights if name.startswith("transformer_blocks")]
    assert len(single) == 2 * 2, "one block: its fused projection, its output"
    assert len(both) == 2 * 8, "one block: four projections of pictures, four of words"


def test_gradient_checkpointing_changes_no_gradient(folder):
    plain, spared = made(folder), made(folder, spare=True)
    for each in (plain, spared):
        each[3].loss(1, 0)[0].backward()
    for one, other in zip(plain[3].net.parameters(), spared[3].net.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    assert spared[0].encoders[0].is_gradient_checkpointing
    assert spared[0].encoders[0].training


@pytest.mark.parametrize("words", [True, False])
def test_an_artifact_makes_of_plain_diffusers_what_was_trained(folder, words, tmp_path):
    from diffusers import DiffusionPipeline

    base, rows, _, _, _ = trained(folder, words=words)
    facts = ArtifactFacts(
        method="attn-lora", words=WORDS, composition=False, base=BASE, base_from=(folder, ""), side=SIDE
    )
    save_artifact(tmp_path, base, rows, {}, facts)
    manifest = read_artifact(tmp_path)
    assert (EMBEDDINGS in manifest["files"]) == words
    pipe = DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    prompts, seeds, how = [TEXT] * 2, [1, 2], Drawing(steps=2, guidance=4.0)
    untouched = draw(pipe, prompts, seeds, SIDE, how)
    assert apply_artifact(tmp_path, pipe, BASE) == (["<new1>", "<new2>"] if words else [])
    torch.testing.assert_close(pipe.encode_prompt([TEXT])[0], base.encode([TEXT], SIDE).states)
    taught, here = draw(pipe, prompts, seeds, SIDE, how), draw(base.pipe, prompts, seeds, SIDE, how)
    np.testing.assert_allclose(taught, np.asarray(here, float), atol=1)
    assert np.abs(np.asarray(taught, float) - untouched).max() > 1


@pytest.mark.parametrize("words", [True, False])
def test_the_lines_of_the_card_load_it(folder, words, tmp_path, monkeypatch):
    base, rows, _, _, _ = trained(folder, words=words)
    facts = ArtifactFacts(
        method="attn-lora", words=WORDS, composition=False, base=BASE, base_from=(folder, ""), side=SIDE
    )
    save_artifact(tmp_path, base, rows, {}, facts)
    card = (tmp_path / "README.md").read_text()
    lines = card.partition("```python\n")[2].partition("```")[0]
    lines = lines.replace("height=64", "num_inference_steps=1, height=64")
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(compile(lines, "card", "exec"), found)
    assert found["picture"].size == (SIDE, SIDE)
    torch.testing.assert_close(found["pipe"].encode_prompt([TEXT])[0], base.encode([TEXT], SIDE).states)


def test_a_negative_prompt_is_refused_where_there_is_none(folder):
    with pytest.raises(UsageError, match="DRAW_NEGATIVE"):
        draw(opened(folder).pipe, ["a mug"], [1], SIDE, Drawing(steps=1, negative_prompt="blur"))


def test_the_pool_encodes_as_the_base_does(folder):
    encode = open_autoencoder(folder, "")
    torch.testing.assert_close(encode(pictures()), moments_of(opened(folder).vae, pictures()))


@pytest.mark.parametrize("method", ["kv", "kv-lora"])
def test_methods_that_the_family_does_not_have_are_refused_in_the_spec(method):
    with pytest.raises(ValidationError, match=f"flux2_klein is trained by attn-lora, not by {method}"):
        CustomDiffusion(base="x", backend="flux2_klein", method=method)
