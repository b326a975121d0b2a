"""What is trained changes, and nothing else, on both families."""

import numpy as np
import pytest
import torch

from actors.models.weights import local_weights
from actors.personalize.artifact import ArtifactFacts, apply_artifact, save_artifact
from actors.personalize.bases.stable_diffusion import StableDiffusion
from actors.personalize.denoising_task import Crew, Denoise
from actors.personalize.trainables import add_concepts, choose_weights
from engine.errors import EnvironmentProblem, UsageError
from engine.rows.values import Model
from tests.support.models.taught import WORDS, noise_photos
from tests.support.models.tiny_bases import tiny_sd

MICRO, SIDE = "shipped:micro/generator", 64
ALONE = Crew(0, 1)
BASE = Model(name="tiny", revision="0", license="apache-2.0")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return {"sd": str(tiny_sd(tmp_path_factory.mktemp("sd"))), "sdxl": MICRO}


class Setup:
    def __init__(self, model, method="kv", batch=4, prior=True, crew=ALONE):
        self.base = StableDiffusion(model, "", torch.device("cpu"))
        self.frozen = {name: weight.clone() for name, weight in self.named()}
        self.rows = add_concepts(self.base, WORDS, composition=True)
        self.weights = choose_weights(self.base.denoiser, StableDiffusion, method, rank=2)
        data = noise_photos(), noise_photos(of_class=True) if prior else None
        self.task = Denoise(
            self.base, self.weights, self.rows, data, batch=batch, prior_weight=1.0, side=SIDE, seed=3, crew=crew
        )

    def named(self):
        for net in self.base.networks():
            yield from ((f"{type(net).__name__}.{name}", weight.detach()) for name, weight in net.named_parameters())

    def train(self, steps=3):
        optimizer = torch.optim.AdamW(self.task.net.parameters(), lr=1e-3, weight_decay=0.1)
        for step in range(steps):
            optimizer.zero_grad()
            self.task.loss(step, self.task.crew.rank)[0].backward()
            optimizer.step()
        return self


@pytest.mark.parametrize("family", ["sd", "sdxl"])
@pytest.mark.parametrize("method", ["kv", "kv-lora", "attn-lora"])
def test_only_what_is_trained_changes_and_every_other_bit_stays(models, family, method):
    made = Setup(models[family], method).train()
    changed = set()
    for name, weight in made.named():
        plain = name.replace(".base_layer", "")
        if plain in made.frozen:
            known = made.frozen[plain]
            same = torch.equal(weight[: len(known)], known)  # the embedding table has grown
            changed |= set() if same else {plain}
    wanted = {name for name in made.frozen if "attn2.to_k.weight" in name or "attn2.to_v.weight" in name}
    assert changed == (wanted if method == "kv" else set())
    assert all(weight.grad is not None for weight in made.weights.values())


@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_every_token_is_trained_in_every_encoder(models, family):
    """In the authors' code the row of the last concept never had a gradient."""
    made = Setup(models[family], prior=False)
    made.train(1)
    assert len(made.rows) == (1 if family == "sd" else 2)
    for rows in made.rows:
        norms = rows.rows.grad.norm(dim=1)
        assert (norms[:2] > 0).all()
        assert norms[2] == 0, "photos have no composition token"


def test_the_first_token_takes_part_without_a_gradient(models):
    base = StableDiffusion(models["sd"], "", torch.device("cpu"))
    weights = choose_weights(base.denoiser, StableDiffusion, "kv", rank=1)
    layer = next(layer for name, layer in base.denoiser.named_modules() if name.endswith("attn2.to_k"))
    states = torch.randn(1, 5, 32)
    layer(states)[:, 0].sum().backward()
    assert layer.weight.grad.abs().sum() == 0
    layer(states)[:, 1].sum().backward()
    assert layer.weight.grad.abs().sum() > 0
    assert len(weights) == 2 * 4, "keys and values of four layers"


@pytest.mark.parametrize("world_size", [2, 3])
def test_workers_together_make_the_step_that_one_makes(models, world_size):
    def gradients(crew):
        made = Setup(models["sd"], crew=crew, batch=4)
        made.task.loss(5, crew.rank)[0].backward()
        return [weight.grad.clone() for weight in made.task.net.parameters() if weight.grad is not None]

    alone = gradients(ALONE)
    parts = [gradients(Crew(rank, world_size)) for rank in range(world_size)]
    for one, *others in zip(alone, *parts, strict=True):
        assert torch.allclose(one, sum(others) / world_size, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("family", ["sd", "sdxl"])
@pytest.mark.parametrize("method", ["kv", "kv-lora"])
def test_an_artifact_makes_of_plain_diffusers_what_was_trained(models, family, method, tmp_path):
    """diffusers' own loader for Custom Diffusion changes nothing, and says nothing."""
    from diffusers import DiffusionPipeline

    made = Setup(models[family], method)
    before = {name: weight.detach().clone() for name, weight in made.weights.items()} if method == "kv" else {}
    made.train()
    facts = ArtifactFacts(
        method=method, words=WORDS, composition=True, base=BASE, base_from=(models[family], ""), side=SIDE
    )
    save_artifact(tmp_path, made.base, made.rows, before, facts)
    pipe = DiffusionPipeline.from_pretrained(local_weights(models[family]), dtype=torch.float32)
    untouched = drawn(pipe, "photo of a mug")
    tokens = apply_artifact(tmp_path, pipe, BASE)
    assert tokens == ["<new1>", "<new2>", "<composition>"]
    here = made.base.encode(["photo of a <new1> mug beside a <new2> dog"], SIDE).states
    there = pipe.encode_prompt(
        "photo of a <new1> mug beside a <new2> dog",
        device="cpu",
        do_classifier_free_guidance=False,
        num_images_per_prompt=1,
    )[0]
    assert torch.allclose(here, there, atol=1e-5)
    assert not np.allclose(drawn(pipe, "photo of a mug"), untouched), "the weights were loaded"
    with pytest.raises(UsageError, match="ARTIFACT_BASE"):
        apply_artifact(tmp_path, pipe, Model(name="other", revision="0", license=""))
    if family == "sdxl":
        assert "from_pretrained('weights/micro/generator'" in (tmp_path / "README.md").read_text()
    (tmp_path / "concepts.safetensors").write_bytes(b"{}")
    with pytest.raises(EnvironmentProblem, match="ARTIFACT_DAMAGED"):
        apply_artifact(tmp_path, pipe, BASE)


def drawn(pipe, prompt):
    generator = torch.Generator().manual_seed(0)
    pipe.set_progress_bar_config(disable=True)
    size = {"height": SIDE, "width": SIDE, "num_inference_steps": 2}
    return pipe(prompt, **size, generator=generator, output_type="latent")[0].numpy()


def test_a_token_that_the_base_knows_is_refused(models):
    base = StableDiffusion(models["sd"], "", torch.device("cpu"))
    add_concepts(base, WORDS, composition=False)
    with pytest.raises(UsageError, match=r"TRAIN_TOKEN(.|\n)*<new1>"):
        add_concepts(base, WORDS, composition=False)
