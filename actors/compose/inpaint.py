"""Paints what lies around the objects. What a backend does to the objects themselves is undone by `restore`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from string import Formatter
from typing import Annotated, ClassVar, Literal, Protocol, Self, final

from pydantic import AfterValidator, Field, model_validator

from engine.errors import SampleError
from engine.registry import Registry
from engine.rows.composition import Composition
from engine.rows.values import Model, Pixels
from engine.run.stage import Run, Spec, Stage, Worker

WITHOUT_WEIGHTS = ("blend",)


class Painter(Protocol):
    """What an inpainting backend offers."""

    models: tuple[Model, ...]

    def paint(self, rows: Sequence[Composition]) -> Sequence[Pixels | SampleError]:
        """One HxWx3 picture per row, or the error in its place."""


PAINTERS: Registry[Callable[[Inpaint], Painter]] = Registry(
    "painter",
    {
        "blend": "actors.backends.paint.blend:Blend",
        "flow": "actors.backends.paint.flow_inpaint:FlowInpaint",
        "sdxl": "actors.backends.paint.sdxl:SdxlInpaint",
    },
)


@final
class Refiner(Spec):
    """A second diffusion model for the last steps (Podell et al. 2023, section 2.5)."""

    model: str = Field(description="hub id or local folder of an SDXL refiner")
    revision: str = Field(default="", description="commit of its weights on the hub, 40 hex digits")
    start: float = Field(default=0.75, gt=0, lt=1, description="share of the noise schedule that the first model takes")


@final
class Lora(Spec):
    """Low-rank changes of the UNet, such as those that let it do with a few steps."""

    model: str = Field(description="hub id or local folder of the LoRA")
    revision: str = Field(default="", description="commit of its weights on the hub, 40 hex digits")
    file: str = Field(
        default="", pattern=r"^[\w.-]*$", description="which safetensors file of it, if there are several"
    )
    scale: float = Field(default=1.0, ge=0, le=2, description="how much of it")


@final
class Preview(Spec):
    """A tiny autoencoder that decodes in place of the model's own: coarse, at a hundredth of the cost."""

    model: str = Field(description="hub id or local folder of an AutoencoderTiny, such as madebyollin/taesdxl")
    revision: str = Field(default="", description="commit of its weights on the hub, 40 hex digits")


@final
class Inpaint(Stage):
    """Repaint the background around the objects, or blend it as it is."""

    name: ClassVar[str] = "inpaint"
    reads: ClassVar[tuple[str, ...]] = (
        "background", "foreground", "layers", "repaint_mask", "placements", "background_prompt", "ground_line",
    )  # fmt: skip
    writes: ClassVar[tuple[str, ...]] = ("painted", "painters")

    backend: Annotated[str, AfterValidator(PAINTERS.require)] = Field(
        default="blend", description="blend (no model), sdxl, or flow for Z-Image and FLUX.2 klein"
    )
    model: str = Field(default="", description="hub id or local folder of the weights; empty for blend")
    revision: str = Field(default="", description="commit of the weights on the hub")
    steps: int = Field(default=30, ge=1, le=200, description="denoising steps")
    guidance: float = Field(default=6.0, ge=0, le=30, description="classifier-free guidance scale")
    strength: float = Field(
        default=0.9, gt=0, le=1, description="share of the steps taken; 1 ignores the given background"
    )
    scheduler: Literal["own", "euler_trailing", "lcm"] = Field(
        default="own", description="own: the model's; a few-step LoRA says which of the others it wants"
    )
    refiner: Refiner | None = Field(default=None, description="sdxl: a second model for the last steps")
    lora: Lora | None = Field(default=None, description="sdxl: low-rank changes of the UNet")
    preview: Preview | None = Field(default=None, description="sdxl: a tiny autoencoder, for pictures to look at")
    compiled: bool = Field(
        default=False, description="compile the denoiser on its first batch: minutes once, then faster; on GPUs"
    )
    prompt_template: str = Field(default="a realistic photo {background}", description="what to paint")
    negative_prompt: str = Field(
        default="people, animals, text, watermark, frame, cartoon, painting, 3d render, deformed, floating objects",
        description="what not to paint; no second copy of a subject either",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.backend not in WITHOUT_WEIGHTS and not self.model:
            raise ValueError(f"the backend {self.backend!r} needs a model: a hub id or a local folder")
        if self.backend != "sdxl" and (self.refiner or self.lora or self.preview or self.scheduler != "own"):
            raise ValueError("`refiner`, `lora`, `preview` and `scheduler` belong to the backend 'sdxl'")
        if self.backend in WITHOUT_WEIGHTS and self.compiled:
            raise ValueError(f"the backend {self.backend!r} has nothing to compile")
        if int(self.steps * self.strength) < 1:
            raise ValueError(f"{self.steps} steps at strength {self.strength:g} leave no step to take")
        if {name for _, name, _, _ in Formatter().parse(self.prompt_template) if name is not None} - {"background"}:
            raise ValueError("prompt_template knows one placeholder: {background}")
        return self

    def load(self, run: Run) -> Worker:
        """Build the painter; this is where weights are read."""
        del run
        painter = PAINTERS.resolve(self.backend)(self)

        def work(rows: Sequence[Composition]) -> list[object]:
            painted = painter.paint(rows)
            return [_answer(row, pixels, painter.models) for row, pixels in zip(rows, painted, strict=True)]

        return work


def _answer(row: Composition, painted: Pixels | SampleError, models: tuple[Model, ...]) -> Composition | SampleError:
    return painted if isinstance(painted, SampleError) else replace(row, painted=painted, painters=models)
