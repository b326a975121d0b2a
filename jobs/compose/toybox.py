"""`mycanvas toybox`: photos of made-up toys in the layout that `compose` reads, with the truth beside them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Any

from PIL import Image

from engine.errors import UsageError
from engine.seeds import derive
from engine.toybox.captions import full_caption
from engine.toybox.concepts import ToyConcept, draw_concept
from engine.toybox.places import SCENES
from engine.toybox.studio import Picture, photograph
from jobs.console import Console

LICENSE = "CC0-1.0"


def toybox(concepts: int, photos: int, size: int, *, seed: int, out: Path, console: Console) -> None:
    """Write ``OUT/photos/<concept>/<number>.jpg`` and ``metadata.jsonl``; alpha, boxes and words under ``OUT/truth``.

    Raises:
        UsageError: TOYBOX_EXISTS where `out` holds photos already.
    """
    if (out / "photos").exists():
        raise UsageError(
            "TOYBOX_EXISTS", "holds photos already", where=str(out), fix="name another folder, or remove this one"
        )
    lines, truths = [], []
    progress = console.progress("toybox", concepts * photos)
    for number in range(concepts):
        concept = draw_concept(seed, number)
        for shot in range(photos):
            picture, scene = photograph(concept, derive(seed, "toybox", "shot", number, shot), size)
            name = f"{concept.name}/{shot:02d}.jpg"
            _write(out, name, picture)
            facts = _facts(concept, scene, picture)
            named = {"class": concept.class_name, "license": LICENSE, "caption": facts["caption"]}
            lines.append(json.dumps({"file_name": name, **named}))
            truths.append(json.dumps({"file_name": name, **facts}))
        progress.advance(photos)
    progress.close()
    (out / "photos" / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (out / "truth" / "truth.jsonl").write_text("\n".join(truths) + "\n", encoding="utf-8")
    console.result(
        {"out": str(out), "concepts": concepts, "photos": concepts * photos},
        [
            f"{concepts} concepts, {concepts * photos} photos of {size} px",
            f"  {out}/photos   {out}/truth",
            f"next: mycanvas compose micro --photos {quote(str(out / 'photos'))} --samples 64 --out out/toys",
        ],
    )


def _write(out: Path, name: str, picture: Picture) -> None:
    photo, alpha = out / "photos" / name, (out / "truth" / name).with_suffix(".png")
    for path in (photo, alpha):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.image).save(photo, quality=95, subsampling=0)
    Image.fromarray(picture.layers[0]).save(alpha)


def _facts(concept: ToyConcept, scene: str, picture: Picture) -> dict[str, Any]:
    return {
        **asdict(concept),
        "scene": scene,
        "box": [round(value, 5) for value in picture.boxes[0]],
        "caption": full_caption([concept.description], dict(SCENES)[scene]),
    }
