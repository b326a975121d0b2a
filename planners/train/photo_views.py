"""How a photo of one concept is shown to a training: near, far or as it is (Custom Diffusion's augmentation, 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.seeds import rng

FAR: Final = ("a far away", "very small")
NEAR: Final = ("zoomed in", "close up")
_FAR_BELOW = 0.6  # of the side: smaller photos stand somewhere on an empty canvas


@dataclass(frozen=True, slots=True)
class PhotoView:
    """A square view of a square photo, in shares of the canvas.

    Attributes:
        scale: side of the photo; below 1 it stands on an empty canvas, above 1 a part of it fills the canvas.
        left, top: where the photo stands, or where the part begins in the scaled photo.
        words: what the prompt says of it, may be empty.
        flip: whether it is mirrored.
    """

    scale: float
    left: float
    top: float
    words: str
    flip: bool

    def trained_box(self, margin: float) -> tuple[float, float, float, float]:
        """Where the loss counts: the photo without `margin` on each side, that of a latent pixel; (x0, y0, x1, y1)."""
        if self.scale >= 1:
            return 0.0, 0.0, 1.0, 1.0
        return self.left + margin, self.top + margin, self.left + self.scale - margin, self.top + self.scale - margin


def draw_view(seed: int, draw: str, *, augment: bool, flip: bool) -> PhotoView:
    """The view of one row at one step.

    Two of three are drawn from U(1/3, 1), of which those from 0.6 on are shown whole; the third from U(1.2, 1.4).

    Args:
        seed: root seed of the training.
        draw: which row at which step.
        augment: False shows the photo whole: for faces.
        flip: whether half of the views are mirrored.
    """
    random = rng(seed, "photo view", draw)
    mirrored = bool(flip and random.random() < 0.5)
    if not augment:
        return PhotoView(1.0, 0.0, 0.0, "", mirrored)
    scale = random.uniform(1 / 3, 1) if random.random() < 2 / 3 else random.uniform(1.2, 1.4)
    if scale < _FAR_BELOW:
        left, top = random.uniform(0, 1 - scale, 2)
        return PhotoView(scale, float(left), float(top), str(random.choice(FAR)), mirrored)
    if scale > 1:
        left, top = random.uniform(0, scale - 1, 2)
        return PhotoView(scale, float(left), float(top), str(random.choice(NEAR)), mirrored)
    return PhotoView(1.0, 0.0, 0.0, "", mirrored)
