"""The scores of a composition, each declared once: a typed field, and beside it its row of the table of metrics.

Records inherit the groups below; the stages that fill them do too. The slots are empty, since a class with slots can
inherit from several others only if all but one have none of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.rows.metric import METRIC, Limit, MetricSpec

EXAMPLE = "clip_score"
"""The score that messages show as an example."""

GEN4GEN = "Gen4Gen (arXiv 2402.15504), 3.5"


@dataclass(frozen=True, kw_only=True)
class ObjectColumns:
    """Scores of one object."""

    __slots__ = ()
    visible_fraction: float = field(metadata={METRIC: MetricSpec(
        label="visible fraction, lowest object", short="visible", about="share of its alpha that nearer objects leave",
        low=0, high=1, higher_is_better=True, limit=Limit("of the most hidden object", 0.7),
        function="actors.score.pixels:visible_fraction", digits=2, rank=20, fact=("visible", "{:.0%}"),
    )})  # fmt: skip
    identity_psnr: float | None = field(metadata={METRIC: MetricSpec(
        label="identity PSNR, lowest object", short="identity", about="the stored image against the placed cut-out",
        low=0, high=99, unit="dB", higher_is_better=True,
        limit=Limit("dB, of the worst object: the subject was not redrawn", 34.0, ranged=False),
        function="actors.score.pixels:identity_psnr", digits=1, rank=10, views=("gallery", "by_concept"),
        fact=("identity", "{:.1f} dB"),
    )})  # fmt: skip
    identity: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="identity (Seg-DINO), lowest object", short="Seg-DINO",
        about="cosine of the object, cut out and on grey, with the most similar cut-out from another photo",
        source="Seg-DINO of Toffee (arXiv 2406.09305), with the best reference",
        low=-1, high=1, higher_is_better=True, needs=("identity",),
        limit=Limit("of the object least like its concept; needs an identity model"),
        function="engine.metrics.similarity:best_cosine", rank=200, views=("gallery", "export", "by_concept"),
        fact=("identity", "{:.3f} Seg-DINO"),
    )})  # fmt: skip
    copy_paste: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="copy-paste, highest object", short="copy-paste",
        about="by how much the object resembles the very cut-out that was placed more than other photos of it",
        source="as Toffee (arXiv 2406.09305) discusses it", low=-2, high=2, higher_is_better=False, needs=("identity",),
        limit=Limit("of the object that repeats its cut-out most; needs an identity model"),
        function="actors.score.identity:identity_judge", rank=210, views=("export", "by_concept"),
        fact=("copy-paste", "{:+.3f}"),
    )})  # fmt: skip
    detection: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="detection score, lowest object", about="score of the surest box of its class that overlaps it by half",
        low=0, high=1, higher_is_better=True, needs=("detector",),
        limit=Limit("score of the object that a detector recognises least; needs a detector"),
        function="engine.metrics.detection:best_scores", digits=2, rank=320, views=("by_concept",),
        fact=("recognised", "{:.2f}"),
    )})  # fmt: skip
    cut_edge: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="straight end, longest", about="along how much of a side of its box the cut-out ends",
        low=0, high=1, higher_is_better=False, rank=40, views=(),
        limit=Limit("of an object's box side, how much of it is a straight end: 0.5 for halves of things"),
        function="actors.score.pixels:cut_edge",
    )})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PixelColumns:
    """Scores of a picture that need no model."""

    __slots__ = ()
    layout_valid: bool | None = field(default=None, metadata={METRIC: MetricSpec(
        label="valid layout", about="whether the boxes obey every rule of layouts", higher_is_better=True,
        function="actors.score.pixels:layout_valid", rank=50, views=(),
    )})  # fmt: skip
    seam: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="seam contrast", short="seam", about="contrast along the edges of objects that neither side explains",
        low=0, higher_is_better=False, function="actors.score.pixels:seam", rank=30,
        limit=Limit(
            "contrast along the alpha edges: 0.2 for a halo of 30 grey levels, 0.14 for a drawn outline", 0.16
        ),
    )})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ClipColumns:
    """Scores of a picture by a CLIP model: raw cosines, which of two models cannot be compared."""

    __slots__ = ()
    clip_score: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="CLIP score", short="CLIP", about="cosine of image and caption; null without a CLIP model",
        source=f"CLIP-T of DreamBooth (arXiv 2208.12242), 4.1; TI-CLIP with the full prompt of {GEN4GEN}",
        low=-1, high=1, higher_is_better=True, needs=("clip",), limit=Limit("image and caption; needs a CLIP model"),
        function="engine.metrics.similarity:cosine", rank=100, views=("gallery", "export", "croissant", "by_concept"),
    )})  # fmt: skip
    ti_clip: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="TI-CLIP", short="TI-CLIP", about="cosine of image and background prompt", source=f"TI-CLIP of {GEN4GEN}",
        low=-1, high=1, higher_is_better=True, needs=("clip",), rank=110,
        limit=Limit("image and background phrase; needs a CLIP model"), function="engine.metrics.similarity:cosine",
    )})  # fmt: skip
    cp_clip: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="CP-CLIP", short="CP-CLIP", about="Gen4Gen's CP-CLIP", source=f"CP-CLIP of {GEN4GEN}, on placed boxes",
        low=-1, high=1, higher_is_better=True, needs=("clip",), rank=120,
        limit=Limit("crops and concepts; needs a CLIP model"), function="engine.metrics.similarity:cp_clip",
    )})  # fmt: skip
    cp_clip_assigned: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="CP-CLIP, assigned", short="CP-CLIP assigned", about="CP-CLIP, every crop with a concept of its own",
        low=-1, high=1, higher_is_better=True, needs=("clip",), rank=130, views=("gallery", "export"),
        function="engine.metrics.similarity:cp_clip_assigned",
    )})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DetectionColumns:
    """Scores of a picture by a detector that is told the class names of its objects."""

    __slots__ = ()
    object_recall: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="objects recognised", short="recognised", about="share of the objects that the detector recognises",
        low=0, high=1, higher_is_better=True, needs=("detector",), digits=2, rank=300, views=("gallery", "export"),
        limit=Limit("share of the objects that are recognised; needs a detector"),
        function="actors.score.detection:detection_judge",
    )})  # fmt: skip
    surplus: int | None = field(default=None, metadata={METRIC: MetricSpec(
        label="surplus detections", short="surplus", about="boxes of the row's classes that show no placed object",
        low=0, higher_is_better=False, needs=("detector",), digits=0, rank=310, views=("gallery", "export"),
        limit=Limit("things of the same classes that nobody placed; needs a detector"),
        function="engine.metrics.detection:surplus",
    )})  # fmt: skip
    surplus_detection: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="surest surplus detection", about="score of the surest box that shows no placed object",
        low=0, high=1, higher_is_better=False, needs=("detector",), digits=2, rank=330, views=(),
        limit=Limit("score of the surest thing that nobody placed; needs a detector"),
        function="engine.metrics.detection:surest_surplus",
    )})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SafetyColumns:
    """How harmful a row is, and the likeliest harm; or the error for which nobody could say."""

    __slots__ = ()
    unsafe: float | None = field(default=None, metadata={METRIC: MetricSpec(
        label="harmfulness", about="how harmful picture and words are", low=0, high=1, higher_is_better=False,
        needs=("safety",), limit=Limit("how harmful a row may be; needs a judge of safety"), digits=2, rank=400,
        views=("export",), function="actors.score.safety:safety_judge",
    )})  # fmt: skip
    harm: str = field(default="", metadata={METRIC: MetricSpec(
        label="likeliest harm", about="the likeliest harm and where it is, or the error for which `unsafe` is null",
        needs=("safety",), rank=410, views=(), function="actors.score.safety:safety_judge",
    )})  # fmt: skip
