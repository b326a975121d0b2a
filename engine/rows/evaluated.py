"""What a drawn picture is worth against photos of the concepts that it was asked for, as a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from engine.rows.generated import GeneratedImage
from engine.rows.values import TRANSIENT, Model


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedImage:
    """One drawn picture, measured. A number is None where nothing could be measured. docs/evaluate.md defines them.

    Attributes:
        of: the picture.
        concepts: that it was asked for.
        caption: in words.
        clip_t: cosine of picture and caption, -1 to 1.
        ti_clip: cosine of picture and background, -1 to 1.
        cp_clip: CP-CLIP as published, -1 to 1.
        cp_clip_assigned: the same where each crop has a concept of its own.
        clip_i: of each concept, mean cosine of the whole picture with its photos.
        dino: the same by the identity model.
        identity: of each concept, the crop that is taken for it, on grey, against its photos; 0 where none is.
        collapsed: of each concept, whether it is missing or less like itself than its photos are.
        swapped: share of the crops that are more like another concept of the picture.
        count_right: whether there are as many things of each class as were asked for.
        copy_paste: how much more a crop is like a photo that was trained on than like one that was not; mean, -2 to 2.
        instruction: a judge's mark, 0 to 10, as `consistency`, `placement`, `realism` and `quality`.
        judges: who gave them.
    """

    kind: ClassVar[str] = "evaluated_image"

    # plan
    sample_id: str
    unit_id: int
    seed: int
    of: GeneratedImage | None = field(default=None, metadata=TRANSIENT)
    # evaluate
    concepts: tuple[str, ...] = ()
    caption: str = ""
    clip_t: float | None = None
    ti_clip: float | None = None
    cp_clip: float | None = None
    cp_clip_assigned: float | None = None
    clip_i: tuple[float | None, ...] = ()
    dino: tuple[float | None, ...] = ()
    identity: tuple[float | None, ...] = ()
    collapsed: tuple[bool, ...] = ()
    swapped: float | None = None
    count_right: bool | None = None
    copy_paste: float | None = None
    # judge
    instruction: int | None = None
    consistency: int | None = None
    placement: int | None = None
    realism: int | None = None
    quality: int | None = None
    judges: tuple[Model, ...] = ()
    # evaluate
    models: tuple[Model, ...] = ()
    # plan
    status: str = ""
