"""Toybox sets of a few pictures, painted in a second: backdrops' colours and one bright disc for each toy."""

import json
from pathlib import Path

import cv2
import numpy as np

from engine.seeds import rng
from engine.toybox import CLASSES, SCENES
from engine.toybox.sets import FACTS, TEST, TEST_GROUPS, TEST_INSTANCES, TEST_VIEWS


def make_toysets(folder: Path, count: int = 8) -> Path:
    """All four sets in the file format of `engine.toybox.sets`."""
    for number, name in enumerate(("photos", "groups", "photos_test", "groups_test")):
        arrays = _arrays(rng(number, "toysets"), count, toys=1 if name.startswith("photos") else 2)
        root = folder / name
        root.mkdir(parents=True)
        for key, values in arrays.items():
            np.save(root / f"{key}.npy", values)
        (root / FACTS).write_text(json.dumps({"seed": number}))
    return folder


def mark_test_sets(folder: Path) -> None:
    """The test sets as if they had been rendered, which takes a minute: for whoever does not look at a picture."""
    facts = {"seed": 1, "instances": TEST_INSTANCES, "views": TEST_VIEWS, "groups": TEST_GROUPS}
    for name in ("photos", "groups"):
        (folder / f"{name}{TEST}").mkdir(parents=True, exist_ok=True)
        (folder / f"{name}{TEST}" / FACTS).write_text(json.dumps(facts))


def _arrays(draw, count, toys):
    images = np.zeros((count, 256, 256, 3), np.uint8)
    masks = np.zeros((count, 256, 256), np.uint8)
    boxes = np.zeros((count, 5, 4), np.float32)
    classes, instances = np.full((count, 5), -1, np.int16), np.full((count, 5), -1, np.int32)
    for row in range(count):
        images[row] = draw.integers(0, 256, 3) * np.linspace(0.5, 1, 256)[:, None, None]
        for toy in range(toys):
            x, y, radius = (int(value) for value in draw.integers((50, 50, 20), (200, 200, 45)))
            colour = tuple(int(value) for value in draw.integers(0, 256, 3))
            cv2.circle(images[row], (x, y), radius, colour, -1)
            cv2.circle(masks[row], (x, y), radius, 255, -1)
            boxes[row, toy] = np.array([x - radius, y - radius, x + radius, y + radius]) / 256
            classes[row, toy], instances[row, toy] = draw.integers(len(CLASSES)), row
    return {
        "images": images, "masks": masks, "counts": np.full(count, toys, np.int8), "boxes": boxes, "classes": classes,
        "instances": instances, "scenes": (np.arange(count) % len(SCENES)).astype(np.int16),
    }  # fmt: skip
