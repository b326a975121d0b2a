"""Flow-matching transformers that inpaint, through diffusers: Z-Image and FLUX.2 klein, both openly licensed.

Their inpainting pipelines keep what is masked by blending latents in every step; what the decoder does to it all the
same is undone by the stage `restore`. A turbo or distilled model wants few steps and a guidance of 0 or 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from actors.backends.paint.canvases import Halving, canvas_size, noise, quicken, start
from actors.compose.inpaint import Inpaint
from actors.models.preflight import FLOWS
from actors.models.provenance import identify
from actors.models.weights import CHAT_FILES, forbid_code, local_weights
from engine.errors import SampleError, UsageError
from engine.rows.composition import Composition
from engine.rows.values import Model, Pixels

PROMPTS_KEPT = 64  # up to 16 MB each


@dataclass(frozen=True, slots=True)
class Family:
    """How embeddings of one kind of pipeline are made, and put together for a batch."""

    embed: Callable[[Any, str], Tensor]
    batch: Callable[[Sequence[Tensor]], Any]


def _z_image_words(pipe: Any, text: str) -> Tensor:
    """States of a text's own tokens, TxD."""
    return cast("Tensor", pipe.encode_prompt([text], do_classifier_free_guidance=False)[0][0])


def _klein_words(pipe: Any, text: str) -> Tensor:
    """States of as many tokens for every text, 1xTxD."""
    return cast("Tensor", pipe.encode_prompt([text])[0])


def _stack(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(parts))


FAMILIES: Mapping[str, Family] = {
    "ZImageInpaintPipeline": Family(_z_image_words, list),
    "Flux2KleinInpaintPipeline": Family(_klein_words, _stack),
}
"""By the pipeline that reads a folder; see `actors.models.preflight.FLOWS`."""


@final
class FlowInpaint:
    """Paints the repaint mask of a batch of canvases in one call of the folder's pipeline.

    Raises:
        UsageError: WEIGHTS_MISMATCH, and those of `actors.models.weights.local_weights`.
        EnvironmentProblem: those of `actors.models.weights.local_weights`.
    """

    def __init__(self, spec: Inpaint) -> None:
        # One thread: sums then have one order whatever the machine, and every worker has one core.
        torch.set_num_threads(1)
        self.spec = spec
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        folder = local_weights(spec.model, spec.revision, files=CHAT_FILES)
        pipeline = _pipeline(folder)
        self._family = FAMILIES[pipeline]
        self.pipe = _read(pipeline, folder, self.device)
        quicken(self.pipe.transformer, self.device, compiled=spec.compiled)
        self.models: tuple[Model, ...] = (identify(spec.model, folder),)
        self.embed = lru_cache(maxsize=PROMPTS_KEPT)(self._embed)
        self.batches = Halving(self._paint, spec.model)

    def paint(self, rows: Sequence[Composition]) -> Sequence[Pixels | SampleError]:
        """One HxWx3 picture a row, or PAINT_BLANK in its place. All canvases of a call have one size.

        Raises:
            UsageError: CANVAS_SIZE.
            EnvironmentProblem: GPU_MEMORY where not even one row fits the GPU.
        """
        return self.batches(rows)

    @torch.inference_mode()
    def _paint(self, rows: Sequence[Composition]) -> NDArray[np.float32]:
        height, width = canvas_size(rows[0], int(self.pipe.vae_scale_factor) * 2)
        prompts = [self.spec.prompt_template.format(background=row.background_prompt) for row in rows]
        pictures = self.pipe(
            image=[Image.fromarray(start(row)) for row in rows],
            mask_image=[Image.fromarray(cast("Pixels", row.repaint_mask)) for row in rows],
            height=height,
            width=width,
            num_inference_steps=self.spec.steps,
            guidance_scale=self.spec.guidance,
            strength=self.spec.strength,
            generator=noise(rows),
            prompt_embeds=self._family.batch([self.embed(text) for text in prompts]),
            negative_prompt_embeds=self._family.batch([self.embed(self.spec.negative_prompt)] * len(rows)),
            output_type="np",
        ).images
        if pictures.shape[1:3] != (height, width):  # klein reduces what has more than 1024 x 1024 pixels
            what = f"the model paints {width} x {height} px as {pictures.shape[2]} x {pictures.shape[1]}"
            raise UsageError("CANVAS_SIZE", what, fix="--set size=1024, or less")
        return np.asarray(pictures, np.float32)

    @torch.inference_mode()
    def _embed(self, text: str) -> Tensor:
        return self._family.embed(self.pipe, text)


def _pipeline(folder: Path) -> str:
    """The pipeline that can read a folder, by what its model_index.json says it is."""
    try:
        kind = str(json.loads((folder / "model_index.json").read_bytes())["_class_name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _mismatch(folder, f"no usable model_index.json: {type(error).__name__}: {error}") from None
    found = next((name for name, kinds in FLOWS.items() if re.fullmatch(kinds, kind)), None)
    if found is None:
        raise _mismatch(folder, f"it is a {kind}")
    return found


def _read(pipeline: str, folder: Path, device: torch.device) -> Any:
    forbid_code()
    import diffusers
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    try:
        pipe = getattr(diffusers, pipeline).from_pretrained(
            folder,
            dtype=torch.bfloat16 if device.type == "cuda" else torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    except (ValueError, RuntimeError, TypeError, OSError) as error:
        raise _mismatch(folder, (str(error).strip() or type(error).__name__).splitlines()[0]) from None
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device)


def _mismatch(folder: Path, why: str) -> UsageError:
    return UsageError(
        "WEIGHTS_MISMATCH",
        "is no inpainting transformer that can be run",
        where=str(folder),
        why=why,
        fix="take a Z-Image or a FLUX.2 klein as diffusers writes them, such as Tongyi-MAI/Z-Image-Turbo",
    )
