"""Which rows are good enough: thresholds and the verdict. Scores stay in the row, so users can judge again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from engine.rows.composition import Composition
from engine.run.stage import Spec


class Thresholds(Spec):
    """The least that a row must reach. A threshold that is null is not asked for."""

    min_identity_psnr: float | None = Field(34.0, description="dB, of the worst object: the subject was not redrawn")
    min_visible_fraction: float | None = Field(0.7, ge=0, le=1, description="of the most hidden object")
    max_seam: float | None = Field(
        0.16,
        ge=0,
        description="contrast along the alpha edges: 0.2 for a halo of 30 grey levels, 0.14 for a drawn outline",
    )
    max_cut_edge: float | None = Field(
        None,
        ge=0,
        le=1,
        description="of an object's box side, how much of it is a straight end: 0.5 for halves of things",
    )
    require_valid_layout: bool = Field(default=True, description="reject rows whose boxes break a rule")
    min_clip_score: float | None = Field(None, ge=-1, le=1, description="image and caption; needs a CLIP model")
    min_ti_clip: float | None = Field(None, ge=-1, le=1, description="image and background phrase; needs a CLIP model")
    min_cp_clip: float | None = Field(None, ge=-1, le=1, description="crops and concepts; needs a CLIP model")
    min_identity: float | None = Field(
        None, ge=-1, le=1, description="of the object least like its concept; needs an identity model"
    )
    min_object_recall: float | None = Field(
        None, ge=0, le=1, description="share of the objects that are recognised; needs a detector"
    )
    max_surplus: int | None = Field(
        None, ge=0, description="things of the same classes that nobody placed; needs a detector"
    )
    min_detection: float | None = Field(
        None, ge=0, le=1, description="score of the object that a detector recognises least; needs a detector"
    )
    max_surplus_detection: float | None = Field(
        None, ge=0, le=1, description="score of the surest thing that nobody placed; needs a detector"
    )
    max_unsafe: float | None = Field(None, ge=0, le=1, description="how harmful a row may be; needs a judge of safety")


def judge(row: Composition, thresholds: Thresholds) -> tuple[str, ...]:
    """Why a row is rejected, one reason a rule, such as ``identity_psnr<34``; empty for a good row.

    A measure of pixels that is null says that there was nothing to measure (an object too small to have a core) and
    rejects nobody. A model's score that is null although a threshold asks for it rejects with ``clip_score_missing``.
    """
    return tuple(_reasons(row, thresholds))


def _reasons(row: Composition, limits: Thresholds) -> Iterator[str]:
    identity = [item.identity_psnr for item in row.objects if item.identity_psnr is not None]
    visible = [item.visible_fraction for item in row.objects]
    if identity:
        yield from _below("identity_psnr", min(identity), limits.min_identity_psnr)
    if visible:
        yield from _below("visible_fraction", min(visible), limits.min_visible_fraction)
    straight = [item.cut_edge for item in row.objects if item.cut_edge is not None]
    if straight:
        yield from _above("cut_edge", max(straight), limits.max_cut_edge)
    if row.seam is not None:
        yield from _above("seam", row.seam, limits.max_seam)
    if limits.require_valid_layout and row.layout_valid is False:
        yield "layout_invalid"
    yield from _model_reasons(row, limits)


def _model_reasons(row: Composition, limits: Thresholds) -> Iterator[str]:
    for name, score, least in (
        ("clip_score", row.clip_score, limits.min_clip_score),
        ("ti_clip", row.ti_clip, limits.min_ti_clip),
        ("cp_clip", row.cp_clip, limits.min_cp_clip),
        ("identity", _least(item.identity for item in row.objects), limits.min_identity),
        ("object_recall", row.object_recall, limits.min_object_recall),
        ("detection", _least(item.detection for item in row.objects), limits.min_detection),
    ):
        yield from _missing_score(name, score, least) or _below(name, score or 0.0, least)
    for name, score, most in (
        ("surplus", row.surplus, limits.max_surplus),
        ("surplus_detection", row.surplus_detection, limits.max_surplus_detection),
        ("unsafe", row.unsafe, limits.max_unsafe),
    ):
        yield from _missing_score(name, score, most) or _above(name, score or 0.0, most)


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _missing_score(name: str, score: float | None, limit: float | None) -> list[str]:
    return [f"{name}_missing"] if score is None and limit is not None else []


def _below(name: str, score: float, least: float | None) -> list[str]:
    # Not "<": a score that is no number passes nothing.
    return [f"{name}<{least:g}"] if least is not None and not score >= least else []


def _above(name: str, score: float, most: float | None) -> list[str]:
    return [f"{name}>{most:g}"] if most is not None and not score <= most else []
