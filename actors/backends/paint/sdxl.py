"""SDXL inpainting through diffusers: a background around objects that stand on a canvas.

Podell et al., "SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis", 2023. Everything that a
sample's picture depends on is its own: seed, prompt, canvas. A batch only shares the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from actors.backends.paint.canvases import Halving, canvas_size, noise, quicken, start
from actors.backends.paint.sdxl_pipes import adapt, fetch, read_inpainting, read_preview, read_refiner
from actors.compose.inpaint import Inpaint
from actors.models.provenance import identify
from engine.errors import SampleError
from engine.rows.composition import Composition
from engine.rows.values import Model, Pixels

PROMPTS_KEPT = 256  # 0.3 MB each; scenes have a few dozen phrases
SIZE_CONDITION = 1024  # px

Embedding = tuple[Tensor, Tensor]
"""Token states 1x77xD and pooled text 1xP."""


@final
class SdxlInpaint:
    """Paints the repaint mask of a batch of canvases in one call of StableDiffusionXLInpaintPipeline.

    diffusers binarises the mask at 0.5 and decodes the whole picture anew, objects included: softness and identity are
    the business of the stage `restore`.

    Raises:
        UsageError: and those of `actors.models.weights.local_weights`.
        EnvironmentProblem: those of `actors.models.weights.local_weights`.
    """

    def __init__(self, spec: Inpaint) -> None:
        # One thread: sums then have one order whatever the machine, and every worker has one core.
        torch.set_num_threads(1)
        self.spec = spec
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        folder, variant = fetch(spec.model, spec.revision, self.device)
        self.pipe = read_inpainting(folder, self.device, variant)
        self.models: tuple[Model, ...] = (identify(spec.model, folder),)
        lora = adapt(self.pipe, spec)
        if spec.lora and lora:
            self.models += (identify(spec.lora.model, lora),)
        self.refiner = self._read_refiner() if spec.refiner else None
        self._decoder = self.pipe.vae
        if spec.preview:
            self._decoder, tiny = read_preview(spec.preview, self.device)
            self.models += (tiny,)
        quicken(self.pipe.unet, self.device, compiled=spec.compiled)
        self.embed = lru_cache(maxsize=PROMPTS_KEPT)(self._embed)
        half = self.pipe.unet.dtype != torch.float32
        self.batches = Halving(self._paint, spec.model, again=self._paint_in_full if half else None)

    def paint(self, rows: Sequence[Composition]) -> Sequence[Pixels | SampleError]:
        """One HxWx3 picture a row, or PAINT_BLANK in its place. All canvases of a call have one size.

        Raises:
            UsageError: CANVAS_SIZE where height or width is no multiple of 8.
            EnvironmentProblem: GPU_MEMORY where not even one row fits the GPU.
        """
        return self.batches(rows)

    @torch.inference_mode()
    def _paint(self, rows: Sequence[Composition]) -> NDArray[np.float32]:
        height, width = canvas_size(rows[0], 8)
        prompts = [self.spec.prompt_template.format(background=row.background_prompt) for row in rows]
        shared = {
            # SDXL was told the size of each training picture, and paints as blurred as small ones are (section 2.2).
            "original_size": (max(height, SIZE_CONDITION), max(width, SIZE_CONDITION)),
            "target_size": (height, width),
            "num_inference_steps": self.spec.steps,
            "guidance_scale": self.spec.guidance,
            "generator": noise(rows),
            "output_type": "latent",
        }
        latents = self.pipe(
            image=[Image.fromarray(start(row)) for row in rows],
            mask_image=[Image.fromarray(cast("Pixels", row.repaint_mask)) for row in rows],
            height=height,
            width=width,
            strength=self.spec.strength,
            denoising_end=self.spec.refiner.start if self.spec.refiner else None,
            **self._words(self.pipe, prompts),
            **shared,
        ).images
        if self.refiner is not None and self.spec.refiner is not None:
            words = self._words(self.refiner, prompts)
            latents = self.refiner(image=latents, denoising_start=self.spec.refiner.start, **words, **shared).images
        return self._decode(latents)

    def _paint_in_full(self, rows: Sequence[Composition]) -> NDArray[np.float32]:
        """As `_paint`, in float32: half precision ends at 65,504, and what overflows there comes out black."""
        pipes = [pipe for pipe in (self.pipe, self.refiner) if pipe is not None]
        before = [pipe.unet.dtype for pipe in pipes]
        self.embed.cache_clear()
        try:
            for pipe in pipes:
                pipe.to(torch.float32)
            return self._paint(rows)
        finally:
            for pipe, dtype in zip(pipes, before, strict=True):
                pipe.to(dtype)
            self.embed.cache_clear()

    def _words(self, pipe: Any, prompts: Sequence[str]) -> dict[str, Tensor]:
        """The embeddings of a batch of prompts, and of the negative prompt for each, as a pipeline takes them."""
        wanted, unwanted = [self.embed(pipe, prompt) for prompt in prompts], self._negative(pipe)
        return {
            "prompt_embeds": torch.cat([states for states, _ in wanted]),
            "pooled_prompt_embeds": torch.cat([pooled for _, pooled in wanted]),
            "negative_prompt_embeds": unwanted[0].repeat(len(wanted), 1, 1),
            "negative_pooled_prompt_embeds": unwanted[1].repeat(len(wanted), 1),
        }

    def _decode(self, latents: Tensor) -> NDArray[np.float32]:
        """Latents to NxHxWx3 in 0..1. In float32: SDXL's decoder overflows in float16."""
        vae = self._decoder.to(torch.float32)
        image = vae.decode(latents.float() / vae.config.scaling_factor, return_dict=False)[0]
        return cast("NDArray[np.float32]", (image / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy())

    def _read_refiner(self) -> Any:
        assert self.spec.refiner is not None
        folder, variant = fetch(self.spec.refiner.model, self.spec.refiner.revision, self.device)
        self.models += (identify(self.spec.refiner.model, folder),)
        return read_refiner(folder, self.pipe, self.device, variant)

    @torch.inference_mode()
    def _embed(self, pipe: Any, prompt: str) -> Embedding:
        states, _, pooled, _ = pipe.encode_prompt(prompt, device=self.device, do_classifier_free_guidance=False)
        return states, pooled

    def _negative(self, pipe: Any) -> Embedding:
        states, pooled = self.embed(pipe, self.spec.negative_prompt)
        if not self.spec.negative_prompt and pipe.config.force_zeros_for_empty_prompt:
            return torch.zeros_like(states), torch.zeros_like(pooled)
        return states, pooled
