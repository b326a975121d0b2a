"""`mycanvas library`: look into a library of cut-outs, exclude some, take them out as files."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import UsageError
from engine.photos.exclusions import exclude, read_exclusions
from engine.photos.images import encode_png
from engine.photos.library import CutoutInfo, Library, open_library
from engine.photos.metadata import METADATA
from engine.text_file import read_text_file
from planners.curate.calibrate import Measure, Quality, calibrate

FEWEST_VERDICTS = 5  # of each kind
VERDICTS = {"accept": "", "reject": "rejected on review", "took": "took something along"}
"""What a review says of a cut-out, and the reason that is kept with an exclusion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptLine:
    """What a library has of a concept: how many cut-outs, how many of these excluded, and their least quality."""

    concept: str
    class_name: str
    cutouts: int
    excluded: int
    least_quality: float | None


def open_filled(uri: str) -> Library:
    """A library with cut-outs in it.

    Raises:
        UsageError: LIBRARY_EMPTY.
    """
    library = open_library(uri)
    if not library.cutouts:
        fix = "make it: mycanvas library add LIB --photos DIR"
        raise UsageError("LIBRARY_EMPTY", "holds no cut-outs", where=uri, fix=fix)
    return library


def list_concepts(uri: str) -> tuple[ConceptLine, ...]:
    """A line for each concept, by name; raises as `open_filled`."""
    library = open_filled(uri)
    excluded = read_exclusions(library.store)
    names = sorted({(info.concept, info.class_name) for info in library.cutouts.values()})
    return tuple(_line(concept, class_name, library, excluded) for concept, class_name in names)


def _line(concept: str, class_name: str, library: Library, excluded: Mapping[str, str]) -> ConceptLine:
    infos = [info for info in library.cutouts.values() if (info.concept, info.class_name) == (concept, class_name)]
    return ConceptLine(
        concept=concept,
        class_name=class_name,
        cutouts=len(infos),
        excluded=sum(info.cutout_id in excluded for info in infos),
        least_quality=min((info.quality for info in infos if info.quality is not None), default=None),
    )


def find_cutouts(library: Library, names: Sequence[str]) -> list[str]:
    """The ids of cut-outs named by id, or by concept.

    Raises:
        UsageError: LIBRARY_NAME.
    """
    found: list[str] = []
    for name in names:
        ids = [key for key, info in library.cutouts.items() if name in (key, info.concept)]
        if not ids:
            raise UsageError(
                "LIBRARY_NAME",
                f"no cut-out and no concept is called {name!r}",
                where=library.store.uri,
                fix="see `mycanvas library list`, and the page of `mycanvas library review`",
            )
        found += ids
    return found


def exclude_named(uri: str, names: Sequence[str], reason: str) -> int:
    """Exclude cut-outs by id or concept; with an empty reason take them in again. How many.

    Raises:
        UsageError: LIBRARY_EMPTY, LIBRARY_NAME.
    """
    library = open_filled(uri)
    ids = find_cutouts(library, names)
    exclude(library.store, dict.fromkeys(ids, reason))
    return len(ids)


def apply_verdicts(uri: str, file: Path) -> Counter[str]:
    """Take over what a review page says; how many of each verdict.

    Raises:
        UsageError: LIBRARY_EMPTY, LIBRARY_NAME, LIBRARY_VERDICTS names the line.
    """
    library = open_filled(uri)
    verdicts = dict(_read_verdicts(file))
    find_cutouts(library, list(verdicts))
    exclude(library.store, {key: VERDICTS[verdict] for key, verdict in verdicts.items()})
    return Counter(verdicts.values())


def _read_verdicts(file: Path) -> Iterator[tuple[str, str]]:
    try:
        rows = list(csv.DictReader(read_text_file(file).splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError("LIBRARY_VERDICTS", "cannot be read", where=str(file), why=str(error)) from error
    for number, row in enumerate(rows, 2):
        if row.get("verdict") not in VERDICTS or not row.get("cutout_id"):
            raise UsageError(
                "LIBRARY_VERDICTS",
                "not a cut-out with a verdict",
                where=f"{file}:{number}",
                fix=f"columns cutout_id and verdict ({', '.join(VERDICTS)}), as the review page writes them",
            )
        yield str(row["cutout_id"]), str(row["verdict"])


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedQuality:
    """The least quality that agrees best with verdicts; how well on them, and on verdicts it was not fitted to."""

    min_quality: float
    judged: int
    good: int
    fitted: Quality
    held_out: Quality


def fit_quality(uri: str, file: Path) -> FittedQuality:
    """Fit `scene.min_quality` to what a review page says: "reject" and "took" are bad.

    Raises:
        UsageError: LIBRARY_EMPTY, LIBRARY_NAME, LIBRARY_VERDICTS, LABELS_FEW.
    """
    library = open_filled(uri)
    verdicts = dict(_read_verdicts(file))
    find_cutouts(library, list(verdicts))
    good = np.array([verdict == "accept" for verdict in verdicts.values()], bool)
    if min(good.sum(), (~good).sum()) < FEWEST_VERDICTS:
        what = f"{int(good.sum())} cut-outs are accepted and {int((~good).sum())} rejected by the verdicts"
        fix = f"judge at least {FEWEST_VERDICTS} of each on one `mycanvas library review` page"
        raise UsageError("LABELS_FEW", what, where=str(file), fix=fix)
    values = np.array([[library.cutouts[key].quality or 0.0] for key in verdicts], np.float64)
    fit = calibrate(values, good, (Measure("min_quality", "quality"),))
    least = fit.thresholds.get("min_quality", 0.0)
    return FittedQuality(
        min_quality=least, judged=len(good), good=int(good.sum()), fitted=fit.fitted, held_out=fit.held_out
    )


def export_cutouts(uri: str, out: Path) -> int:
    """Write what is not excluded as RGBA PNGs in concept folders, which are photos for any library; how many.

    Raises:
        UsageError: LIBRARY_EMPTY, EXPORT_PLACE where the folder is not empty.
    """
    library = open_filled(uri)
    if out.exists() and any(out.iterdir()):
        raise UsageError("EXPORT_PLACE", "is not empty", where=str(out), fix="give a new folder")
    excluded = read_exclusions(library.store)
    folders: dict[str, str] = {}
    lines = []
    for key, info in library.cutouts.items():
        if key in excluded:
            continue
        folder = folders.setdefault(info.concept, f"{len(folders):03d}")  # names of strangers are no paths
        path = out / folder / f"{key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(library.pixels(key)))
        lines.append(_metadata(f"{folder}/{key}.png", info))
    (out / METADATA).write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines), encoding="utf-8")
    return len(lines)


def _metadata(name: str, info: CutoutInfo) -> dict[str, str]:
    return {"file_name": name, "concept": info.concept, "class": info.class_name, "license": info.license}
