"""Photos of Toybox concepts, and pictures of several that are true: what a perfect model would draw."""

import json

import numpy as np

from engine.photos.images import encode_jpeg
from engine.toybox.concepts import draw_concept
from engine.toybox.studio import assemble, photograph, place, standing_box, view

SIDE = 192


def toys(*classes, seed=77):
    return [draw_concept(seed, number, name) for number, name in enumerate(classes)]


def write_photos(folder, concepts, numbers):
    """Photos of each concept, a folder for each, with their classes."""
    lines = []
    for concept in concepts:
        (folder / concept.name).mkdir(parents=True, exist_ok=True)
        for number in numbers:
            picture, _ = photograph(concept, 1000 * number + 7, SIDE)
            name = f"{concept.name}/{number:02d}.jpg"
            (folder / name).write_bytes(encode_jpeg(picture.image))
            lines.append(
                {"file_name": name, "class": concept.class_name, "concept": concept.name, "license": "CC0-1.0"}
            )
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def together(concepts, seed=5, scene="snow", side=SIDE):
    """The concepts side by side in a scene, HxWx3."""
    where = place(scene, seed, side)
    shown = [view(concept, seed + number, 120, sun=where.sun) for number, concept in enumerate(concepts)]
    feet = np.linspace(0.27, 0.73, len(concepts)) if len(concepts) > 1 else [0.5]
    boxes = [standing_box(toy, 0.42, (float(x), 0.85)) for toy, x in zip(shown, feet, strict=True)]
    return assemble(where, shown, boxes).image
