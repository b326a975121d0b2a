"""What the layout model learns from: questions about random casts, answered by the solver.

Several of the solver's layouts are straightened and compared; the one with the most room to every rule is the answer,
so that what a small model gets slightly wrong is still allowed. Objects that are whole are asked from left to right:
which of the many good orders was drawn then need not be guessed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import permutations
from pathlib import Path

import numpy as np

from engine.errors import SampleError
from engine.geometry import Box, min_area
from engine.photos.library import CutoutInfo
from engine.rows.composition import Placement
from engine.seeds import derive, rng
from planners.chat.layout_answer import parse
from planners.chat.layout_brief import brief_answer, brief_request
from planners.compose.layout import solve
from planners.compose.layout_rules import PLACES, perspective, visible_fractions
from planners.compose.sizes import METRES, WIDEST_RANGE, real_size

VERSION = 5
"""Raised when other examples come of the same seed, so that stored ones are not taken for them."""
CHOICES = 2
"""Layouts of which the answer is chosen."""
COUNTS = (0.03, 0.30, 0.30, 0.27, 0.10)
CUTS = ((), ("bottom",), ("left",), ("right",), ("bottom", "left"), ("bottom", "right"))
CUT_CHANCES = (0.9, 0.03, 0.025, 0.025, 0.01, 0.01)
MOST_CUT = 2
GROUND = 0.2, 0.72
PARTS = 8
_NAMES = 64  # names drawn to find one that fits the others in size


Texts = list[tuple[str, str]]
"""Questions and their answers."""


@dataclass(frozen=True, slots=True)
class CorpusExample:
    """A question of `planners.chat.layout_brief.brief_request` and its answer."""

    cast: tuple[CutoutInfo, ...]
    ground_line: float
    question: str
    answer: str


def open_texts(
    folder: Path, seed: int, count: int, classes: Sequence[str], *, share: tuple[int, int], wait: Callable[[], None]
) -> Texts:
    """About `count` examples, made once and kept in ``layouts_*.npz``; eight milliseconds each.

    Args:
        folder: where they are kept.
        seed: of the corpus.
        count: seeds that are tried; a few in a thousand have no answer.
        classes: as in `example`.
        share: number of this process, and how many there are: each makes its part of the files.
        wait: returns when every process has called it.
    """
    marks = blake2b("|".join([str(VERSION), str(seed), str(count), *classes]).encode(), digest_size=4).hexdigest()
    paths = [folder / f"layouts_{marks}_{part}.npz" for part in range(PARTS)]
    for part, path in enumerate(paths):
        if part % share[1] == share[0] and not path.exists():
            _make(path, [derive(seed, "planner", "example", number) for number in range(part, count, PARTS)], classes)
    wait()
    return [text for path in paths for text in _read(path)]


def _make(path: Path, seeds: Sequence[int], classes: Sequence[str]) -> None:
    found = [made for made in (example(seed, classes) for seed in seeds) if made is not None]
    lines = "\n".join(f"{made.question}\t{made.answer}" for made in found)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"_{path.name}")
    np.savez_compressed(unfinished, text=np.frombuffer(lines.encode(), np.uint8))
    os.replace(unfinished, path)  # noqa: PTH105 - one call, atomic on every platform


def _read(path: Path) -> Texts:
    with np.load(path, allow_pickle=False) as file:
        lines = file["text"].tobytes().decode().split("\n")
    return [(question, answer) for question, _, answer in (line.partition("\t") for line in lines) if answer]


def held_out(seed: int, number: int, classes: Sequence[str]) -> CorpusExample:
    """Question `number` of a test: 2 to 4 of `classes` in any order. The answer is empty: many are right."""
    draw = rng(derive(seed, "planner", "held out", number), "planner", "question")
    ground_line = round(float(draw.uniform(*GROUND)), 3)
    cast = random_cast(draw, classes, int(draw.integers(2, 5)))
    return CorpusExample(cast, ground_line, brief_request(cast, ground_line).prompt, "")


def example(seed: int, classes: Sequence[str], *, fewest: int = 1, most: int = 5) -> CorpusExample | None:
    """A random cast with the solver's answer, straightened; None where there is none that passes the parser.

    Args:
        seed: one example a seed.
        classes: half of all casts are drawn from these, half from the table of real sizes.
        fewest: objects, at least.
        most: objects, at most 5.
    """
    draw = rng(seed, "planner", "question")
    count = int(draw.choice(np.arange(1, 6), p=COUNTS))
    cast = random_cast(draw, classes if draw.random() < 0.5 else tuple(METRES), min(max(count, fewest), most))
    ground_line = round(float(draw.uniform(*GROUND) if draw.random() < 0.9 else draw.uniform(0.0, 0.85)), 3)
    return _roomiest(seed, cast, ground_line)


def random_cast(draw: np.random.Generator, classes: Sequence[str], count: int) -> tuple[CutoutInfo, ...]:
    """Cut-outs of classes that can be pictured together, of any shape, a tenth of them cut off by their photo."""
    names = [str(name) for name in draw.choice(np.array(classes), size=_NAMES)]
    chosen: list[str] = []
    for name in names:
        metres = [size for size in (real_size(each) for each in [*chosen, name]) if size is not None]
        if len(chosen) < count and (not metres or max(metres) <= WIDEST_RANGE * min(metres)):
            chosen.append(name)
    aspects = np.exp(np.clip(draw.normal(0.0, 0.5 if draw.random() < 0.8 else 0.9, count), np.log(0.2), np.log(5.0)))
    cuts = [CUTS[int(draw.choice(len(CUTS), p=CUT_CHANCES))] for _ in range(count)]
    cuts = [cut if sum(map(bool, cuts[: number + 1])) <= MOST_CUT else () for number, cut in enumerate(cuts)]
    return tuple(
        CutoutInfo(
            cutout_id=str(number),
            concept=name,
            class_name=name,
            license="",
            source_sha256="",
            width=round(1000 * float(aspect)),
            height=1000,
            cut_borders=cut,
        )
        for number, (name, aspect, cut) in enumerate(zip(chosen, aspects, cuts, strict=False))
    )


def room(placements: Sequence[Placement], ground_line: float) -> float:
    """How far a layout is from breaking a rule: 0 at a rule, 1 where nothing is near one."""
    ordered = sorted(placements, key=lambda item: item.order)
    boxes = [Box(*item.box) for item in ordered]
    bases = np.array([box.y1 for box in boxes])
    seen = np.array([item.relative_size for item in ordered]) * perspective(bases, ground_line, 1.0)
    scales = [max(box.width, box.height) / size for box, size in zip(boxes, seen, strict=True)]
    floor = 1.2 * min_area(len(boxes))
    ratios = [
        scales[large] / scales[small]
        for large, small in permutations(range(len(boxes)), 2)
        if boxes[large].area > 0.8 * floor
    ]
    sides = [min(box.x0, 1 - box.x1) for box in boxes if box.x0 > 0 and box.x1 < 1]
    return min(
        1 - float(np.log2(max([1.0, *ratios]))),
        (min(visible_fractions(ordered)) - 0.7) / 0.3,
        min([0.04, *sides]) / 0.04,
        min(0.05, float(bases.min()) - ground_line) / 0.05,
    )


def _roomiest(seed: int, cast: Sequence[CutoutInfo], ground_line: float) -> CorpusExample | None:
    """Of several of the solver's layouts, straightened, the one with the most room; None where none is allowed."""
    found: list[tuple[float, CorpusExample]] = []
    for choice in range(CHOICES):
        try:
            layout = solve(derive(seed, "planner", choice), cast, ground_line)
        except SampleError:
            return None
        if any(item.support != PLACES[0] for item in layout):
            continue
        ordered = _left_to_right(cast, layout)
        answer = brief_answer(layout, ordered, ground_line)
        try:
            placements = parse(answer, ordered, ground_line)
        except SampleError:
            continue
        made = CorpusExample(ordered, ground_line, brief_request(ordered, ground_line).prompt, answer)
        found.append((room(placements, ground_line), made))
    return max(found, key=lambda each: each[0])[1] if found else None


def _left_to_right(cast: Sequence[CutoutInfo], layout: Sequence[Placement]) -> tuple[CutoutInfo, ...]:
    """The cast with its whole objects in the order in which they stand; cut ones keep their places in the list."""
    middles = {item.cutout_id: item.box[0] + item.box[2] for item in layout}
    whole = iter(sorted((item for item in cast if not item.cut_borders), key=lambda item: middles[item.cutout_id]))
    return tuple(item if item.cut_borders else next(whole) for item in cast)
