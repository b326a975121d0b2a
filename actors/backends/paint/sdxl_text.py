"""Pictures from words alone: SDXL's text-to-image pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import torch

from actors.backends.paint.sdxl_pipes import fetch, read_text_to_image
from actors.compose.generate import Generation
from actors.models.provenance import identify
from engine.rows.values import Pixels
from engine.seeds import derive

SIZE_CONDITION = 1024  # px; see `actors.backends.paint.sdxl`


@final
class SdxlText:
    """Any StableDiffusionXLPipeline.

    Raises:
        UsageError: those of `actors.models.weights.local_weights`.
        EnvironmentProblem: those of `actors.models.weights.local_weights`.
    """

    def __init__(self, spec: Generation) -> None:
        # One thread: sums then have one order whatever the machine.
        torch.set_num_threads(1)
        self.spec = spec
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        folder, variant = fetch(spec.model, spec.revision, device)
        self._pipe = read_text_to_image(folder, device, variant)
        self.model = identify(spec.model, folder)

    @torch.inference_mode()
    def generate(self, phrases: Sequence[str], seeds: Sequence[int], size: int) -> list[Pixels]:
        """One `size` x `size` x 3 picture a phrase, each under a seed of its own."""
        pictures = self._pipe(
            [self.spec.prompt_template.format(background=phrase) for phrase in phrases],
            negative_prompt=[self.spec.negative_prompt] * len(phrases),
            height=size,
            width=size,
            original_size=(max(size, SIZE_CONDITION),) * 2,
            target_size=(size, size),
            num_inference_steps=self.spec.steps,
            guidance_scale=self.spec.guidance,
            generator=[torch.Generator("cpu").manual_seed(derive(seed, "backgrounds", "latents")) for seed in seeds],
            output_type="np",
        ).images
        return [np.rint(picture * 255).astype(np.uint8) for picture in pictures]
