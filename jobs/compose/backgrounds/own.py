"""`--backgrounds own`: the photos of a library without their subjects, each with the place where its subject stood."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from actors.compose.empty import EmptyPhoto
from actors.compose.segment import OWN_ALPHA
from cluster.session import Capacity
from engine.errors import UsageError
from engine.photos.backgrounds import OWN, Anchor, Background
from engine.photos.library import Library
from engine.rows.backgrounds import EmptiedPhoto
from engine.rows.cutout import Cutout
from engine.rows.values import ACCEPTED
from engine.storage.open_store import open_store
from jobs.console import Console
from jobs.listed_run import ListedRun, fill_listed, read_rows

FOLDER = "emptied"
"""In the library: a photo is emptied once, whatever is made of it."""
PHOTOS_PER_UNIT = 8
MOST_OF_SQUARE, LEAST_BELOW = 0.4, 0.25
"""What fills more leaves no room for others; what ends in the upper quarter of its square does not stand."""


def own_backgrounds(library: Library, capacity: Capacity, console: Console) -> tuple[Background, ...]:
    """The photos of a library's cut-outs without their subjects, inside a session.

    Photos that come with an alpha have no place to show, and what its photo cuts off was not all seen: both are left
    out, and so is what fills two fifths of its square.

    Args:
        library: the cut-outs that may appear.
        capacity: of the cluster.
        console: where progress is shown.

    Raises:
        EnvironmentProblem: those of `fill_listed`.
    """
    cutouts = {row.cutout_id: row for row in _whole(library)}
    run = ListedRun(
        record=EmptiedPhoto,
        columns=("source", "cutout_id", "box"),
        rows=[{"source": row.source, "cutout_id": key, "box": list(row.box)} for key, row in cutouts.items()],
        stage=EmptyPhoto(),
        out=f"{library.store.uri}/{FOLDER}",
        unit_size=PHOTOS_PER_UNIT,
        library=library.store.uri,
    )
    if cutouts:
        fill_listed(run, capacity, console)
    emptied = read_rows(run.out, EmptiedPhoto) if cutouts else iter(())
    return tuple(_background(run.out, row, cutouts[row.cutout_id]) for row in emptied if _stands(row, library))


def no_place(library: str) -> UsageError:
    """None of the photos shows a place that its subject leaves free."""
    return UsageError(
        "BACKGROUNDS_NONE_OWN",
        "none of the photos shows a place that its subject leaves free",
        where=library,
        why="needed are photos without alpha in which the whole subject is seen and fills less than two fifths",
        fix="--backgrounds DIR with photos of places, or --backgrounds drawn",
    )


def _whole(library: Library) -> Iterator[Cutout]:
    """The cut-outs of photos in which all of the subject is seen, in the order in which they were cut out."""
    for row in read_rows(library.store.uri, Cutout):
        if row.status == ACCEPTED and not row.cut_borders and OWN_ALPHA not in row.models:
            yield row


def _stands(row: EmptiedPhoto, library: Library) -> bool:
    x0, y0, x1, y1 = row.hole
    return row.cutout_id in library.cutouts and (x1 - x0) * (y1 - y0) <= MOST_OF_SQUARE and y1 > LEAST_BELOW


def _background(out: str, row: EmptiedPhoto, cutout: Cutout) -> Background:
    store, name = open_store(out), f"{row.cutout_id}.jpg"
    picture = row.image or b""
    if not store.exists(name):
        store.put(name, picture)
    return Background(
        background_id=f"{OWN}:{row.cutout_id}",
        scene="own photo",
        phrase="",
        ground_line=row.ground_line,
        license=cutout.license,
        uri=f"{store.uri}/{name}",
        sha256=sha256(picture).hexdigest(),
        anchor=Anchor(
            box=row.hole, concept=cutout.concept, class_name=cutout.class_name, source_sha256=cutout.source_sha256
        ),
    )
