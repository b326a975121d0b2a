"""A language model's answer as a layout: text in, placements out, nothing evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, final

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from engine.errors import SampleError
from engine.geometry import Box, contain
from engine.photos.library import CutoutInfo
from engine.rows.composition import Placement
from planners.chat.json_objects import json_objects
from planners.compose.ground_rows import HUNDRED, Stand, left_to_right, stand_of
from planners.compose.layout_rules import PLACES, placed_borders, problems, stands_on
from planners.compose.sizes import relative_sizes

GRID = 1000
FARTHEST = 9
LONGEST_ANSWER = 16 * 1024
_OVERFLOW = 10**12  # a number of any length must not end in an overflow

_Thousandths = Annotated[int, Field(ge=-_OVERFLOW, le=_OVERFLOW)]
Edges = Annotated[list[_Thousandths], Field(min_length=4, max_length=4)]
Feet = Annotated[list[_Thousandths], Field(min_length=2, max_length=2)]
_Id = Annotated[str, Field(pattern=r"^\d\d?$")]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


@final
class AnsweredObject(_Strict):
    """One object of an answer; the box is left, top, right, bottom in thousandths."""

    id: int = Field(ge=0, le=15)
    box: Edges
    support: str
    depth: int = Field(ge=0, le=FARTHEST)


@final
class Answer(_Strict):
    """The form that an answer must have."""

    objects: list[AnsweredObject] = Field(min_length=1, max_length=16)


@final
class BriefAnswer(RootModel[Annotated[dict[_Id, Feet], Field(min_length=1, max_length=16)]]):
    """The form of fine-tuned models: place -> [way, row]; all stand on the ground.

    Places count from left to right: 0 is the first of `listed`. With the cast's own ids, which what is cut off at a
    side puts out of order, one answer in ten of a small model named an id twice.
    The way goes from 0, at the left edge, to 100, at the right edge, as that of a background in CSS: whatever the
    width, nothing leaves the canvas. With middles, one answer in eight did.
    Row 0 is the farthest; what is beyond the last is the last. Bottom, width and height follow from
    `planners.compose.ground_rows`: a model of 1.8 million parameters that had to copy them broke a rule in three of ten
    answers.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    def objects(self, cast: Sequence[CutoutInfo], ground_line: float | None) -> list[AnsweredObject]:
        """The same answer in the long form, under the cast's ids. Places that the cast has not get no size."""
        stand, ids = stand_of(cast, ground_line), left_to_right(cast)
        return [
            _long_form(cast, stand, ids[int(place)], *feet)
            if int(place) < len(ids)
            else AnsweredObject(id=int(place), box=[0, 0, 0, 0], support=PLACES[0], depth=0)
            for place, feet in self.root.items()
        ]


def _long_form(cast: Sequence[CutoutInfo], stand: Stand, number: int, way: int, row: int) -> AnsweredObject:
    scale, row = GRID // HUNDRED, min(max(row, 0), len(stand.rows) - 1)
    width = stand.widths[number][row] * scale
    bottom = GRID if "bottom" in cast[number].cut_borders else stand.rows[row] * scale
    left = way * (GRID - width) // HUNDRED
    box = [left, bottom - round(width / cast[number].aspect), left + width, bottom]
    return AnsweredObject(id=number, box=box, support=PLACES[0], depth=0)


def answer_schema(count: int) -> dict[str, Any]:
    """JSON schema of an answer for `count` objects. Closed: every string is one of a list, no key may be added."""
    item = {
        "id": {"type": "integer", "enum": list(range(count))},
        "box": _numbers(4, GRID),
        "support": {"type": "string", "enum": [*PLACES, *(stands_on(other) for other in range(count))]},
        "depth": {"type": "integer", "minimum": 0, "maximum": FARTHEST},
    }
    many = {"type": "array", "items": _closed_object(item), "minItems": count, "maxItems": count}
    return _closed_object({"objects": many})


def brief_schema(count: int) -> dict[str, Any]:
    """JSON schema of a `BriefAnswer` for `count` objects: every place once, in order."""
    return _closed_object({str(place): _numbers(2, HUNDRED) for place in range(count)})


def _numbers(count: int, most: int) -> dict[str, Any]:
    number = {"type": "integer", "minimum": 0, "maximum": most}
    return {"type": "array", "items": number, "minItems": count, "maxItems": count}


def _closed_object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def parse(answer: str, cast: Sequence[CutoutInfo], ground_line: float | None) -> tuple[Placement, ...]:
    """The placements that an answer describes, farthest first.

    Raises:
        SampleError: those of `read`, and LAYOUT_RULES (the layout breaks a rule; `why` lists them).
    """
    placements = read(answer, cast, ground_line)
    broken = problems(placements, cast, ground_line)
    if broken:
        raise SampleError("LAYOUT_RULES", f"the answered layout breaks {len(broken)} rules", why="; ".join(broken))
    return placements


def read(answer: str, cast: Sequence[CutoutInfo], ground_line: float | None) -> tuple[Placement, ...]:
    """The placements that an answer describes, farthest first, whether or not they obey the rules.

    Code fences and prose around the JSON object are passed over. The true aspect is fitted into the answered box,
    standing on its bottom; cut sides are drawn to the edge of the canvas, mirrored where that edge is nearer. What
    has no place on the ground is sorted in by its depth.

    Raises:
        SampleError: LAYOUT_JSON (no answer of a form that is asked for), LAYOUT_IDS (not every object exactly once).
    """
    objects = sorted(_objects_of(answer, cast, ground_line), key=lambda item: item.id)
    if [item.id for item in objects] != list(range(len(cast))):
        raise SampleError(
            "LAYOUT_IDS", f"the answer must place ids 0 to {len(cast) - 1} once each", why=_shorten(answer)
        )
    return _placements(objects, cast)


def _objects_of(answer: str, cast: Sequence[CutoutInfo], ground_line: float | None) -> list[AnsweredObject]:
    """The objects of the first JSON object in the text that has the form of an answer."""
    data = answer.encode(errors="replace")
    if len(data) > LONGEST_ANSWER:
        raise SampleError("LAYOUT_JSON", f"the answer has {len(data):,} bytes, more than {LONGEST_ANSWER:,}")
    why = "it holds no complete {...}"
    for text in json_objects(data.decode()):
        try:
            if '"objects"' in text:
                return Answer.model_validate_json(text).objects
            return BriefAnswer.model_validate_json(text).objects(cast, ground_line)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            why = f"{'.'.join(str(part) for part in first['loc'])[:80]}: {first['msg'][:120]}"
    raise SampleError(
        "LAYOUT_JSON", "the answer is not JSON of the asked form", why=f"{why}; it began {_shorten(answer)}"
    )


def _box(item: AnsweredObject) -> Box:
    left, top, right, bottom = item.box
    return Box(left / GRID, top / GRID, right / GRID, bottom / GRID)


def _placements(answered: Sequence[AnsweredObject], cast: Sequence[CutoutInfo]) -> tuple[Placement, ...]:
    sizes = relative_sizes(cast)
    sequence = sorted(answered, key=lambda item: (_base(item, answered), item.support.startswith("on:"), item.id))
    orders = {stands_on(item.id): stands_on(order) for order, item in enumerate(sequence)}
    placements = []
    for order, item in enumerate(sequence):
        flip = _is_mirrored(cast[item.id], _box(item))
        box = _fit_aspect(cast[item.id], _box(item), flip=flip)
        placements.append(
            Placement(
                cutout_id=cast[item.id].cutout_id,
                box=(box.x0, box.y0, box.x1, box.y1),
                flip=flip,
                order=order,
                support=orders.get(item.support, item.support),
                relative_size=sizes[item.id],
            )
        )
    return tuple(placements)


def _base(item: AnsweredObject, answered: Sequence[AnsweredObject]) -> float:
    """Sorts far to near: where it, or what it stands on, meets the ground; off the ground its depth says it."""
    if item.support in PLACES[1:]:
        return 1.0 - item.depth / FARTHEST
    return next((_box(other).y1 for other in answered if item.support == stands_on(other.id)), _box(item).y1)


def _is_mirrored(info: CutoutInfo, box: Box) -> bool:
    centre = (box.x0 + box.x1) / 2
    return centre > 0.5 if "left" in info.cut_borders else centre < 0.5 and "right" in info.cut_borders


def _fit_aspect(info: CutoutInfo, box: Box, *, flip: bool) -> Box:
    """The box with the true aspect at its edges; as it is where it is empty or leaves the canvas uncut."""
    if not (box.inside_canvas or (info.cut_borders and box.width > 0 and box.height > 0)):
        return box
    fitted = contain(info.aspect, box)
    borders = placed_borders(info, flip=flip)
    right = -fitted.x0 if "left" in borders else 1.0 - fitted.x1 if "right" in borders else 0.0
    down = 1.0 - fitted.y1 if "bottom" in borders else 0.0
    return Box(fitted.x0 + right, fitted.y0 + down, fitted.x1 + right, fitted.y1 + down)


def _shorten(answer: str) -> str:
    return ascii(answer[:120])
