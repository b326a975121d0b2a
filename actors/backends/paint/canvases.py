"""What every inpainting backend does with canvases: what it begins with, what it hands back, how many at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import cast, final

import numpy as np
import torch
from numpy.typing import NDArray

from engine.compose.paste import over
from engine.errors import EnvironmentProblem, SampleError, UsageError
from engine.rows.composition import Composition
from engine.rows.values import Pixels
from engine.seeds import derive

log = logging.getLogger(__name__)

Paint = Callable[[Sequence[Composition]], NDArray[np.float32]]
FLAT = 2 / 255  # a picture whose values span less holds nothing
TILE, DARK = 64, 48  # px; of 255, a mean below which black may be what was painted


@final
class Halving:
    """Paints rows in batches that fit the GPU: after an out-of-memory the batch is half as large, for good.

    Args:
        paint: rows to NxHxWx3 in 0..1; all canvases of a call have one size.
        model: for the message.
        again: the same with more digits, for a row that came out blank; None where there are no more.
    """

    def __init__(self, paint: Paint, model: str, again: Paint | None = None) -> None:
        self._paint, self._model, self._again = paint, model, again
        self.most = 1_000_000  # rows a call

    def __call__(self, rows: Sequence[Composition]) -> list[Pixels | SampleError]:
        """One HxWx3 picture a row, or PAINT_BLANK in its place.

        Raises:
            EnvironmentProblem: GPU_MEMORY where not even one row fits the GPU.
        """
        painted: list[Pixels | SampleError] = []
        while len(painted) < len(rows):
            batch = rows[len(painted) : len(painted) + self.most]
            values = self._attempt(batch)
            if values is not None:
                painted += [to_pixels(value, row) for value, row in zip(values, batch, strict=True)]
        return [self._once_more(row, answer) for row, answer in zip(rows, painted, strict=True)]

    def _once_more(self, row: Composition, answer: Pixels | SampleError) -> Pixels | SampleError:
        """A blank picture painted with more digits, where there are more; it stays blank where they do not fit."""
        if self._again is None or not isinstance(answer, SampleError):
            return answer
        try:
            return to_pixels(self._again([row])[0], row)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            return answer

    def _attempt(self, rows: Sequence[Composition]) -> NDArray[np.float32] | None:
        """The pictures, or None after the limit on rows was lowered: the failed call's memory is then free again."""
        try:
            return self._paint(rows)
        except torch.cuda.OutOfMemoryError as error:
            if len(rows) == 1:
                raise EnvironmentProblem(
                    "GPU_MEMORY",
                    f"one canvas of {self._model} does not fit the GPU",
                    why=str(error).splitlines()[0],
                    fix="give the stage a whole GPU, a smaller canvas, or a larger GPU",
                ) from None
        self.most = len(rows) // 2
        log.warning("out of GPU memory with %d canvases at once: going on with %d", len(rows), self.most)
        torch.cuda.empty_cache()
        return None


def quicken(net: torch.nn.Module, device: torch.device, *, compiled: bool) -> None:
    """Give a denoiser the memory layout that convolutions of GPUs want, and have it compiled on its first call.

    Not on a CPU: sums would have another order, and the same row other bytes than before.
    """
    if device.type == "cuda":
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if compiled:
        net.compile(dynamic=False)  # one graph for each batch size: units have one, and what is left over another


def canvas_size(row: Composition, multiple: int) -> tuple[int, int]:
    """Height and width of a row's canvas.

    Raises:
        UsageError: CANVAS_SIZE where one is no multiple of what the model can paint.
    """
    height, width = cast("Pixels", row.background).shape[:2]
    if height % multiple or width % multiple:
        raise UsageError(
            "CANVAS_SIZE",
            f"the canvas of this model must be a multiple of {multiple} px, not {width} x {height}",
            fix="--set size=1024, or another multiple",
        )
    return height, width


def start(row: Composition) -> Pixels:
    """What painting begins with: the objects over the background."""
    return over(cast("Pixels", row.foreground), cast("Pixels", row.background))


def noise(rows: Sequence[Composition]) -> list[torch.Generator]:
    """A generator for each row, on the CPU: its noise is the same on every GPU and in every batch."""
    return [torch.Generator("cpu").manual_seed(derive(row.seed, "inpaint", "latents")) for row in rows]


def _has_black_tile(values: NDArray[np.float32], canvas: Pixels) -> bool:
    """Whether a tile is all black where the canvas that painting began with is not dark: a decoder overflowed in it."""
    height, width = (side // TILE * TILE for side in values.shape[:2])
    tiled = (height // TILE, TILE, width // TILE, TILE)
    lightest = values[:height, :width].max(axis=2).reshape(tiled).max(axis=(1, 3))
    before = canvas[:height, :width].max(axis=2).reshape(tiled).mean(axis=(1, 3))
    return bool(((lightest == 0) & (before > DARK)).any())


def to_pixels(values: NDArray[np.float32], row: Composition) -> Pixels | SampleError:
    """HxWx3 in 0..1 as 8 bits, or PAINT_BLANK."""
    if not np.isfinite(values).all() or float(np.ptp(values)) < FLAT or _has_black_tile(values, start(row)):
        return SampleError(
            "PAINT_BLANK",
            "the inpainting model returned an empty picture",
            where=row.sample_id,
            why="its numbers overflowed, every pixel has one colour, or a part of it is black that was not",
        )
    return np.rint(values * 255).astype(np.uint8)
