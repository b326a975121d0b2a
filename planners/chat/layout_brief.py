"""The layout as a short question for models that were trained on it: every size is worked out, places are asked for.

A twentieth of the tokens of `planners.chat.layout_prompt.request`, integers in hundredths of the canvas. Asked with
sizes in thousandths and no rows, a model of 1.8 million parameters broke a rule in half of its answers: it guessed
digits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.photos.library import CutoutInfo
from engine.rows.composition import Placement
from planners.chat.layout_answer import brief_schema
from planners.chat.question import Question, spotlight
from planners.compose.ground_rows import HUNDRED, Stand, bound, left_to_right, stand_of


def brief_request(cast: Sequence[CutoutInfo], ground_line: float | None) -> Question:
    """Ask for way and row of each, a `BriefAnswer`.

    ``{"rows":[62,79,97],"gap":12,"0":["cat",22,31,38,"left"],"1":["mug",15,21,26]}``: the rows where things may
    stand, far to near; the space between neighbours, were all in the nearest row; for each place from left to right
    the class, its width in each row, and the sides at which its photo cut it off. Sizes are worked out here, since
    arithmetic is what small models cannot do; where things stand is theirs to say.
    """
    stand, order = stand_of(cast, ground_line), left_to_right(cast)
    question: dict[str, Any] = {"rows": list(stand.rows), "gap": stand.gap}
    for place, number in enumerate(order):
        question[str(place)] = [spotlight(cast[number].class_name), *stand.widths[number], *cast[number].cut_borders]
    return Question(json.dumps(question, ensure_ascii=False, separators=(",", ":")), brief_schema(len(cast)))


def brief_answer(layout: Sequence[Placement], cast: Sequence[CutoutInfo], ground_line: float | None) -> str:
    """A solver's layout as the answer that a model is taught: the nearest rows, equal gaps from side to side.

    Equal gaps leave nothing to guess: with the solver's own, which differ by chance, a model learns the likeliest
    digit of each number and not numbers that fit together. Ways depend on the question alone and not on the rows that
    are chosen, some of which are answered later: in a farther row, a thing stands within where it would in the nearest.

    Args:
        layout: of `cast`, everything on the ground.
        cast: in the order of the question's ids.
        ground_line: as in the question.
    """
    stand, order = stand_of(cast, ground_line), left_to_right(cast)
    bases = {item.cutout_id: item.box[3] for item in layout}
    chosen = [int(np.argmin([abs(row / HUNDRED - bases[info.cutout_id]) for row in stand.rows])) for info in cast]
    ways = _ways(stand, cast, order)
    return json.dumps(
        {str(place): [ways[place], chosen[number]] for place, number in enumerate(order)}, separators=(",", ":")
    )


def _ways(stand: Stand, cast: Sequence[CutoutInfo], order: Sequence[int]) -> list[int]:
    """How far along each is when all stand side by side at their largest; the last at most at the right edge."""
    at = 0 if bound(cast, order)[0] else stand.gap
    ways = []
    for number in order:
        width = stand.widths[number][-1]
        ways.append(min(round(HUNDRED * at / max(HUNDRED - width, 1)), HUNDRED))
        at += width + stand.gap
    return ways
