"""Cut-outs without pixels, for planners."""

import numpy as np

from engine.photos.backgrounds import Background
from engine.photos.library import CutoutInfo
from planners.compose.sizes import METRES

BEACH = Background(background_id="b", scene="beach", phrase="on the beach", ground_line=0.45, license="CC0-1.0")
TABLE = Background(background_id="t", scene="table", phrase="on a wooden table", ground_line=0.5, license="CC0-1.0")


def cutout(class_name, aspect=1.0, borders=(), concept=None, key=None, ensemble=""):
    concept = concept or class_name
    return CutoutInfo(
        cutout_id=key or f"{concept}-0",
        concept=concept,
        class_name=class_name,
        license="CC0-1.0",
        source_sha256="00",
        width=round(1000 * aspect),
        height=1000,
        cut_borders=tuple(borders),
        ensemble=ensemble,
    )


def library(*cutouts):
    return {item.cutout_id: item for item in cutouts}


def random_library(concepts, each=3):
    """Concepts of random classes and shapes from 1:5 to 5:1; a fifth of the cut-outs is cut off somewhere."""
    draw = np.random.default_rng(0)
    classes = sorted(METRES)
    found = []
    for number in range(concepts):
        class_name = classes[draw.integers(len(classes))]
        for photo in range(each):
            borders = [(), (), (), (), ("bottom",), ("left",), ("right", "bottom"), ("top",)][draw.integers(8)]
            aspect = float(np.exp(draw.uniform(-np.log(5), np.log(5))))
            name = f"{class_name}{number}"
            found.append(cutout(class_name, aspect, borders, concept=name, key=f"{number:05d}-{photo}"))
    return library(*found)
