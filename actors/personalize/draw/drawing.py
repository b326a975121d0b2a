"""Pictures drawn by a text-to-image pipeline of diffusers, each under a seed of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from inspect import signature
from typing import Any, final

from pydantic import Field

from engine.errors import UsageError
from engine.rows.values import Pixels
from engine.run.stage import Spec


@final
class Drawing(Spec):
    """How pictures are drawn. The authors of Custom Diffusion use 50 to 200 steps under a guidance of 6."""

    steps: int = Field(default=50, ge=1, le=1000, description="denoising steps")
    guidance: float = Field(default=6.0, ge=0, le=30, description="classifier-free guidance scale")
    negative_prompt: str = Field(default="", description="what not to draw; not with FLUX.2 klein")
    accept_licence: tuple[str, ...] = Field(
        default=(), description="models that may be used though their licence is restricted"
    )
    batch: int = Field(default=4, ge=1, le=64, description="pictures at once")


def draw(pipe: Any, prompts: Sequence[str], seeds: Sequence[int], side: int, how: Drawing) -> list[Pixels]:
    """One `side` x `side` x 3 picture for each prompt; the noise that it begins with follows from its seed alone.

    Raises:
        UsageError: DRAW_NEGATIVE where the pipeline takes no negative prompt and one was given.
    """
    import numpy as np
    import torch

    negative = takes_negative(pipe, how.negative_prompt)

    def pictures() -> Iterator[Pixels]:
        pairs = list(zip(prompts, seeds, strict=True))
        for start in range(0, len(pairs), how.batch):
            part = pairs[start : start + how.batch]
            made = pipe(
                prompt=[prompt for prompt, _ in part],
                **({"negative_prompt": [how.negative_prompt] * len(part)} if negative else {}),
                height=side,
                width=side,
                num_inference_steps=how.steps,
                guidance_scale=how.guidance,
                generator=[torch.Generator("cpu").manual_seed(seed) for _, seed in part],
                output_type="np",
            ).images
            yield from (np.rint(np.nan_to_num(picture) * 255).astype(np.uint8) for picture in made)

    pipe.set_progress_bar_config(disable=True)
    with torch.no_grad():
        return list(pictures())


def takes_negative(pipe: Any, given: str) -> bool:
    """Whether a pipeline takes a negative prompt; FLUX.2 has none, its guidance is away from empty words.

    Raises:
        UsageError: DRAW_NEGATIVE where it does not, and one was given.
    """
    takes = "negative_prompt" in signature(pipe.__call__).parameters
    if given and not takes:
        what, fix = f"{type(pipe).__name__} takes no negative prompt", "leave drawing.negative_prompt empty"
        raise UsageError("DRAW_NEGATIVE", what, where="drawing.negative_prompt", fix=fix)
    return takes
