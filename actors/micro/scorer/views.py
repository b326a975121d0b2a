"""What the scorer sees in training: whole pictures with their captions, and single toys, cropped or cut out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actors.micro.views import around, on_color, random_window, relit, render_view, stack_pictures
from engine.rows.values import Pixels
from engine.toybox import CLASSES
from engine.toybox.sets import ToySet

GROUP_SHARE = 0.5  # of the whole pictures
GREY_SHARE = 0.5  # of the single toys: cut out, on the grey of reference cut-outs; the rest with their background
FULL_SHARE = 0.4  # of the captions: those that compositions get
SLACKS = 0.15, 2.5  # of its box around a toy that stands alone: up close alone it was not known again from afar
CLOSE = 0.4  # share of the way to the widest window before windows begin to widen
GREY = 128


@dataclass(frozen=True, slots=True)
class CaptionBatch:
    """Pictures and what is true of them.

    `pixels` Bx3xSxS in 0..1, the W whole pictures first; `captions` of those W; `classes` BxC, rows sum to 1; `scenes`
    W numbers of scenes.
    """

    pixels: Tensor
    captions: list[str]
    classes: Tensor
    scenes: Tensor


@final
class ScorerViews:
    """Draws batches from photos and groups of toys."""

    def __init__(self, photos: ToySet, groups: ToySet, side: int, device: torch.device) -> None:
        self.sets, self.side, self.device = (photos, groups), side, device

    def batch(self, draw: np.random.Generator, count: int, share: float, progress: float = 1.0) -> CaptionBatch:
        """A batch of `count` pictures, `share` of them whole, the rest single toys.

        At a `progress` of 0 single toys are seen up close, at 1 as small as in whole photos.
        """
        widest = SLACKS[0] * (SLACKS[1] / SLACKS[0]) ** max((progress - CLOSE) / (1 - CLOSE), 0.0)
        whole = round(count * share)
        pictures: list[Pixels] = []
        classes: list[NDArray[np.float32]] = []
        captions, places = [], []
        for number in range(count):
            toys = self.sets[int(draw.random() < GROUP_SHARE)]
            index = int(draw.integers(len(toys)))
            mirrored = bool(draw.random() < 0.5)
            if number < whole:
                pictures.append(
                    render_view(toys.images[index], random_window(draw, 0.85), self.side, mirrored=mirrored)
                )
                full = draw.random() < FULL_SHARE
                captions.append(toys.full_caption(index) if full else toys.caption(index, draw))
                places.append(int(toys.scenes[index]))
                classes.append(_shares(toys.classes[index]))
            else:
                toy = int(draw.integers(int(toys.counts[index])))
                pictures.append(self._single(toys, index, toy, draw, widest, mirrored=mirrored))
                classes.append(_shares(toys.classes[index, toy : toy + 1]))
        return CaptionBatch(
            pixels=relit(stack_pictures(pictures, self.device), draw, 0.2),
            captions=captions,
            classes=torch.from_numpy(np.stack(classes)).to(self.device),
            scenes=torch.tensor(places, device=self.device),
        )

    def _single(
        self, toys: ToySet, index: int, toy: int, draw: np.random.Generator, widest: float, *, mirrored: bool
    ) -> Pixels:
        """One toy of a picture through its box; cut out only where no other toy has a part in the mask."""
        alone = int(toys.counts[index]) == 1
        slack = float(np.exp(draw.uniform(*np.log((SLACKS[0], widest))))) if alone else SLACKS[0]
        window = around(toys.boxes[index, toy], draw, slack)
        picture = render_view(toys.images[index], window, self.side, mirrored=mirrored)
        if alone and draw.random() < GREY_SHARE:
            mask = render_view(toys.masks[index], window, self.side, mirrored=mirrored)
            return on_color(picture, mask, (GREY, GREY, GREY))
        return picture


def _shares(classes: NDArray[np.int16]) -> NDArray[np.float32]:
    """What part of a picture's toys is of each class."""
    shares = np.bincount(classes[classes >= 0], minlength=len(CLASSES)).astype(np.float32)
    return shares / max(float(shares.sum()), 1.0)
