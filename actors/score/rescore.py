"""Further scores for compositions that are committed: other models, another metric; nothing is painted again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self, final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from actors.score.paper_metrics import MetricJudge, metric_functions, metric_judge
from actors.score.scorers import Judged, Loaded, ModelScores, judges_of, object_columns, row_columns, verdicts
from engine.metrics.perceptual_hash import phash
from engine.metrics.table import table_of
from engine.photos.images import decode
from engine.photos.library import Library, open_library
from engine.registry import Registry
from engine.rows.added_scores import AddedScores
from engine.rows.composition import Composition
from engine.rows.metric import metric_fields
from engine.rows.schema import column_names
from engine.rows.values import Model, Pixels
from engine.run.stage import Run, Spec, Worker
from engine.storage.open_store import open_store


class AestheticHead(Protocol):
    """What a picture is worth, from its CLIP embedding."""

    model: Model

    def judge(self, embedding: NDArray[np.float32]) -> float:
        """The worth of a picture; `embedding` is D float32."""


HEADS: Registry[Callable[[str, str, int], AestheticHead]] = Registry(
    "aesthetic head", {"linear": "actors.backends.score.linear_head:LinearHead"}
)


REQUESTS = tuple(dict.fromkeys(spec.request for spec in metric_fields(AddedScores).values() if spec.request))
"""The metrics that are computed only where they are asked for, by name."""


def _require(name: str) -> str:
    if name not in REQUESTS:
        raise ValueError(f"no metric is called {name!r}; there are: {', '.join(REQUESTS)}")
    return name


MetricName = Annotated[str, AfterValidator(_require), WithJsonSchema({"enum": list(REQUESTS), "type": "string"})]


@final
class HeadSpec(Spec):
    """A linear head over the embeddings of `clip`."""

    model: str = Field(description="local folder or hub id: one safetensors file with weight (1xD) and bias (1)")
    revision: str = Field(default="", description="commit of the weights on the hub, 40 hex digits")


@final
class Rescore(Judged):
    """Measure committed images again with the models that are named here."""

    name: ClassVar[str] = "rescore"
    reads: ClassVar[tuple[str, ...]] = ("of",)
    writes: ClassVar[tuple[str, ...]] = tuple(
        name
        for name in column_names(AddedScores, stored=True)
        if name not in ("sample_id", "unit_id", "seed", "status")
    )

    metrics: tuple[MetricName, ...] = Field(default=(), description="metrics of papers, see docs/metrics.md")
    aesthetic: HeadSpec | None = Field(default=None, description="what a picture is worth, by a head over `clip`")
    embedding: Literal["clip", "identity"] | None = Field(
        default=None, description="whose embedding of each image is kept, for `filter --dedup embedding:0.95`"
    )
    accept_licence: tuple[str, ...] = Field(
        default=(), description="models that may be used though their licence is restricted"
    )
    phash: bool = Field(default=False, description="a perceptual hash of each image, for `filter --dedup phash:4`")

    @model_validator(mode="after")
    def _has_the_models(self) -> Self:
        asked = [spec for spec in metric_fields(AddedScores).values() if spec.request in self.metrics]
        wanted: list[tuple[str, str]] = [(f"metric {spec.request}", model) for spec in asked for model in spec.needs]
        wanted += [("aesthetic", "clip")] if self.aesthetic else []
        wanted += [("embedding", self.embedding)] if self.embedding else []
        for what, model in wanted:
            if getattr(self, model) is None:
                raise ValueError(f"{what} needs {model}.model")
        return self

    @property
    def measured(self) -> tuple[str, ...]:
        """The columns that are not null with this configuration."""
        known = metric_fields(AddedScores)
        shared = table_of(Composition)
        given = [name for name, spec in known.items() if spec.needs and self._has(spec.needs)]
        always = [name for name in given if known[name].column in shared]
        asked = [name for wanted in self.metrics for name, spec in known.items() if spec.request == wanted]
        return (*always, *asked, *(key for key in ("aesthetic", "embedding", "phash") if getattr(self, key)))

    def _has(self, models: Sequence[str]) -> bool:
        return all(getattr(self, model) is not None for model in models)

    @property
    def compares(self) -> bool:
        """Whether crops are compared with the cut-outs of the library."""
        return bool(self.clip or self.identity or self.detector)

    def load(self, run: Run) -> Worker:
        """Open the library where crops are compared with it, and the models."""
        cv2.setNumThreads(1)
        library = open_library(run.library) if self.compares else Library(open_store(run.out), {}, {})
        judges = judges_of(self, library, run)
        functions = metric_functions(AddedScores)
        asked = {name: functions.resolve(name) for name in functions if name in self.measured}
        extras = [metric_judge(judges.loaded, library, self.references, asked), *self._per_image(judges.loaded)]
        models = judges.models
        if self.aesthetic:
            head, model = _aesthetic(self.aesthetic, judges.loaded)
            extras, models = [*extras, head], (*models, model)

        def work(rows: Sequence[AddedScores]) -> list[object]:
            known = [_with_layers(row.of) for row in rows if row.of is not None]
            stored = [decode(row.image or b"") for row in known]
            said = verdicts(judges, known, stored)
            columns = [_verdict_columns(verdict) for verdict in said]
            for extra in extras:
                for own, new in zip(columns, extra(known, stored, said), strict=True):
                    own.update(new)
            return [replace(row, of=None, models=models, **own) for row, own in zip(rows, columns, strict=True)]

        return work

    def _per_image(self, loaded: Loaded) -> Iterator[MetricJudge]:
        if self.phash:
            yield lambda _rows, stored, _said: [{"phash": phash(pixels)} for pixels in stored]
        if self.embedding == "clip":
            yield lambda _rows, _stored, said: [{"embedding": _half(one.clip.image)} for one in said]
        scorer = loaded.identity
        if self.embedding == "identity" and scorer is not None:
            yield lambda _rows, stored, _said: [{"embedding": _half(one)} for one in scorer.embed_images(stored)]


def _half(embedding: NDArray[np.float32] | None) -> tuple[np.float16, ...]:
    assert embedding is not None
    return tuple(embedding.astype(np.float16))


def _aesthetic(spec: HeadSpec, loaded: Loaded) -> tuple[MetricJudge, Model]:
    assert loaded.clip is not None
    head = HEADS.resolve("linear")(spec.model, spec.revision, loaded.clip.embed_images([]).shape[1])

    def judge(
        rows: Sequence[Composition], stored: Sequence[Pixels], said: Sequence[ModelScores]
    ) -> list[dict[str, Any]]:
        del rows, stored
        return [{"aesthetic": head.judge(one.clip.image)} for one in said if one.clip.image is not None]

    return judge, head.model


def _verdict_columns(said: ModelScores) -> dict[str, Any]:
    """The columns that `score` has too, those of objects as lists."""
    lists = {spec.column: name for name, spec in metric_fields(AddedScores).items() if spec.many}
    return row_columns(said) | {lists[name]: values for name, values in object_columns(said).items()}


def _with_layers(row: Composition) -> Composition:
    return replace(row, layers=tuple(decode(item.mask) for item in row.objects))
