"""`mycanvas toybox`: photos of made-up toys in the layout that `compose` reads, with the truth beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Any

from PIL import Image

from engine.errors import UsageError
from engine.photos.metadata import METADATA
from engine.seeds import derive
from engine.toybox import CLASSES
from engine.toybox.captions import full_caption
from engine.toybox.concepts import ToyConcept, draw_concept
from engine.toybox.places import SCENES
from engine.toybox.studio import Picture, photograph
from jobs.console import Console

LICENSE = "CC0-1.0"
PHOTOS, HELD_OUT, TRUTH = "photos", "held-out", "truth"


def toybox(
    concepts: int,
    photos: int,
    size: int,
    *,
    seed: int,
    out: Path,
    console: Console,
    classes: Sequence[str] = (),
    held_out: int = 0,
) -> None:
    """Write ``OUT/photos/<concept>/<number>.jpg`` and ``metadata.jsonl``; alpha, boxes and words under ``OUT/truth``.

    Args:
        concepts: how many toys.
        photos: of each.
        size: of a photo in pixels.
        seed: another seed, other toys.
        out: the folder.
        console: where progress is shown.
        classes: of the toys, in turns; none: all that there are. One class twice makes look-alikes.
        held_out: further photos of each, in ``OUT/held-out``: what models are measured against.

    Raises:
        UsageError: TOYBOX_EXISTS where `out` holds photos already, TOYBOX_CLASS.
    """
    for name in classes:
        if name not in CLASSES:
            fix = f"one of: {', '.join(CLASSES)}"
            raise UsageError("TOYBOX_CLASS", f"there are no toys of the class {name!r}", where="--classes", fix=fix)
    if (out / "photos").exists():
        raise UsageError(
            "TOYBOX_EXISTS", "holds photos already", where=str(out), fix="name another folder, or remove this one"
        )
    progress = console.progress("toybox", concepts * (photos + held_out))
    for number in range(concepts):
        concept = draw_concept(seed, number, classes[number % len(classes)] if classes else None)
        for shot in range(photos + held_out):
            picture, scene = photograph(concept, derive(seed, "toybox", "shot", number, shot), size)
            facts = {"file_name": f"{concept.name}/{shot:02d}.jpg", **_facts(concept, scene, picture)}
            _write(out, PHOTOS if shot < photos else HELD_OUT, picture, facts)
        progress.advance(photos + held_out)
    progress.close()
    console.result(
        {"out": str(out), "concepts": concepts, "photos": concepts * photos},
        [
            f"{concepts} concepts, {concepts * photos} photos of {size} px",
            f"  {out}/photos   {out}/truth",
            f"next: mycanvas compose micro --photos {quote(str(out / 'photos'))} --samples 64 --out out/toys",
        ],
    )


def _write(out: Path, folder: str, picture: Picture, facts: dict[str, Any]) -> None:
    """A photo and its truth, and a line about each behind those that are there."""
    photo, alpha = out / folder / facts["file_name"], (out / TRUTH / facts["file_name"]).with_suffix(".png")
    for path in (photo, alpha):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.image).save(photo, quality=95, subsampling=0)
    Image.fromarray(picture.layers[0]).save(alpha)
    named = {"file_name": facts["file_name"], "class": facts["class_name"], "license": LICENSE}
    named["caption"] = facts["caption"]
    for table, told in ((out / folder / METADATA, named), (out / TRUTH / "truth.jsonl", facts)):
        with table.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(told) + "\n")


def _facts(concept: ToyConcept, scene: str, picture: Picture) -> dict[str, Any]:
    return {
        **asdict(concept),
        "scene": scene,
        "box": [round(value, 5) for value in picture.boxes[0]],
        "caption": full_caption([concept.description], dict(SCENES)[scene]),
    }
