"""The numbers of an evaluation, as data: what each is called, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """A column of `engine.rows.evaluated.EvaluatedImage` in a table.

    Attributes:
        label: for people.
        about: what it is, as a clause.
        higher_is_better: None where neither is.
        least: concepts that a picture must have been asked for.
    """

    label: str
    about: str
    higher_is_better: bool | None = True
    least: int = 1


MEASURED: Mapping[str, Measured] = {
    "cp_clip": Measured("CP-CLIP", "crops against photos of the concepts, a missing one counts 0"),
    "cp_clip_assigned": Measured("CP-CLIP, assigned", "the same, each crop with a concept of its own"),
    "ti_clip": Measured("TI-CLIP", "picture and background", None),
    "clip_t": Measured("CLIP-T", "picture and caption"),
    "clip_i": Measured("CLIP-I", "whole picture and whole photos"),
    "dino": Measured("DINO", "whole picture and whole photos, by the identity model"),
    "identity": Measured("masked DINO", "the crop of each concept, cut out; a missing one counts 0"),
    "collapsed": Measured(
        "collapse", "share of the concepts that are missing or not themselves", higher_is_better=False
    ),
    "count_right": Measured("count", "share of the pictures with as many things of each class as were asked for"),
    "swapped": Measured("swaps", "share of the crops that are more like another concept", False, 2),
    "instruction": Measured("instruction", "a judge's mark, 0 to 10: everything that was asked for, and nothing else"),
    "consistency": Measured("consistency", "a judge's mark, 0 to 10: each thing is the very one of its photo"),
    "placement": Measured("placement", "a judge's mark, 0 to 10: things and background belong together"),
    "realism": Measured("realism", "a judge's mark, 0 to 10: whole, and possible"),
    "quality": Measured("quality", "a judge's mark, 0 to 10: sharp and clean"),
    "copy_paste": Measured("copy-paste", "how much more like a photo that was trained on", higher_is_better=False),
}
