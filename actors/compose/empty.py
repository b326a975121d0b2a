"""Takes the subject out of a photo: what is left is a place to stand, with light and ground as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

import cv2
import numpy as np
from pydantic import Field

from engine.compose.empty_photo import take_out
from engine.errors import SampleError
from engine.geometry import Box
from engine.photos.decode_photo import decode_photo
from engine.photos.ground_line import estimate_ground_line
from engine.photos.images import encode_jpeg, resize, shrink
from engine.photos.library import Library, open_library
from engine.photos.listing import read_file
from engine.rows.backgrounds import EmptiedPhoto
from engine.rows.values import Pixels
from engine.run.stage import Run, Stage, Worker

WHITE = 248  # mean of the darkest channel: a picture for a shop, and no place to stand
ROOM_BEHIND = 0.12  # of the height: the ground goes on at least so far behind what stood there


@final
class EmptyPhoto(Stage):
    """Photo and cut-out in, the photo without its subject out."""

    name: ClassVar[str] = "empty_photo"
    reads: ClassVar[tuple[str, ...]] = ("source", "cutout_id", "box")
    writes: ClassVar[tuple[str, ...]] = ("image", "hole", "ground_line")
    needs: ClassVar[tuple[str, ...]] = ("library",)

    max_side: int = Field(1024, ge=64, le=4096, description="pixels, the longest side of a square")

    def load(self, run: Run) -> Worker:
        """A worker over the run's library."""
        cv2.setNumThreads(1)
        library = open_library(run.library)

        def work(rows: Sequence[EmptiedPhoto]) -> list[object]:
            return [_answer(self, library, row) for row in rows]

        return work


def _answer(spec: EmptyPhoto, library: Library, row: EmptiedPhoto) -> EmptiedPhoto | SampleError:
    try:
        return empty_row(spec, library, row)
    except SampleError as error:
        return error


def empty_row(spec: EmptyPhoto, library: Library, row: EmptiedPhoto) -> EmptiedPhoto:
    """The row with the photo's square.

    Raises:
        SampleError: PLACE_BLANK, or the photo is gone or cannot be read.
    """
    photo = shrink(decode_photo(read_file(row.source), where=row.source).pixels[..., :3], 2 * spec.max_side)
    box = Box(*row.box)
    emptied = take_out(photo, _matte(library, row, photo.shape[:2]), box, min(*photo.shape[:2], spec.max_side))
    hole = emptied.box
    if emptied.pixels.min(axis=2).mean() > WHITE:
        raise SampleError("PLACE_BLANK", "shows its subject on white", where=row.source, fix="nothing to do")
    return replace(
        row,
        image=encode_jpeg(emptied.pixels),
        hole=(hole.x0, hole.y0, hole.x1, hole.y1),
        ground_line=min(estimate_ground_line(emptied.pixels), max(hole.y1 - ROOM_BEHIND, 0.0)),
    )


def _matte(library: Library, row: EmptiedPhoto, shape: tuple[int, ...]) -> Pixels:
    """The cut-out's alpha where it was in the photo, HxW."""
    x0, y0, x1, y1 = (round(value * side) for value, side in zip(row.box, (*shape[::-1], *shape[::-1]), strict=True))
    alpha = np.ascontiguousarray(library.pixels(row.cutout_id)[..., 3])
    matte = np.zeros(shape, np.uint8)
    matte[y0:y1, x0:x1] = resize(alpha, max(x1 - x0, 1), max(y1 - y0, 1))[: shape[0] - y0, : shape[1] - x0]
    return matte
