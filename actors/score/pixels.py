"""What `score` measures without a model: functions of a picture or of an object, which the table of metrics names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, final

from engine.compose.paste import fit_cutout
from engine.metrics import pixels
from engine.photos.library import CutoutInfo, Library
from engine.registry import Registry
from engine.rows.composition import Composition, Placement, UnscoredComposition
from engine.rows.metric import metric_fields
from engine.rows.values import Pixels
from planners.compose.layout_rules import problems


@final
@dataclass(frozen=True, slots=True)
class MeasuredComposition:
    """A picture that is measured.

    Attributes:
        row: with its layout and layers.
        stored: HxWx3, its image as decoded from what will be stored.
        library: has the cut-outs of its cast.
    """

    row: Composition
    stored: Pixels
    library: Library


@final
@dataclass(frozen=True, slots=True)
class MeasuredObject:
    """An object of it.

    Attributes:
        image: the picture.
        placement: where the object was put.
        layer: HxW, its alpha after nearer objects have covered it.
        alpha: of its cut-out, before that was placed.
        info: what the library says of the cut-out.
    """

    image: MeasuredComposition
    placement: Placement
    layer: Pixels
    alpha: Pixels
    info: CutoutInfo


@cache
def _functions(record: type) -> Mapping[str, Callable[[Any], object]]:
    """Of the scores of a record that nobody has to ask for and that need no model."""
    own = {
        name: spec.function
        for name, spec in metric_fields(record).items()
        if not (spec.needs or spec.request or name in metric_fields(UnscoredComposition))
    }
    known: Registry[Callable[[Any], object]] = Registry("score", own)
    return MappingProxyType({name: known.resolve(name) for name in known})


def pixel_columns(measured: MeasuredComposition | MeasuredObject, record: type) -> dict[str, Any]:
    """The scores of a picture or an object that need no model, by column of its record."""
    return {name: function(measured) for name, function in _functions(record).items()}


def layout_valid(image: MeasuredComposition) -> bool:
    """Whether the boxes obey every rule of layouts."""
    cast = [image.library.cutouts[cutout_id] for cutout_id in image.row.cast]
    return not problems(image.row.placements, cast, image.row.ground_line)


def seam(image: MeasuredComposition) -> float:
    """See `engine.metrics.pixels.seam`."""
    return pixels.seam(image.stored, image.row.layers)


def visible_fraction(item: MeasuredObject) -> float:
    """See `engine.metrics.pixels.visible_fraction`."""
    return pixels.visible_fraction(item.layer, fit_cutout(item.alpha, item.placement, item.layer.shape[0]))


def identity_psnr(item: MeasuredObject) -> float | None:
    """See `engine.metrics.pixels.identity_psnr`."""
    assert item.image.row.foreground is not None
    return pixels.identity_psnr(item.image.stored, item.image.row.foreground, item.layer)


def cut_edge(item: MeasuredObject) -> float:
    """See `engine.metrics.pixels.cut_edge`; sides at which the photo is known to end do not count."""
    return pixels.cut_edge(item.alpha, item.info.cut_borders)
