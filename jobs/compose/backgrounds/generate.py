"""`mycanvas backgrounds generate`: pictures for phrases that no photo fits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

from actors.compose.generate import Generation, PaintBackground
from actors.models.licences import check_licences, check_recipe
from cluster.session import LOCAL, ON_THIS_MACHINE, session
from engine.rows.backgrounds import PaintedBackground
from engine.storage.open_store import open_store
from engine.text_file import read_text_file
from jobs.console import Console
from jobs.listed_run import ListedRun, fill_listed, put_pictures, read_rows
from planners.compose.captions import printable

PICTURES_PER_UNIT = 4


def generate(
    phrases: Sequence[str],
    out: Path,
    spec: Generation,
    *,
    each: int,
    size: int,
    seed: int,
    console: Console,
    address: str = LOCAL,
) -> list[Path]:
    """Pictures of phrases as a folder of backgrounds, with the model and its licence in their metadata.

    What is there already is not made again; phrases may be added behind those that are there.

    Args:
        phrases: such as "on a sandy beach".
        out: folder of the pictures.
        spec: which model, and how.
        each: pictures of every phrase.
        size: pixels, the side of a picture.
        seed: of what is drawn.
        console: where progress is shown.
        address: of Ray.

    Raises:
        UsageError: LICENCE_REFUSED, RUN_CHANGED, and those of the model.
        EnvironmentProblem: those of the model.
    """
    check_licences((spec,), spec.accept_licence)
    stage = PaintBackground(generation=spec, root_seed=seed)
    check_recipe((stage,), spec.accept_licence, here=address in ON_THIS_MACHINE)
    asked = json.dumps([stage.affects_data(), each, size])
    store = open_store(str(out))
    run = ListedRun(
        record=PaintedBackground,
        columns=("file_name", "phrase", "take"),
        rows=[
            {"file_name": f"{number:04d}-{take:02d}.jpg", "phrase": phrase, "take": take}
            for number, phrase in enumerate(phrases)
            for take in range(each)
        ],
        stage=stage,
        out=f"{store.uri}/.mycanvas/painted-{blake2b(asked.encode(), digest_size=8).hexdigest()}",
        unit_size=PICTURES_PER_UNIT,
        size=size,
    )
    with session(address) as capacity:
        fill_listed(run, capacity, console)
    return [out / name for name in put_pictures(store, "", _pictures(run.out))]


def _pictures(run: str) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Pictures of a run: file name, bytes, and what is known of them."""
    for row in read_rows(run, PaintedBackground):
        model = row.models[0]
        facts = {"phrase": row.phrase, "license": model.license, "generator": f"{model.name} {model.revision}"}
        yield row.file_name, row.image or b"", facts


def read_phrases(path: Path) -> list[str]:
    """One phrase a line; empty lines and those that begin with # are left out."""
    lines = (printable(line) for line in read_text_file(path).splitlines())
    return [line for line in lines if line and not line.startswith("#")]
