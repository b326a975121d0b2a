"""Further scores for compositions that are committed: other models, another metric; nothing is painted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, final

import cv2
from pydantic import Field

from actors.score import Judged, Judges, Verdict, judges_of, verdicts
from engine.images import decode
from engine.library import Library, open_library
from engine.phash import phash
from engine.records import Composition, Pixels, Rescored
from engine.stage import Run, Worker
from engine.store import open_store


@final
class Rescore(Judged):
    """Measure committed images again with the models that are named here."""

    name: ClassVar[str] = "rescore"
    reads: ClassVar[tuple[str, ...]] = ("of",)
    writes: ClassVar[tuple[str, ...]] = (
        "clip_score", "ti_clip", "cp_clip", "cp_clip_assigned", "identities", "detections", "object_recall", "surplus",
        "unsafe", "harm", "phash", "models",
    )  # fmt: skip

    phash: bool = Field(default=False, description="a perceptual hash of each image, by which `filter --dedup` goes")

    @property
    def measured(self) -> tuple[str, ...]:
        """The columns that are not null with this configuration."""
        groups = (
            (self.clip, ("clip_score", "ti_clip", "cp_clip", "cp_clip_assigned")),
            (self.identity, ("identities",)),
            (self.detector, ("detections", "object_recall", "surplus")),
            (self.safety, ("unsafe", "harm")),
            (self.phash, ("phash",)),
        )
        return tuple(column for asked, columns in groups if asked for column in columns)

    @property
    def compares(self) -> bool:
        """Whether crops are compared with the cut-outs of the library."""
        return bool(self.clip or self.identity or self.detector)

    def load(self, run: Run) -> Worker:
        """Open the library where crops are compared with it, and the models."""
        cv2.setNumThreads(1)
        library = open_library(run.library) if self.compares else Library(open_store(run.out), {}, {})
        judges = judges_of(self, library, run)

        def work(rows: Sequence[Rescored]) -> list[object]:
            known = [_with_layers(row.of) for row in rows if row.of is not None]
            stored = [decode(row.image or b"") for row in known]
            said = verdicts(judges, known, stored)
            return [
                self._scored(row, pixels, verdict, judges)
                for row, pixels, verdict in zip(rows, stored, said, strict=True)
            ]

        return work

    def _scored(self, row: Rescored, stored: Pixels, said: Verdict, judges: Judges) -> Rescored:
        return replace(
            row,
            of=None,
            clip_score=said.clip.clip_score,
            ti_clip=said.clip.ti_clip,
            cp_clip=said.clip.cp_clip,
            cp_clip_assigned=said.clip.cp_clip_assigned,
            identities=said.likeness,
            detections=said.recognised.scores,
            object_recall=said.recognised.object_recall,
            surplus=said.recognised.surplus,
            unsafe=said.harm.unsafe,
            harm=said.harm.reason,
            phash=phash(stored) if self.phash else None,
            models=judges.models,
        )


def _with_layers(row: Composition) -> Composition:
    return replace(row, layers=tuple(decode(item.mask) for item in row.objects))
