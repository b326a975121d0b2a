"""Rows as tiles of the gallery: small pictures, and the words and numbers that stand beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from engine.rows.composition import Composition, PlacedObject
from engine.rows.cutout import Cutout
from engine.rows.generated import GeneratedImage
from engine.rows.metric import metric_fields
from engine.rows.values import Model
from jobs.report.gallery_pictures import Mask, Pictures, crop_mask, pictures
from jobs.report.gallery_scores import row_scores

HIDDEN = ("unit_id", "seed")  # numbers that are no scores

Facts = tuple[tuple[str, str], ...]
"""Labels and texts in the order of reading; what a row does not know is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileObject:
    """One object of a composition as the detail view shows it."""

    name: str
    box: tuple[float, ...]
    mask: Mask | None
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
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
    objects: tuple[TileObject, ...]
    lineage: Facts
    models: Facts


def tile_of(row: Any, thumb: int, large: int | None) -> Tile:
    """The tile of a row of any kind; `thumb` and `large` are longest sides in pixels."""
    return TILES.get(type(row), plain_tile)(row, thumb, large)


def plain_tile(row: Any, thumb: int, large: int | None) -> Tile:
    """The tile of a row of a kind that has none of its own: its picture, its numbers, its texts."""
    values = {field.name: getattr(row, field.name) for field in fields(row) if not field.metadata.get("transient")}
    numbers = {key: value for key, value in values.items() if isinstance(value, (int, float)) and key not in HIDDEN}
    texts = [(key.replace("_", " "), value) for key, value in values.items() if isinstance(value, str)]
    return Tile(
        id=row.sample_id,
        status=row.status,
        reasons=values.get("reasons", ()),
        caption=values.get("caption", ""),
        template="",
        concepts=(),
        scene="",
        pictures=pictures(values.get("image"), thumb, large),
        scores=row_scores(row),
        objects=(),
        lineage=_known_facts(*texts, *((key, f"{value:g}") for key, value in numbers.items())),
        models=_models(values.get("models", ())),
    )


def composition_tile(row: Composition, thumb: int, large: int | None) -> Tile:
    """The tile of a composed image; `thumb` and `large` are longest sides in pixels."""
    return Tile(
        id=row.sample_id,
        status=row.status,
        reasons=row.reasons,
        caption=row.caption,
        template=row.caption_template,
        concepts=row.concepts,
        scene=row.scene,
        pictures=pictures(row.image, thumb, large),
        scores=row_scores(row),
        objects=tuple(_tile_object(item) for item in row.objects),
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


def cutout_tile(row: Cutout, thumb: int, large: int | None) -> Tile:
    """The tile of a cut-out; the page shows it over a checkerboard."""
    return Tile(
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


def generated_tile(row: GeneratedImage, thumb: int, large: int | None) -> Tile:
    """The tile of a picture that a model drew."""
    plain = plain_tile(row, thumb, large)
    return replace(plain, caption=row.prompt, concepts=row.concepts)


def _tile_object(item: PlacedObject) -> TileObject:
    return TileObject(
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


TILES: Mapping[type, Callable[[Any, int, int | None], Tile]] = {
    Composition: composition_tile,
    Cutout: cutout_tile,
    GeneratedImage: generated_tile,
}
"""How rows of a kind are shown, where it is not by their columns alone."""
