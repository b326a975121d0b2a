"""Which rows are good enough: thresholds and the verdict. Scores stay in the row, so users can judge again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from engine.metrics.table import METRICS, MetricTable, table_of
from engine.rows.composition import Composition
from engine.rows.metric import MetricSpec
from engine.run.stage import Spec

_RULE = "require_valid_layout"


def limited_scores(metrics: MetricTable) -> tuple[list[MetricSpec], list[MetricSpec]]:
    """The scores by which rows are rejected: those that need no model, and those that do."""
    found = [spec for spec in metrics.values() if spec.limit]
    return [spec for spec in found if not spec.needs], [spec for spec in found if spec.needs]


def thresholds_of(metrics: MetricTable) -> type[Spec]:
    """The limits of these scores as a spec, one key for each score that has one.

    Raises:
        pydantic.ValidationError: of the spec, when a limit lies outside the range of its score.
    """
    pixels, models = limited_scores(metrics)
    keys: dict[str, Any] = {spec.limit_key: _key(spec) for spec in pixels}
    keys[_RULE] = (bool, Field(default=True, description="reject rows whose boxes break a rule"))
    keys |= {spec.limit_key: _key(spec) for spec in models}
    about = "The least that a row must reach. A threshold that is null is not asked for."
    return create_model("Thresholds", __base__=Spec, __module__=__name__, __doc__=about, **keys)


def _key(spec: MetricSpec) -> tuple[Any, Any]:
    """The type of a score's limit, and its default, range and description."""
    limit = spec.limit
    assert limit is not None
    low, high = (spec.low, spec.high) if limit.ranged else (None, None)
    return spec.kind | None, Field(limit.default, ge=low, le=high, description=limit.about)


if TYPE_CHECKING:
    Thresholds = Spec  # whose further fields no type checker can know
else:
    Thresholds = thresholds_of(METRICS)


def checks(thresholds: Spec) -> tuple[list[str], list[str]]:
    """What rows are judged by, such as ``seam <= 0.16``, and the scores that could be asked for and are not."""
    known = [spec for specs in limited_scores(METRICS) for spec in specs]
    asked = {spec.column: getattr(thresholds, spec.limit_key, None) for spec in known}
    signs = {spec.column: "<=" if spec.higher_is_better is False else ">=" for spec in known}
    rule = ["valid layout"] if getattr(thresholds, _RULE, False) else []
    texts = [f"{column} {signs[column]} {limit:g}" for column, limit in asked.items() if limit is not None]
    return [*texts, *rule], [column for column, limit in asked.items() if limit is None]


def judged_columns(record: type) -> tuple[str, ...]:
    """The columns of a row that `judge` reads."""
    known = table_of(record).values()
    return ("layout_valid", *dict.fromkeys(spec.group or spec.column for spec in known if spec.limit))


def judge(row: Composition, thresholds: Thresholds) -> tuple[str, ...]:
    """Why a row is rejected, one reason a rule, such as ``identity_psnr<34``; empty for a good row.

    A measure of pixels that is null says that there was nothing to measure (an object too small to have a core) and
    rejects nobody. A model's score that is null although a threshold asks for it rejects with ``identity_missing``.

    Args:
        row: whose record says which scores it has.
        thresholds: a spec of `thresholds_of`, for these or fewer scores.
    """
    return tuple(_reasons(row, thresholds))


def _reasons(row: Composition, limits: Spec) -> Iterator[str]:
    """Rows store their reasons, so the order stays: of pixels those of objects first, of models the least first."""
    pixels, models = limited_scores(table_of(type(row)))
    yield from _broken_limits(row, limits, sorted(pixels, key=lambda spec: not spec.per_object))
    if getattr(limits, _RULE) and row.layout_valid is False:
        yield "layout_invalid"
    yield from _broken_limits(row, limits, sorted(models, key=lambda spec: spec.higher_is_better is False))


def _broken_limits(row: Composition, limits: Spec, metrics: Sequence[MetricSpec]) -> Iterator[str]:
    for spec in metrics:
        limit = getattr(limits, spec.limit_key, None)
        if limit is None:
            continue
        value = spec.worst(spec.values(row))
        if value is None:
            yield from [f"{spec.column}_missing"] if spec.needs else []
        # Not "<" and ">": a score that is NaN passes nothing.
        elif spec.higher_is_better is False and not value <= limit:
            yield f"{spec.column}>{limit:g}"
        elif spec.higher_is_better is not False and not value >= limit:
            yield f"{spec.column}<{limit:g}"
