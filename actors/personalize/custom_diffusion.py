"""The spec of a personalisation by Custom Diffusion (Kumari et al. 2023); torch comes with `train`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, final, get_args

from pydantic import AfterValidator, Field, field_validator, model_validator

from actors.personalize.draw.drawing import Drawing
from actors.personalize.rows.training_data import RowChoice
from actors.score.scorers import IdentitySpec
from engine.registry import Registry
from engine.run.stage import Spec
from engine.training.context import TrainContext
from engine.training.schedule import Schedule
from engine.training.spec import TrainingSpec
from planners.train.prompts import PromptStrategies

if TYPE_CHECKING:
    from actors.personalize.bases.base_model import Base

Method = Literal["kv", "kv-lora", "attn-lora"]
BASES: Registry[Callable[..., Base]] = Registry(
    "family of bases",
    {
        "stable_diffusion": "actors.personalize.bases.stable_diffusion:StableDiffusion",
        "flux2_klein": "actors.personalize.bases.flux2_klein:Flux2Klein",
    },
)
METHODS: Mapping[str, tuple[Method, ...]] = {"flux2_klein": ("attn-lora",)}
"""Of a family that does not have them all."""
WORK: Registry[Callable[[CustomDiffusion, TrainContext], None]] = Registry(
    "training", {"custom-diffusion": "actors.personalize.personalise:personalise"}
)
"""What a worker does, which is resolved where torch is."""
GENERATE = "generate"
"""In place of a folder: the base draws the pictures of classes."""

PAPER = Schedule(
    steps=500, lr=8e-5, warmup=0, final_lr_share=1.0, betas=(0.9, 0.999), ema=0.0, checkpoint_every=100, log_every=10
)
"""500 steps at 8e-5: what the authors' scripts come to on two GPUs, said without an implicit scale."""


@final
class Look(Spec):
    """What is drawn while a training goes on, under seeds that stay: a sheet, and who resembles whom."""

    every: int = Field(default=100, ge=0, description="steps between two looks; 0: none but the last")
    pictures: int = Field(default=4, ge=1, le=16, description="of each prompt")
    prompts: tuple[str, ...] = Field(
        default=(), max_length=12, description="besides those of single concepts; `{concept}` stands for its token"
    )
    drawing: Drawing = Field(default=Drawing(steps=25), description="how pictures are drawn")
    identity: IdentitySpec | None = Field(
        default=None, description="who says whether a concept is still itself; without it there is no matrix"
    )


@final
class CustomDiffusion(TrainingSpec):
    """Concepts taught together. Batch and rate are those of all workers together."""

    name: ClassVar[str] = "custom-diffusion"

    backend: Annotated[str, AfterValidator(BASES.require)] = Field(
        default="stable_diffusion",
        description="family: stable_diffusion (SD 1.x, 2.x, SDXL) or flux2_klein",
    )
    base: str = Field(description="folder, shipped:micro/generator, or a hub id of the family")
    revision: str = Field(default="", description="commit of a hub id")
    method: Method = Field(default="kv-lora", description="kv: keys and values; kv-lora, attn-lora: LoRAs on them")
    train_words: bool = Field(
        default=True, description="learn rows of the new words; false: they stay text that the base reads as it can"
    )
    rank: int = Field(default=16, ge=1, le=256, description="of the LoRAs")
    side: int = Field(default=512, ge=64, le=2048, multiple_of=64, description="of pictures in pixels")
    batch: int = Field(default=4, ge=1, description="rows of concepts in a step, on all workers together")
    accumulate: int = Field(
        default=1, ge=1, description="parts in which a worker computes its rows, to need less memory"
    )
    gradient_checkpointing: bool = Field(
        default=False, description="compute the denoiser twice and keep less of it: half the memory, 1.3 times the time"
    )
    half: bool = Field(
        default=False, description="keep what is not trained in bfloat16: half the memory of SDXL; needs schedule.bf16"
    )
    only: str = Field(default="", description="the one concept that is taught; empty: all of them together")
    prior: str = Field(
        default="", description="photos of the classes, a folder each; generate: drawn by the base; empty: no prior"
    )
    prior_images: int = Field(default=200, ge=1, le=10_000, description="of each class, where they are generated")
    prior_weight: float = Field(default=1.0, ge=0, description="of the loss on them")
    augment: bool = Field(default=True, description="show photos near and far; false for faces")
    views: int = Field(
        default=0, ge=0, le=64, description="near and far views of each photo, encoded once; 0: new ones at every step"
    )
    flip: bool = Field(default=True, description="mirror half of the rows")
    pool_above: int = Field(
        default=256,
        ge=0,
        description="views: more are encoded by a pool before, fewer by each worker itself",
    )
    accept_licence: tuple[str, ...] = Field(
        default=(), description="models that may be used though their licence is restricted"
    )
    prompts: PromptStrategies = Field(default=PromptStrategies(), description="how composed rows are worded")
    look: Look = Field(default=Look(), description="what is drawn while it trains")
    schedule: Schedule = Field(default=PAPER)

    @field_validator("schedule", mode="before")
    @classmethod
    def _on_the_papers(cls, given: Any) -> Any:
        """What is not said of the schedule is as the paper has it, and not as other trainings have it."""
        return {**asdict(PAPER), **given} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.half and not self.schedule.bf16:
            raise ValueError("half: true needs schedule.bf16: true")
        if self.prompts.composition_token and not self.train_words:
            raise ValueError("prompts.composition_token: true needs train_words: true")
        methods = METHODS.get(self.backend, get_args(Method))
        if self.method not in methods:
            raise ValueError(f"method: {self.backend} is trained by {' or '.join(methods)}, not by {self.method}")
        return self

    @property
    def given_prior(self) -> str:
        """The folder of photos of classes that was given; empty where there is none, or the base draws them."""
        return "" if self.prior == GENERATE else self.prior

    @property
    def choice(self) -> RowChoice:
        """Which rows, and how they are shown."""
        names = ("seed", "prompts", "augment", "flip", "views", "only")
        return RowChoice(**{name: getattr(self, name) for name in names})

    def train(self, context: TrainContext) -> None:
        """Train on `context.data`; rank 0 puts the artifact into `context.out`.

        Raises:
            UsageError, SampleError: those of `actors.personalize.rows.training_data`; TRAIN_WORKERS, TRAIN_TOKEN,
                TRAINING_DIVERGED.
            EnvironmentProblem: those of the base's weights.
        """
        WORK.resolve(self.name)(self, context)
