"""SDXL inpainting through diffusers: a background around objects that stand on a canvas.

Podell et al., "SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis", 2023. Everything that a
sample's picture depends on is its own: seed, prompt, canvas. A batch only shares the arithmetic.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from actors.inpaint import Inpaint
from actors.weights import SAFE_FILES, forbid_code, identify, local_weights
from engine.errors import EnvironmentProblem, SampleError, UsageError
from engine.paste import over
from engine.records import Composition, Pixels
from engine.seeds import derive

log = logging.getLogger(__name__)

HALF_FILES = tuple("*.fp16.safetensors" if name == "*.safetensors" else name for name in SAFE_FILES)
PROMPTS_KEPT = 256  # 0.3 MB each; scenes have a few dozen phrases
SIZE_CONDITION = 1024  # px
FLAT = 2 / 255  # a picture whose values span less holds nothing

Embedding = tuple[Tensor, Tensor]
"""Token states 1x77xD and pooled text 1xP."""


@final
class SdxlInpaint:
    """Paints the repaint mask of a batch of canvases in one call of StableDiffusionXLInpaintPipeline.

    diffusers binarises the mask at 0.5 and decodes the whole picture anew, objects included: softness and identity are
    the business of the stage `restore`.

    Raises:
        UsageError: INPAINT_STEPS, and those of `actors.weights.local_weights`.
        EnvironmentProblem: those of `actors.weights.local_weights`.
    """

    def __init__(self, spec: Inpaint) -> None:
        if int(spec.steps * spec.strength) < 1:
            raise UsageError(
                "INPAINT_STEPS",
                f"{spec.steps} steps at strength {spec.strength:g} leave no step to take",
                fix="raise steps or strength until steps x strength >= 1",
            )
        # One thread: sums then have one order whatever the machine, and every worker has one core.
        torch.set_num_threads(1)
        self.spec = spec
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        folder, half = _fetch(spec, half=self.device.type == "cuda")
        self.pipe = _load(folder, self.device, variant="fp16" if half else None)
        self.model = identify(spec.model, folder)
        self.embed = lru_cache(maxsize=PROMPTS_KEPT)(self._embed)
        self.most = 1_000_000  # rows a call; halved when the card runs out of memory

    def paint(self, rows: Sequence[Composition]) -> Sequence[Pixels | SampleError]:
        """One HxWx3 picture a row, or PAINT_BLANK in its place. All canvases of a call have one size.

        Raises:
            UsageError: CANVAS_SIZE where height or width is no multiple of 8.
            EnvironmentProblem: GPU_MEMORY where not even one row fits the card.
        """
        painted: list[Pixels | SampleError] = []
        while len(painted) < len(rows):
            batch = rows[len(painted) : len(painted) + self.most]
            values = self._attempt(batch)
            if values is not None:
                painted += [_to_pixels(value, row) for value, row in zip(values, batch, strict=True)]
        return painted

    def _attempt(self, rows: Sequence[Composition]) -> NDArray[np.float32] | None:
        """The pictures, or None after the limit on rows was lowered: the failed call's memory is then free again."""
        try:
            return self._paint(rows)
        except torch.cuda.OutOfMemoryError as error:
            if len(rows) == 1:
                raise EnvironmentProblem(
                    "GPU_MEMORY",
                    f"one canvas of {self.spec.model} does not fit the card",
                    why=str(error).splitlines()[0],
                    fix="give the stage a whole card, a smaller canvas, or a larger card",
                ) from None
        self.most = len(rows) // 2
        log.warning("out of GPU memory with %d canvases at once: going on with %d", len(rows), self.most)
        torch.cuda.empty_cache()
        return None

    @torch.inference_mode()
    def _paint(self, rows: Sequence[Composition]) -> NDArray[np.float32]:
        height, width = _canvas_size(rows[0])
        prompts = [self.embed(self.spec.prompt_template.format(background=row.background_prompt)) for row in rows]
        negatives = [self._negative()] * len(rows)
        latents = self.pipe(
            image=[Image.fromarray(_start(row)) for row in rows],
            mask_image=[Image.fromarray(cast("Pixels", row.repaint_mask)) for row in rows],
            height=height,
            width=width,
            # SDXL was told the size of each training picture, and paints as blurred as small ones are (section 2.2).
            original_size=(max(height, SIZE_CONDITION), max(width, SIZE_CONDITION)),
            target_size=(height, width),
            num_inference_steps=self.spec.steps,
            guidance_scale=self.spec.guidance,
            strength=self.spec.strength,
            # On the CPU, one a sample: the noise is the same on every card and in every batch.
            generator=[torch.Generator("cpu").manual_seed(derive(row.seed, "inpaint", "latents")) for row in rows],
            prompt_embeds=torch.cat([states for states, _ in prompts]),
            pooled_prompt_embeds=torch.cat([pooled for _, pooled in prompts]),
            negative_prompt_embeds=torch.cat([states for states, _ in negatives]),
            negative_pooled_prompt_embeds=torch.cat([pooled for _, pooled in negatives]),
            output_type="latent",
        ).images
        return self._decode(latents)

    def _decode(self, latents: Tensor) -> NDArray[np.float32]:
        """Latents to NxHxWx3 in 0..1. In float32: SDXL's decoder overflows in float16."""
        vae = self.pipe.vae.to(torch.float32)
        image = vae.decode(latents.float() / vae.config.scaling_factor, return_dict=False)[0]
        return cast("NDArray[np.float32]", (image / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy())

    @torch.inference_mode()
    def _embed(self, prompt: str) -> Embedding:
        states, _, pooled, _ = self.pipe.encode_prompt(prompt, device=self.device, do_classifier_free_guidance=False)
        return states, pooled

    def _negative(self) -> Embedding:
        states, pooled = self.embed(self.spec.negative_prompt)
        if not self.spec.negative_prompt and self.pipe.config.force_zeros_for_empty_prompt:
            return torch.zeros_like(states), torch.zeros_like(pooled)
        return states, pooled


def _fetch(spec: Inpaint, *, half: bool) -> tuple[Path, bool]:
    """The model's folder, and whether it holds the half-precision files. Only the precision that is used is fetched."""
    if half and not Path(spec.model).expanduser().is_dir():
        try:
            return local_weights(spec.model, spec.revision, files=HALF_FILES), True
        except EnvironmentProblem:
            log.info("%s has no half-precision files: fetching the full ones", spec.model)
    folder = local_weights(spec.model, spec.revision)
    return folder, half and any(folder.glob("unet/*.fp16.safetensors"))


def _load(folder: Path, device: torch.device, variant: str | None) -> Any:
    forbid_code()
    from diffusers import StableDiffusionXLInpaintPipeline
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    # It warns of every change of the decoder's precision, of which a call makes four.
    logging.getLogger("diffusers.models.modeling_utils").setLevel(logging.ERROR)
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    pipe = StableDiffusionXLInpaintPipeline.from_pretrained(
        folder,
        dtype=torch.float16 if device.type == "cuda" else torch.float32,
        variant=variant,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        add_watermarker=False,  # training images carry no mark
    ).to(device)
    pipe.set_progress_bar_config(disable=True)
    pipe.vae.register_to_config(force_upcast=True)  # encode in float32 too, also where the last call left the VAE there
    pipe.vae.enable_slicing()  # decodes one canvas at a time: a batch of eight at 1024 px would take 8 x 5 GB
    return pipe


def _canvas_size(row: Composition) -> tuple[int, int]:
    height, width = cast("Pixels", row.background).shape[:2]
    if height % 8 or width % 8:
        raise UsageError(
            "CANVAS_SIZE",
            f"the SDXL canvas must be a multiple of 8 px, not {width} x {height}",
            fix="--set size=1024, or another multiple of 8",
        )
    return height, width


def _start(row: Composition) -> Pixels:
    return over(cast("Pixels", row.foreground), cast("Pixels", row.background))


def _to_pixels(values: NDArray[np.float32], row: Composition) -> Pixels | SampleError:
    if not np.isfinite(values).all() or float(np.ptp(values)) < FLAT:
        return SampleError(
            "PAINT_BLANK",
            "the inpainting model returned an empty picture",
            where=row.sample_id,
            why="its numbers overflowed, or every pixel has one colour",
        )
    return np.rint(values * 255).astype(np.uint8)
