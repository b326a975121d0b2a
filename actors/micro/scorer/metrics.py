"""How a CLIP is measured on held-out Toybox pictures, through the backend that scores compositions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from actors.score.clip import ClipScorer
from engine.rows.values import Pixels
from engine.seeds import rng
from engine.toybox import CLASSES, SCENES
from engine.toybox.sets import ToySet

GROUP = 64
GROUPS = 8
CLASS_TEXT, SCENE_TEXT = "a photo of a {}", "a photo {}"


def class_zero_shot(scorer: ClipScorer, photos: ToySet) -> float:
    """Share of photos of one toy that are nearest to the name of their class."""
    found = _nearest(scorer, _pictures(photos), [CLASS_TEXT.format(name) for name in CLASSES])
    return float((found == photos.classes[:, 0]).mean())


def scene_zero_shot(scorer: ClipScorer, pictures: ToySet) -> float:
    """Share of pictures that are nearest to the phrase of their scene."""
    found = _nearest(scorer, _pictures(pictures), [SCENE_TEXT.format(phrase) for _, phrase in SCENES])
    return float((found == pictures.scenes).mean())


def caption_metrics(scorer: ClipScorer, pictures: ToySet, seed: int) -> tuple[float, float]:
    """Recall at 1 of the own caption among 64, and the area under the curve of matching against shuffled captions.

    Pictures are dealt into groups of 64; an equal caption of another picture counts as the own one.
    """
    captions = [pictures.full_caption(index) for index in range(len(pictures))]
    images, texts = scorer.embed_images(_pictures(pictures)), scorer.embed_texts(captions)
    draw = rng(seed, "scorer", "groups")
    order = np.concatenate([draw.permutation(len(captions)) for _ in range(-(-GROUPS * GROUP // len(captions)))])
    hits = []
    for start in range(0, len(order) - GROUP + 1, GROUP):
        group = order[start : start + GROUP]
        best = group[(images[group] @ texts[group].T).argmax(1)]
        hits += [captions[own] == captions[other] for own, other in zip(group, best, strict=True)]
    matching = (images * texts).sum(1)
    shifted = np.roll(draw.permutation(len(captions)), 1)  # among distinct captions, few keep their own
    other = np.array([captions[a] != captions[b] for a, b in enumerate(shifted)])
    return float(np.mean(hits)), area_under_curve(matching, (images * texts[shifted]).sum(1)[other])


def area_under_curve(positive: NDArray[np.float32], negative: NDArray[np.float32]) -> float:
    """The chance that a positive value is above a negative one; ties count half (Mann and Whitney 1947)."""
    difference = positive[:, None] - negative[None]
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


def _nearest(scorer: ClipScorer, pictures: Sequence[Pixels], texts: Sequence[str]) -> NDArray[np.intp]:
    likeness: NDArray[np.float32] = scorer.embed_images(pictures) @ scorer.embed_texts(texts).T
    return np.asarray(likeness.argmax(1))


def _pictures(toys: ToySet) -> list[Pixels]:
    return [np.array(image) for image in toys.images]
