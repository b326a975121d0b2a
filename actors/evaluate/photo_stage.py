"""The stage that puts photos in the place of drawings: what the best model could reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

from pydantic import Field

from engine.errors import SampleError
from engine.photos.decode_photo import decode_photo
from engine.photos.images import encode_jpeg, shrink
from engine.photos.listing import read_file
from engine.rows.generated import GeneratedImage
from engine.run.stage import Run, Stage, Worker


@final
class TakePhoto(Stage):
    """Read the photo that `prompt` names."""

    name: ClassVar[str] = "take_photo"
    reads: ClassVar[tuple[str, ...]] = ("prompt",)
    writes: ClassVar[tuple[str, ...]] = ("image",)

    photos: str = Field(description="hash of which photos these are")

    def load(self, run: Run) -> Worker:
        """A worker that reads photos, no longer than `run.size` px."""

        def take(row: GeneratedImage) -> object:
            try:
                pixels = decode_photo(read_file(row.prompt), where=row.prompt).pixels[..., :3]
            except SampleError as error:
                return error
            return replace(row, image=encode_jpeg(shrink(pixels, run.size)))

        def work(rows: Sequence[GeneratedImage]) -> list[object]:
            return [take(row) for row in rows]

        return work
