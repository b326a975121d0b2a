"""The stage that encodes a training's pictures once: no step pays for it, and no worker for another's.

A set of latents is found by what decides it: the rows, the size, the autoencoder and the views. Another size or
autoencoder has another set, so none is ever taken for the other.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from actors.models.provenance import fingerprint
from actors.models.weights import pipeline_weights
from actors.personalize.custom_diffusion import CustomDiffusion
from actors.personalize.rows.training_data import RowChoice, TrainingData, read_classes, read_data
from actors.personalize.rows.training_rows import Photos, TrainingRows
from engine.errors import SampleError
from engine.rows.latents import LatentMoments
from engine.run.stage import Run, Stage, Worker
from planners.train.prompts import name_concepts

LATENTS = "latents"  # folder beside the artifact
WHERE = ("base", "revision", "data", "batch_size")  # it lies, not what it is


@final
class EncodeLatents(Stage):
    """Encode the views of rows."""

    name: ClassVar[str] = "encode_latents"
    reads: ClassVar[tuple[str, ...]] = ("number", "variant")
    writes: ClassVar[tuple[str, ...]] = ("shape", "moments", "models")

    batch_size: int = Field(4, ge=1, description="pictures at once")
    base: str = Field(description="whose autoencoder encodes")
    revision: str = Field(default="", description="commit of a hub id")
    data: str = Field(description="URI of the rows")
    classes: tuple[str, ...] = Field(default=(), description="classes of photos for prior preservation; none: concepts")
    rows: str = Field(description="hash of which rows these are")
    autoencoder: str = Field(description="hash of its weights")
    side: int = Field(description="of pictures in pixels")
    seed: int = Field(description="of the views")
    augment: bool = Field(description="whether photos are shown near and far")
    flip: bool = Field(description="whether half of the views are mirrored")
    views: int = Field(description="of each photo")
    only: str = Field(default="", description="the one concept whose rows these are")

    def affects_data(self, *, besides: Collection[str] = ()) -> dict[str, Any]:
        """All fields but those that say where things lie."""
        return super().affects_data(besides={*besides, *WHERE})

    @property
    def key(self) -> str:
        """16 hex digits over all that decides the latents."""
        return blake2b(json.dumps(self.affects_data(), sort_keys=True).encode(), digest_size=8).hexdigest()

    def open_rows(self) -> TrainingRows:
        """The rows that are encoded.

        Raises:
            UsageError, SampleError: those of `actors.personalize.rows.training_data`.
        """
        if self.classes:
            return read_classes(
                self.data, name_concepts({kind: kind for kind in self.classes}), self.seed, flip=self.flip
            )
        choice = RowChoice(seed=self.seed, augment=self.augment, flip=self.flip, views=self.views, only=self.only)
        return read_data(self.data, choice).rows

    def load(self, run: Run) -> Worker:
        """A worker that encodes.

        Raises:
            UsageError, SampleError: those of the rows and of the base.
            EnvironmentProblem: those of the base.
        """
        from actors.personalize.draw.pipelines import open_autoencoder

        del run
        rows, encode = self.open_rows(), open_autoencoder(self.base, self.revision)

        def work(asked: Sequence[LatentMoments]) -> list[object]:
            found = encode([rows.show(row.number, row.variant, self.side).pixels for row in asked])
            return [_fill(row, rows.name(row.number), moments) for row, moments in zip(asked, found, strict=True)]

        return work


def autoencoder_of(spec: CustomDiffusion) -> str:
    """What tells the base's autoencoder from others: the commit of a hub id, or a hash of its weights."""
    return spec.revision or fingerprint(pipeline_weights(spec.base) / "vae")


def latent_stages(
    spec: CustomDiffusion, uri: str, data: TrainingData, classes: Photos | None
) -> dict[str, EncodeLatents]:
    """What is to be encoded for a training, by the kind of its rows; rows with a new view at each step are not.

    Args:
        spec: of the training.
        uri: of its rows.
        data: those rows.
        classes: photos for prior preservation, if any.
    """
    shared = {
        "base": spec.base,
        "revision": spec.revision,
        "autoencoder": autoencoder_of(spec),
        "side": spec.side,
        "seed": spec.seed,
        "flip": spec.flip,
    }
    kinds = tuple(sorted({each.class_name for each in data.words}))
    stages = {
        "concepts": EncodeLatents(
            data=uri, rows=data.fingerprint, augment=spec.augment, views=spec.views, only=spec.only, **shared
        )
    }
    if classes is not None:
        stages["classes"] = EncodeLatents(
            data=spec.prior, classes=kinds, rows=classes.fingerprint(), augment=False, views=0, **shared
        )
    there = {"concepts": data.rows, "classes": classes}
    return {kind: stage for kind, stage in stages.items() if (rows := there[kind]) is not None and rows.variants}


def _fill(row: LatentMoments, name: str, moments: Any) -> object:
    try:
        half = as_half(moments.cpu().numpy(), name)
    except SampleError as error:
        return error
    return replace(row, shape=half.shape, moments=half.tobytes())


def as_half(moments: NDArray[np.float32], name: str) -> NDArray[np.float16]:
    """Moments as they are stored; `name` is the row's.

    Raises:
        SampleError: LATENTS_NOT_FINITE.
    """
    half = moments.astype("<f2")
    if not np.isfinite(half).all():
        what = "the autoencoder makes no numbers of this picture"
        raise SampleError("LATENTS_NOT_FINITE", what, where=name, fix="leave it out")
    return half
