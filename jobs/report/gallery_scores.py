"""The numbers of the gallery: which there are, what they are called, and where a row keeps them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from engine.rows.composition import Composition


@dataclass(frozen=True, slots=True)
class GalleryScore:
    """A number that cards can be sorted by."""

    key: str
    label: str
    short: str
    digits: int
    unit: str = ""


SCORES = (
    GalleryScore("identity_psnr", "identity PSNR, lowest object", "identity", 1, " dB"),
    GalleryScore("visible_fraction", "visible fraction, lowest object", "visible", 2),
    GalleryScore("seam", "seam contrast", "seam", 3),
    GalleryScore("clip_score", "CLIP score", "CLIP", 3),
    GalleryScore("ti_clip", "TI-CLIP", "TI-CLIP", 3),
    GalleryScore("cp_clip", "CP-CLIP", "CP-CLIP", 3),
    GalleryScore("cp_clip_assigned", "CP-CLIP, assigned", "CP-CLIP assigned", 3),
    GalleryScore("identity", "identity (Seg-DINO), lowest object", "Seg-DINO", 3),
    GalleryScore("object_recall", "objects recognised", "recognised", 2),
    GalleryScore("surplus", "surplus detections", "surplus", 0),
    GalleryScore("quality", "cut-out quality", "quality", 3),
    GalleryScore("num_objects", "number of objects", "objects", 0),
)


def composition_scores(row: Composition) -> dict[str, float]:
    """The scores of a row by key, those of its objects as the lowest of them; what is not known is left out."""
    return finite(
        identity_psnr=_least(item.identity_psnr for item in row.objects),
        visible_fraction=_least(item.visible_fraction for item in row.objects),
        seam=row.seam,
        clip_score=row.clip_score,
        ti_clip=row.ti_clip,
        cp_clip=row.cp_clip,
        cp_clip_assigned=row.cp_clip_assigned,
        identity=_least(item.identity for item in row.objects),
        object_recall=row.object_recall,
        surplus=row.surplus,
        num_objects=row.num_objects,
    )


def finite(**scores: float | None) -> dict[str, float]:
    """Those that are numbers, with six decimals."""
    return {key: round(value, 6) for key, value in scores.items() if value is not None and math.isfinite(value)}


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None and math.isfinite(value)), default=None)
