"""The models that ship, through the backends that run the large ones, on toys that no training saw."""

from pathlib import Path

import numpy as np
import pytest

from actors.backends.dinov2 import DinoV2
from actors.backends.isnet import IsNetSegmenter
from actors.backends.open_clip import OpenClip
from actors.backends.owlvit import OwlVit
from actors.score import ClipSpec
from actors.weights import SHIPPED_FOLDER, local_weights
from engine.paste import over
from engine.seeds import rng
from engine.toybox import CLASSES
from engine.toybox.captions import with_article
from engine.toybox.concepts import draw_concept
from engine.toybox.studio import assemble, photograph, place, spread, view

SEED = 977  # of no training set
PARTS = ("segmenter", "scorer", "identity", "detector", "painter", "generator", "planner")
LIMIT = 64_000_000  # bytes


@pytest.fixture(scope="module")
def shots():
    """One photo of a toy of every second class."""
    concepts = [draw_concept(SEED, number) for number in range(0, len(CLASSES), 2)]
    return [(concept, photograph(concept, 5 + number, 256)[0]) for number, concept in enumerate(concepts)]


def test_the_family_is_whole_and_small():
    folder = SHIPPED_FOLDER / "micro"
    assert {path.name for path in folder.iterdir() if path.is_dir()} - {"autoencoder"} == set(PARTS)
    sizes = [path.stat().st_size for part in PARTS for path in (folder / part).rglob("*") if path.is_file()]
    assert sum(sizes) <= LIMIT


@pytest.mark.parametrize("part", PARTS)
def test_every_part_passes_the_door_and_states_its_licence(part):
    folder = local_weights(f"shipped:micro/{part}")
    assert "license: apache-2.0" in (Path(folder) / "README.md").read_text()
    assert not [path for path in folder.rglob("*") if path.suffix in {".bin", ".pt", ".pth", ".pkl"}]


def test_the_segmenter_finds_the_toy(shots):
    segmenter = IsNetSegmenter("shipped:micro/segmenter")
    found = []
    for _, picture in shots[:8]:
        mine, true = segmenter(picture.image).alpha >= 128, picture.layers[0] >= 128
        found.append((mine & true).sum() / (mine | true).sum())
    assert np.mean(found) > 0.9


def test_the_scorer_names_the_toy(shots):
    scorer = OpenClip(ClipSpec(model="shipped:micro/scorer"))
    texts = scorer.embed_texts([f"a photo of {with_article(name)}" for name in CLASSES])
    images = scorer.embed_images([picture.image for _, picture in shots])
    named = [CLASSES[number] for number in (images @ texts.T).argmax(1)]
    assert np.mean([name == concept.class_name for name, (concept, _) in zip(named, shots, strict=True)]) >= 0.75


def test_identity_tells_a_toy_from_others_of_its_class():
    toys = [draw_concept(SEED, 3 + number * len(CLASSES)) for number in range(8)]
    grey = np.full((128, 128, 3), 128, np.uint8)

    def seen(toy, seed):
        sprite = view(toy, seed, 120, sun=0.8)
        canvas = np.zeros((128, 128, 4), np.uint8)
        canvas[: sprite.shape[0], : sprite.shape[1]] = sprite[:128, :128]
        return over(canvas, grey)

    model = DinoV2("shipped:micro/identity")
    first, second = (model.embed_images([seen(toy, seed) for toy in toys]) for seed in (1, 2))
    assert np.mean((first @ second.T).argmax(1) == np.arange(8)) >= 0.85


def test_the_detector_finds_what_was_asked_for():
    model = OwlVit("shipped:micro/detector")
    found = wanted = 0
    for number in range(6):
        draw = rng(SEED, "scene", str(number))
        toys = [draw_concept(SEED, int(choice)) for choice in draw.choice(400, 3, replace=False)]
        where = place("studio" if number % 2 else "beach", number, 256)
        sprites = [view(toy, number, 150, sun=where.sun) for toy in toys]
        picture = assemble(where, sprites, spread(draw, sprites, where.ground_line))
        names = [toy.class_name for toy in toys]
        boxes = model.detect([picture.image], [names])[0]
        for label, true in enumerate(picture.boxes):
            wanted += 1
            found += any(
                _iou(box, true) >= 0.5 and names[int(own)] == names[label]
                for box, own in zip(boxes.boxes, boxes.labels, strict=True)
            )
    assert found / wanted >= 0.75


def _iou(a, b):
    wide = min(a[2], b[2]) - max(a[0], b[0])
    tall = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(tall, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
