from actors.compose.gate import Gate
from engine.rows.composition import Composition
from engine.run.stage import Run

RUN = Run(out="", library="", size=64)
ROW = Composition(sample_id="0", unit_id=0, seed=0, layout_valid=True, seam=0.01)


def test_a_good_row_is_accepted():
    (made,) = Gate().load(RUN)([ROW])
    assert (made.status, made.reasons) == ("accepted", ())


def test_a_bad_row_is_kept_and_says_why():
    (made,) = Gate(max_seam=0.001, min_clip_score=0.2).load(RUN)([ROW])
    assert (made.status, made.reasons) == ("rejected", ("seam>0.001", "clip_score_missing"))


def test_thresholds_are_keys_of_the_stage():
    assert Gate.model_validate({"min_identity_psnr": 36}).min_identity_psnr == 36
