"""Pictures from words alone: what generates backgrounds that nobody has photographed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Protocol, final

from pydantic import AfterValidator, Field

from engine.photos.images import encode_jpeg
from engine.registry import Registry
from engine.rows.backgrounds import PaintedBackground
from engine.rows.values import Model, Pixels
from engine.run.stage import Run, Spec, Stage, Worker
from engine.seeds import derive


class BackgroundGenerator(Protocol):
    """What a text-to-image backend offers."""

    model: Model

    def generate(self, phrases: Sequence[str], seeds: Sequence[int], size: int) -> Sequence[Pixels]:
        """One `size` x `size` x 3 picture a phrase, each under a seed of its own."""


GENERATORS: Registry[Callable[[Generation], BackgroundGenerator]] = Registry(
    "generator", {"sdxl": "actors.backends.paint.sdxl_text:SdxlText"}
)


@final
class Generation(Spec):
    """Which model generates, and how."""

    backend: Annotated[str, AfterValidator(GENERATORS.require)] = Field(default="sdxl", description="architecture")
    model: str = Field(
        default="stabilityai/stable-diffusion-xl-base-1.0", description="hub id, local folder or a shipped model"
    )
    revision: str = Field(
        default="462165984030d82259a11f4367a4eed129e94a7b", description="commit of the weights on the hub"
    )
    accept_licence: tuple[str, ...] = Field(
        default=(), description="models that may be used though their licence is restricted"
    )
    steps: int = Field(default=30, ge=1, le=200, description="denoising steps")
    guidance: float = Field(default=6.0, ge=0, le=30, description="classifier-free guidance scale")
    prompt_template: str = Field(
        default="an empty place {background}, realistic photo, natural light", description="what to paint"
    )
    negative_prompt: str = Field(
        default="people, animals, objects in the foreground, text, watermark, frame", description="what not to paint"
    )


@final
class PaintBackground(Stage):
    """Paint places from phrases."""

    name: ClassVar[str] = "paint_background"
    reads: ClassVar[tuple[str, ...]] = ("phrase", "take")
    writes: ClassVar[tuple[str, ...]] = ("image", "models")

    batch_size: int = Field(1, ge=1, description="pictures at once")
    generation: Generation = Field(description="which model paints, and how")
    root_seed: int = Field(0, ge=0, description="of every picture, with its phrase and take")

    def load(self, run: Run) -> Worker:
        """A worker that paints `run.size` x `run.size` pictures.

        Raises:
            UsageError: those of the model.
            EnvironmentProblem: those of the model.
        """
        generator = GENERATORS.resolve(self.generation.backend)(self.generation)

        def work(rows: Sequence[PaintedBackground]) -> list[object]:
            seeds = [derive(self.root_seed, row.phrase, row.take) for row in rows]
            pictures = generator.generate([row.phrase for row in rows], seeds, run.size)
            return [
                replace(row, image=encode_jpeg(picture), models=(generator.model,))
                for row, picture in zip(rows, pictures, strict=True)
            ]

        return work
