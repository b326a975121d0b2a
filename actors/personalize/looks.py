"""Looks at a training on its way: a sheet of fixed prompts and seeds, and which concept is drawn like which.

    looks/step-000000100.jpg    a row of pictures for each prompt
    looks/step-000000100.json   the prompts, and the matrix with the model that made it

The matrix: mean cosine of what was drawn for one concept (row) with pictures of another (column). A column that is high
beside the diagonal is a concept that bleeds into others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch

from actors.personalize.bases.base_model import Base
from actors.personalize.custom_diffusion import CustomDiffusion
from actors.personalize.draw.drawing import draw
from actors.personalize.rows.training_data import TrainingData
from actors.score.references import ImageScorer
from actors.score.scorers import IDENTITY_SCORERS
from engine.metrics.similarity import mean_cosine
from engine.photos.images import encode_jpeg
from engine.rows.values import Pixels
from engine.seeds import derive
from engine.storage.open_store import open_store
from planners.train.prompts import fill_prompt, photo_prompt

FOLDER = "looks"
REFERENCES = 4  # pictures of a concept that drawings are compared with


@final
class Looks:
    """Draws on rank 0, while the other workers wait for the next step's gradients.

    Args:
        spec: of the training.
        base: with all that is trained.
        data: has the concepts, and pictures of them.
        out: where sheets are put.
    """

    def __init__(self, spec: CustomDiffusion, base: Base, data: TrainingData, out: str) -> None:
        self._spec, self._base, self._words = spec, base, data.words
        self._prompts = [photo_prompt(each) for each in data.words]
        self._prompts += [fill_prompt(text, data.words) for text in spec.look.prompts or _together(data)]
        self._store = open_store(out)
        self.metrics: dict[str, Any] = {}
        """What the last look measured."""
        asked = spec.look.identity
        self._scorer = IDENTITY_SCORERS.resolve(asked.backend)(asked.model, asked.revision) if asked else None
        self._references = [data.rows.references(each.concept, REFERENCES) for each in data.words if self._scorer]

    def after(self, step: int) -> None:
        """Look, where `step` steps are a multiple of the spec's `look.every`, and not all: those come with averages."""
        every = self._spec.look.every
        if every and step % every == 0 and step < self._spec.schedule.steps:
            self.take(step)

    def take(self, step: int) -> None:
        """Draw the sheet of a step, and compare."""
        look, side = self._spec.look, self._spec.side
        prompts = [prompt for prompt in self._prompts for _ in range(look.pictures)]
        seeds = [derive(self._spec.seed, "look", place) for place in range(len(prompts))]
        with torch.autocast(self._base.device.type, torch.bfloat16, enabled=self._spec.half):  # its VAE is float32
            pictures = draw(self._base.pipe, prompts, seeds, side, look.drawing)
        rows = [pictures[start : start + look.pictures] for start in range(0, len(pictures), look.pictures)]
        self.metrics = self._compare(rows)
        name = f"{FOLDER}/step-{step:09d}"
        self._store.put(f"{name}.jpg", encode_jpeg(np.vstack([np.hstack(row) for row in rows])))
        said = {"step": step, "prompts": self._prompts, "pictures": look.pictures, "side": side, **self.metrics}
        self._store.put(f"{name}.json", json.dumps(said, ensure_ascii=False).encode())

    def _compare(self, rows: Sequence[Sequence[Pixels]]) -> dict[str, Any]:
        if self._scorer is None:
            return {}
        matrix = identity_matrix(self._scorer, rows[: len(self._words)], self._references)
        concepts = [each.concept for each in self._words]
        return {"concepts": concepts, "identity": matrix, "identity_model": self._scorer.model.name}


def identity_matrix(
    scorer: ImageScorer, drawn: Sequence[Sequence[Pixels]], references: Sequence[Sequence[Pixels]]
) -> list[list[float]]:
    """Mean cosine of the pictures drawn for each concept (rows) with the references of each (columns), in [-1, 1]."""
    known = [scorer.embed_images(pictures) for pictures in references]
    return [
        [round(float(np.mean([mean_cosine(one, others) for one in own])), 4) for others in known]
        for own in (scorer.embed_images(pictures) for pictures in drawn)
    ]


def _together(data: TrainingData) -> list[str]:
    """The first two concepts in one picture, where there are two."""
    first = [f"a {{{each.concept}}}" for each in data.words[:2]]
    return [f"photo of {' and '.join(first)}"] if len(first) > 1 else []
