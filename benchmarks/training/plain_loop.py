"""The loop that somebody writes who knows torch, diffusers and peft: no Ray, no checkpoint, no log; `PHOTOS STEPS`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler, DiffusionPipeline
from PIL import Image

BASE = Path(__file__).parents[2] / "weights" / "micro" / "generator"
SIDE, BATCH, WARM_UP = 128, 4, 10


def main(photos: Path, steps: int, threads: int) -> None:
    """Print steps a second, those of the warm-up left out."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    pipe = DiffusionPipeline.from_pretrained(BASE, dtype=torch.float32)
    scheduler = DDPMScheduler.from_config(pipe.scheduler.config)
    for net in (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2):
        net.requires_grad_(requires_grad=False)
    trained = [
        layer.weight.requires_grad_()
        for name, layer in pipe.unet.named_modules()
        if name.endswith(("attn2.to_k", "attn2.to_v"))
    ]
    tokens = []
    for tokenizer, encoder in ((pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2)):
        tokenizer.add_tokens(["<new1>", "<new2>"])
        encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        tokens.append(encoder.get_input_embeddings().weight.requires_grad_())
    optimizer = torch.optim.AdamW([*trained, *tokens], lr=1e-3, fused=True)
    known = _encode(pipe, sorted(photos.glob("*/*.jpg")))
    draw = np.random.default_rng(0)
    for step in range(steps + WARM_UP):
        if step == WARM_UP:
            began = time.perf_counter()
        _step(pipe, scheduler, known[draw.integers(len(known), size=BATCH)], optimizer)
    print(json.dumps({"rate": steps / (time.perf_counter() - began)}))


@torch.no_grad()
def _encode(pipe, files):  # noqa: ANN001, ANN202 - a script's functions
    """Moments of all photos, mirrored and not: (N, 2C, h, w)."""
    found = []
    for file in files:
        pixels = np.asarray(Image.open(file).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))
        both = torch.from_numpy(np.stack([pixels, pixels[:, ::-1]])).permute(0, 3, 1, 2)
        made = pipe.vae.encode(both.float() / 127.5 - 1).latent_dist
        found.append(torch.cat([made.mean, made.std], 1))
    return torch.cat(found)


def _step(pipe, scheduler, moments, optimizer):  # noqa: ANN001, ANN202
    means, deviations = moments.chunk(2, 1)
    with torch.autocast("cpu", torch.bfloat16):
        latents = (means + deviations * torch.randn_like(means)) * pipe.vae.config.scaling_factor
        noise, times = torch.randn_like(latents), torch.randint(1000, (BATCH,))
        prompts = [f"photo of a <new{1 + number % 2}> toy" for number in range(BATCH)]
        read = []
        for tokenizer, encoder in ((pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2)):
            ids = tokenizer(
                prompts, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
            ).input_ids
            read.append(encoder(ids, output_hidden_states=True))
        states = torch.cat([each.hidden_states[-2] for each in read], -1)
        added = {"text_embeds": read[1].text_embeds, "time_ids": torch.tensor([[SIDE, SIDE, 0, 0, SIDE, SIDE]] * BATCH)}
        noisy = scheduler.add_noise(latents, noise, times)
        said = pipe.unet(noisy, times, encoder_hidden_states=states, added_cond_kwargs=added).sample
        loss = (said.float() - scheduler.get_velocity(latents, noise, times).float()).square().mean()
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_([weight for group in optimizer.param_groups for weight in group["params"]], 1.0)
    optimizer.step()
    loss.item()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
