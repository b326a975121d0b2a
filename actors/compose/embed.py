"""Tells a CLIP model photos of places, and phrases that are to find them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

from pydantic import Field

from actors.score.scorers import CLIP_SCORERS, ClipSpec
from engine.errors import SampleError
from engine.photos.decode_photo import decode_photo
from engine.photos.images import resize
from engine.photos.listing import read_file
from engine.rows.backgrounds import BackgroundEmbedding, PhraseEmbedding
from engine.rows.values import Pixels
from engine.run.stage import Run, Stage, Worker

SIDE = 512  # px, the longest side that CLIP is shown


@final
class EmbedPhotos(Stage):
    """Write down what a CLIP model makes of each photo."""

    name: ClassVar[str] = "embed_photos"
    reads: ClassVar[tuple[str, ...]] = ("uri",)
    writes: ClassVar[tuple[str, ...]] = ("embedding", "models")

    batch_size: int = Field(64, ge=1, description="photos in memory at once")
    clip: ClipSpec = Field(description="CLIP model")

    def load(self, run: Run) -> Worker:
        """A worker that reads photos and embeds them; one that cannot be read fails alone.

        Raises:
            UsageError: those of the model.
            EnvironmentProblem: those of the model.
        """
        del run
        scorer = CLIP_SCORERS.resolve(self.clip.backend)(self.clip)

        def work(rows: Sequence[BackgroundEmbedding]) -> list[object]:
            read = [_read_photo(row.uri) for row in rows]
            pixels = [each for each in read if not isinstance(each, SampleError)]
            embeddings = iter(scorer.embed_images(pixels)) if pixels else iter(())
            return [
                each
                if isinstance(each, SampleError)
                else replace(row, embedding=tuple(next(embeddings).tolist()), models=(scorer.model,))
                for row, each in zip(rows, read, strict=True)
            ]

        return work


def _read_photo(uri: str) -> Pixels | SampleError:
    try:
        pixels = decode_photo(read_file(uri), where=uri).pixels[..., :3]
    except SampleError as error:
        return error
    height, width = pixels.shape[:2]
    share = min(1.0, SIDE / max(height, width))
    return resize(pixels, max(1, round(width * share)), max(1, round(height * share)))


@final
class EmbedPhrases(Stage):
    """Write down what the CLIP model of an index makes of each phrase."""

    name: ClassVar[str] = "embed_phrases"
    reads: ClassVar[tuple[str, ...]] = ("phrase",)
    writes: ClassVar[tuple[str, ...]] = ("embedding",)

    batch_size: int = Field(64, ge=1, description="phrases at once")
    clip: ClipSpec = Field(description="CLIP model, the one that made the index")

    def load(self, run: Run) -> Worker:
        """A worker that embeds phrases.

        Raises:
            UsageError: those of the model.
            EnvironmentProblem: those of the model.
        """
        del run
        scorer = CLIP_SCORERS.resolve(self.clip.backend)(self.clip)

        def work(rows: Sequence[PhraseEmbedding]) -> list[object]:
            found = scorer.embed_texts([f"a photo {row.phrase}" for row in rows])
            return [replace(row, embedding=tuple(each.tolist())) for row, each in zip(rows, found, strict=True)]

        return work
