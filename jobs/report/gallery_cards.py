"""Rows as cards of the gallery: small pictures, and the words and numbers that stand beside them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from engine.errors import SampleError
from engine.photos.images import decode_photo, resize
from engine.rows.composition import Composition, PlacedObject
from engine.rows.cutout import Cutout
from engine.rows.metric import metric_fields
from engine.rows.values import Model, Pixels
from jobs.report.gallery_scores import row_scores

WEBP_QUALITY = 80
MASK_SIDE = 256  # px, longest side of an object's mask on the page: enough for a tint and a cut-out
MASK_FLOOR = 8  # of 255: fainter alpha does not widen the part that a mask is cropped to

Facts = tuple[tuple[str, str], ...]
"""Labels and texts in the order of reading; what a row does not know is left out."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """A row's image as WebP in base64: empty where there is none, or where the thumbnail serves both sizes."""

    thumb: str
    large: str
    ratio: float
    alpha: bool


@dataclass(frozen=True, slots=True)
class Mask:
    """An object's alpha (a white WebP with alpha, base64) and the part of the image that it covers, xyxy in 0..1."""

    src: str
    box: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardObject:
    """One object of a composition as the detail view shows it."""

    name: str
    box: tuple[float, ...]
    mask: Mask | None
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One row as the page shows it."""

    id: str
    status: str
    reasons: tuple[str, ...]
    caption: str
    template: str
    concepts: tuple[str, ...]
    scene: str
    pictures: Pictures
    scores: Mapping[str, float]
    objects: tuple[CardObject, ...]
    lineage: Facts
    models: Facts


def composition_card(row: Composition, thumb: int, large: int | None) -> Card:
    """The card of a composed image; `thumb` and `large` are longest sides in pixels."""
    return Card(
        id=row.sample_id,
        status=row.status,
        reasons=row.reasons,
        caption=row.caption,
        template=row.caption_template,
        concepts=row.concepts,
        scene=row.scene,
        pictures=pictures(row.image, thumb, large),
        scores=row_scores(row),
        objects=tuple(_card_object(item) for item in row.objects),
        lineage=_known_facts(
            ("sample", row.sample_id),
            ("unit", str(row.unit_id)),
            ("seed", str(row.seed)),  # text: a browser's integers end at 53 bits
            ("scene", row.scene),
            ("background", row.background_id),
            ("prompt", row.background_prompt),
            ("ground line", _decimal(row.ground_line, 2)),
            ("layout by", row.layout_source),
            ("layout valid", "" if row.layout_valid is None else "yes" if row.layout_valid else "no"),
        ),
        models=_models(row.models),
    )


def cutout_card(row: Cutout, thumb: int, large: int | None) -> Card:
    """The card of a cut-out; the page shows it over a checkerboard."""
    return Card(
        id=row.sample_id,
        status=row.status,
        reasons=row.reasons,
        caption=row.concept,
        template="",
        concepts=(row.concept,),
        scene="",
        pictures=pictures(row.image, thumb, large),
        scores=row_scores(row),
        objects=(),
        lineage=_known_facts(
            ("sample", row.sample_id),
            ("unit", str(row.unit_id)),
            ("seed", str(row.seed)),
            ("class", row.class_name),
            ("licence", row.license),
            ("source", row.source),
            ("source sha256", row.source_sha256),
            ("cut-out", row.cutout_id),
            ("size", f"{row.width} x {row.height} px"),
            ("box in photo", _box(row.box)),
            ("cut by borders", _words(*row.cut_borders)),
        ),
        models=_models(row.models),
    )


def _card_object(item: PlacedObject) -> CardObject:
    return CardObject(
        name=item.concept,
        box=item.box,
        mask=crop_mask(item.mask),
        facts=_known_facts(
            ("class", item.class_name),
            ("licence", item.license),
            *_measured_facts(item),
            ("relative size", _decimal(item.relative_size, 2)),
            ("placed", _words(f"order {item.order}", item.support, "flipped" if item.flip else "")),
            ("box", _box(item.box)),
            ("cut-out", item.cutout_id),
        ),
    )


def _measured_facts(item: PlacedObject) -> Facts:
    """What was measured of an object, a line for each label."""
    lines: dict[str, list[str]] = {}
    for name, spec in metric_fields(type(item)).items():
        value = getattr(item, name)
        if spec.fact is not None and value is not None:
            label, form = spec.fact
            lines.setdefault(label, []).append(form.format(value))
    return tuple((label, _words(*texts)) for label, texts in lines.items())


def pictures(data: bytes | None, thumb: int, large: int | None) -> Pictures:
    """An encoded image as its thumbnail and, with `large`, a second picture; both empty where it cannot be read."""
    try:
        pixels = decode_photo(data or b"")
    except SampleError:
        return Pictures("", "", 1.0, alpha=False)
    height, width, channels = pixels.shape
    second = _webp(_fit(pixels, large)) if large is not None and max(height, width) > thumb else ""
    return Pictures(_webp(_fit(pixels, thumb)), second, round(width / height, 4), alpha=channels == 4)


def crop_mask(data: bytes) -> Mask | None:
    """A mask (PNG, 8-bit grey, the whole canvas) cropped to where it is not empty; None where it is empty."""
    try:
        alpha = decode_photo(data)[..., 0]
    except SampleError:
        return None
    rows, columns = np.flatnonzero(alpha.max(1) > MASK_FLOOR), np.flatnonzero(alpha.max(0) > MASK_FLOOR)
    if not rows.size:
        return None
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    cropped = _fit(np.ascontiguousarray(alpha[y0:y1, x0:x1]), MASK_SIDE)
    white = np.full((*cropped.shape, 4), 255, np.uint8)
    white[..., 3] = cropped
    height, width = alpha.shape
    part = (x0 / width, y0 / height, x1 / width, y1 / height)
    return Mask(_webp(white), tuple(round(edge, 4) for edge in part))


def _fit(pixels: Pixels, side: int) -> Pixels:
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    return resize(pixels, max(round(width * scale), 1), max(round(height * scale), 1))


def _webp(pixels: Pixels) -> str:
    sink = io.BytesIO()
    # alpha_quality 60: half the bytes of 100 on mattes of photos, no alpha off by more than 13 of 255
    Image.fromarray(pixels).save(sink, "WEBP", quality=WEBP_QUALITY, alpha_quality=60, method=3)
    return base64.b64encode(sink.getvalue()).decode()


def _known_facts(*facts: tuple[str, str]) -> Facts:
    return tuple(fact for fact in facts if fact[1])


def _words(*words: str) -> str:
    return ", ".join(word for word in words if word)


def _models(models: Iterable[Model]) -> Facts:
    return tuple((item.name, _words(item.revision, item.license)) for item in models)


def _decimal(value: float | None, digits: int, unit: str = "") -> str:
    return "" if value is None else f"{value:.{digits}f}{unit}"


def _box(box: tuple[float, ...]) -> str:
    return " ".join(f"{value:.3f}" for value in box)
