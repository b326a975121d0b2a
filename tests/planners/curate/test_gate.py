import pytest
from pydantic import ValidationError

from engine.rows.composition import Composition, PlacedObject
from planners.curate.gate import Thresholds, checks, judge


def row(psnr=40.0, visible=0.9, identity=None, copy_paste=None, detection=None, cut_edge=None, **scores):
    item = PlacedObject(
        concept="dog",
        class_name="dog",
        cutout_id="d",
        source_sha256="",
        license="",
        box=(0, 0, 1, 1),
        mask=b"",
        flip=False,
        order=0,
        support="ground",
        relative_size=1.0,
        color_gain=(),
        color_offset=(),
        visible_fraction=visible,
        identity_psnr=psnr,
        identity=identity,
        copy_paste=copy_paste,
        detection=detection,
        cut_edge=cut_edge,
    )
    return Composition(
        sample_id="0", unit_id=0, seed=0, objects=(item,), **{"layout_valid": True, "seam": 0.0, **scores}
    )


@pytest.mark.parametrize(
    ("made", "limits", "reasons"),
    [
        (row(), {}, ()),
        (row(psnr=33.9), {}, ("identity_psnr<34",)),
        (row(psnr=33.9), {"min_identity_psnr": None}, ()),
        (row(psnr=None), {}, ()),
        (row(psnr=float("nan")), {}, ("identity_psnr<34",)),
        (row(visible=0.5, psnr=10), {}, ("identity_psnr<34", "visible_fraction<0.7")),
        (row(seam=0.5), {}, ("seam>0.16",)),
        (row(seam=None), {}, ()),
        (row(layout_valid=False), {}, ("layout_invalid",)),
        (row(layout_valid=False), {"require_valid_layout": False}, ()),
        (row(), {"min_clip_score": 0.25}, ("clip_score_missing",)),
        (row(clip_score=0.2), {}, ()),
        (row(clip_score=0.2), {"min_clip_score": 0.25}, ("clip_score<0.25",)),
        (row(ti_clip=0.3, cp_clip=0.1), {"min_ti_clip": 0.2, "min_cp_clip": 0.2}, ("cp_clip<0.2",)),
        (row(), {"min_identity": 0.6}, ("identity_missing",)),
        (row(identity=0.5), {"min_identity": 0.6}, ("identity<0.6",)),
        (row(identity=0.5), {}, ()),
        (row(object_recall=0.5), {"min_object_recall": 1}, ("object_recall<1",)),
        (row(), {"min_object_recall": 1, "max_surplus": 0}, ("object_recall_missing", "surplus_missing")),
        (row(surplus=2), {"max_surplus": 1}, ("surplus>1",)),
        (row(surplus=1), {"max_surplus": 1}, ()),
        (row(surplus=0), {"max_surplus": 0}, ()),
        (row(detection=0.2), {"min_detection": 0.3}, ("detection<0.3",)),
        (row(), {"min_detection": 0.3}, ("detection_missing",)),
        (row(surplus_detection=0.6), {"max_surplus_detection": 0.5}, ("surplus_detection>0.5",)),
        (row(), {"max_surplus_detection": 0.5}, ("surplus_detection_missing",)),
        (row(unsafe=float("nan")), {"max_unsafe": 0.5}, ("unsafe>0.5",)),
        (row(copy_paste=0.3), {"max_copy_paste": 0.2}, ("copy_paste>0.2",)),
        (row(), {"max_copy_paste": 0.2}, ("copy_paste_missing",)),
        (row(cut_edge=0.8), {"max_cut_edge": 0.5}, ("cut_edge>0.5",)),
        (row(cut_edge=0.8), {}, ()),
        (row(), {"max_cut_edge": 0.5}, ()),
    ],
)
def test_each_rule_gives_its_reason(made, limits, reasons):
    assert judge(made, Thresholds(**limits)) == reasons


def test_reasons_stand_in_the_order_in_which_rows_store_them():
    """Pixels first, those of objects before those of the picture; then models, the least before the most."""
    least = ("clip_score", "ti_clip", "cp_clip", "identity", "object_recall", "detection")
    most = ("copy_paste", "surplus", "surplus_detection", "unsafe")
    limits = {key: 0.5 for key in Thresholds.model_fields if key.startswith(("min", "max"))} | {"max_surplus": 0}
    low = {"identity": 0.1, "detection": 0.1, "clip_score": 0.1, "ti_clip": 0.1, "cp_clip": 0.1, "object_recall": 0.1}
    high = {
        "copy_paste": 0.9,
        "surplus": 1,
        "surplus_detection": 0.9,
        "unsafe": 0.9,
        "seam": 0.9,
        "layout_valid": False,
    }
    reasons = judge(row(psnr=0.1, visible=0.1, cut_edge=0.9, **low, **high), Thresholds(**limits))
    said = [reason.partition("<")[0].partition(">")[0] for reason in reasons]
    assert said == ["identity_psnr", "visible_fraction", "cut_edge", "seam", "layout_invalid", *least, *most]


def test_a_threshold_must_be_possible():
    with pytest.raises(ValidationError):
        Thresholds(min_visible_fraction=1.5)
    with pytest.raises(ValidationError):
        Thresholds(min_clipscore=0.2)


def test_what_is_asked_and_what_is_not_is_told():
    asked, others = checks(Thresholds(min_clip_score=0.3))
    assert {"clip_score >= 0.3", "valid layout"} <= set(asked)
    assert "identity" in others
    assert not {text.split()[0] for text in asked} & set(others)
