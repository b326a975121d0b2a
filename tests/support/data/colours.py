"""A composition of squares of one colour, and models that see colours and nothing else."""

import numpy as np

from engine.compose.paste import over, paste
from engine.metrics.detection import Detections
from engine.photos.images import encode_jpeg
from engine.photos.library import CutoutInfo, Library, PixelCache
from engine.rows.composition import Composition, Placement
from engine.rows.values import Model
from engine.storage.open_store import open_store

SIZE = 96
COLORS = {"cat-1": (220, 120, 20), "cat-2": (200, 110, 30), "cup-1": (30, 60, 210), "cup-2": (40, 70, 190)}


class ColorScorer:
    """A scorer whose embedding is the mean colour: exact, and as blind as a real one to everything else."""

    model = Model(name="mean colour", revision="1", license="CC0-1.0")

    def embed_images(self, images):
        means = [np.asarray(image, np.float32).reshape(-1, 3).mean(0) - 128 for image in images]
        return _unit(np.reshape(means, (-1, 3)))

    def embed_texts(self, texts):
        return _unit(np.asarray([[len(text), 1.0, 0.0] for text in texts], np.float32))


def _unit(rows):
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)).astype(np.float32)


def colour_library(folder):
    """Two cats and two cups, each a square of one colour."""
    infos, cache = {}, PixelCache()
    for key, color in COLORS.items():
        concept = key.split("-", maxsplit=1)[0]
        infos[key] = CutoutInfo(
            cutout_id=key,
            concept=concept,
            class_name=concept,
            license="CC0-1.0",
            source_sha256=f"sha-{key}",
            width=20,
            height=20,
        )
        cache.keep(key, np.full((20, 20, 4), (*color, 255), np.uint8))
    return Library(open_store(str(folder)), infos, {}, cache)


def composed(library):
    """A cup, and before it a cat."""
    far = Placement(
        cutout_id="cup-1", box=(0.1, 0.3, 0.5, 0.7), flip=False, order=0, support="ground", relative_size=1.0
    )
    near = Placement(
        cutout_id="cat-1", box=(0.45, 0.4, 0.9, 0.9), flip=True, order=1, support="ground", relative_size=0.8
    )
    background = np.full((SIZE, SIZE, 3), 128, np.uint8)
    pasted = paste(background, [library.pixels("cup-1"), library.pixels("cat-1")], [far, near])
    return Composition(
        sample_id="0",
        unit_id=0,
        seed=1,
        concepts=("cat", "cup"),
        cast=("cat-1", "cup-1"),
        placements=(far, near),
        foreground=pasted.foreground,
        layers=pasted.layers,
        image=encode_jpeg(over(pasted.foreground, background)),
        caption="a cat and a cup on a table",
        background_prompt="on a table",
        color_gains=tuple(tint.gain for tint in pasted.tints),
        color_offsets=tuple(tint.offset for tint in pasted.tints),
    )


class ScriptedDetector:
    """Finds what it is told to; remembers what it was asked for."""

    model = Model(name="scripted", revision="1", license="CC0-1.0")
    threshold = 0.5

    def __init__(self, *boxes):
        self.boxes, self.asked = boxes, []

    def detect(self, images, queries):
        self.asked += [list(names) for names in queries]
        return [
            Detections(
                np.asarray([box for box, _, _ in self.boxes], np.float32).reshape(-1, 4),
                np.asarray([score for _, score, _ in self.boxes], np.float32),
                np.asarray([names.index(name) for _, _, name in self.boxes], np.int64),
            )
            for names in queries
        ]
