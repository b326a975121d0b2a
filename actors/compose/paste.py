"""Puts the cut-outs of a layout onto its background: canvas, one mask per object, and what may be repainted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, final

import cv2
from pydantic import Field

from engine.compose import backdrops
from engine.compose.paste import crop_square, paste
from engine.errors import SampleError
from engine.photos.backgrounds import Background, by_id, read_catalogue
from engine.photos.cast import open_cast
from engine.photos.decode_photo import decode_photo
from engine.photos.listing import read_file
from engine.rows.composition import Composition
from engine.rows.values import Pixels
from engine.run.stage import Run, Stage, Worker
from engine.storage.open_store import open_store

PHOTOS_KEPT = 32  # cropped backgrounds a worker keeps: 25 MB at 512 px, 100 MB at 1024 px


@dataclass(frozen=True, slots=True)
class CanvasSources:
    """Where pixels come from: cut-outs by id, and the backgrounds of the run."""

    cutout: Callable[[str], Pixels]
    backgrounds: Mapping[str, Background]
    photo: Callable[[str, float], Pixels]
    size: int


@final
class Paste(Stage):
    """Harmonise every cut-out to its background and paste it, far to near."""

    name: ClassVar[str] = "paste"
    reads: ClassVar[tuple[str, ...]] = ("background_id", "ground_line", "placements")
    needs: ClassVar[tuple[str, ...]] = ("library", "backgrounds")
    writes: ClassVar[tuple[str, ...]] = (
        "background", "foreground", "layers", "repaint_mask", "color_gains", "color_offsets",
    )  # fmt: skip

    harmonise: bool = Field(default=True, description="match light and colour of each cut-out to its background")
    margin_px: int = Field(default=0, ge=0, le=8, description="pixels by which the repaint mask grows into the objects")

    def load(self, run: Run) -> Worker:
        """A worker over the run's library and backgrounds."""
        cv2.setNumThreads(1)
        library = open_cast(run.out, run.library)

        @lru_cache(maxsize=PHOTOS_KEPT)
        def photo(uri: str, ground_line: float) -> Pixels:
            return crop_square(decode_photo(read_file(uri), where=uri).pixels, ground_line, run.size)

        sources = CanvasSources(library.pixels, by_id(read_catalogue(open_store(run.out))), photo, run.size)

        def work(rows: Sequence[Composition]) -> list[object]:
            return [_answer(self, sources, row) for row in rows]

        return work


def _answer(spec: Paste, sources: CanvasSources, row: Composition) -> Composition | SampleError:
    try:
        return paste_row(spec, sources, row)
    except SampleError as error:
        return error


def paste_row(spec: Paste, sources: CanvasSources, row: Composition) -> Composition:
    """The row with its canvas.

    Raises:
        SampleError: BACKGROUND_UNKNOWN, PLACEMENT_OUTSIDE, or the background photo cannot be read.
    """
    background = background_of(sources, row)
    cutouts = [sources.cutout(placement.cutout_id) for placement in row.placements]
    pasted = paste(background, cutouts, row.placements, tinted=spec.harmonise, margin_px=spec.margin_px)
    return replace(
        row,
        background=background,
        foreground=pasted.foreground,
        layers=pasted.layers,
        repaint_mask=pasted.repaint_mask,
        color_gains=tuple(tint.gain for tint in pasted.tints),
        color_offsets=tuple(tint.offset for tint in pasted.tints),
    )


def background_of(sources: CanvasSources, row: Composition) -> Pixels:
    """The row's background, size x size x 3: rendered from the row's seed, or the user's photo, cropped.

    Raises:
        SampleError: BACKGROUND_UNKNOWN, or the photo cannot be read.
    """
    entry = sources.backgrounds.get(row.background_id)
    if entry is None:
        raise SampleError(
            "BACKGROUND_UNKNOWN",
            f"the run has no background {row.background_id!r}",
            fix="start the run in a new folder",
        )
    if not entry.uri:
        return backdrops.render(entry.scene, row.seed, sources.size)
    return sources.photo(entry.uri, entry.ground_line if row.ground_line is None else row.ground_line)
