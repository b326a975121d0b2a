import numpy as np
import pytest

from planners.curate.calibrate import MEASURES, Goal, Quality, calibrate, passes, quality
from planners.curate.gate import Thresholds

THREE = tuple(
    next(each for each in MEASURES if each.key == key) for key in ("min_clip_score", "max_seam", "min_identity")
)


def rows(count=600, seed=0):
    """Clip score, seam and identity; good is who has the first above 0.3 and the second below 0.1."""
    draw = np.random.default_rng(seed)
    values = np.stack([draw.normal(0.3, 0.1, count), draw.gamma(2, 0.04, count), draw.random(count)], axis=1)
    return values, (values[:, 0] >= 0.3) & (values[:, 1] <= 0.1)


def test_every_measure_is_a_threshold_of_the_gate():
    assert {each.key for each in MEASURES} == set(Thresholds.model_fields) - {"require_valid_layout"}
    assert all(each.key.startswith("min_" if each.least else "max_") for each in MEASURES)


def test_thresholds_that_made_the_verdicts_are_found_again():
    fit = calibrate(*rows(), THREE, Goal())
    assert fit.thresholds["min_clip_score"] == pytest.approx(0.3, abs=0.01)
    assert fit.thresholds["max_seam"] == pytest.approx(0.1, abs=0.01)
    assert fit.fitted.f1 > 0.96
    assert fit.held_out.f1 > 0.93


def test_what_is_promised_is_measured_on_rows_that_were_not_fitted():
    """Verdicts by chance: nothing can be promised, however well the fit looks."""
    draw = np.random.default_rng(1)
    values, good = draw.random((60, 3)), draw.random(60) < 0.4
    fit = calibrate(values, good, THREE, Goal(precision=0.9))
    assert fit.fitted.precision > fit.held_out.precision + 0.1


def test_a_precision_is_reached_and_costs_recall():
    values, _ = rows(2000)
    good = values[:, 0] + np.random.default_rng(2).normal(0, 0.05, len(values)) >= 0.3
    plain, strict = (calibrate(values, good, THREE, Goal(precision=wanted)) for wanted in (None, 0.95))
    assert strict.fitted.precision >= 0.95 > plain.fitted.precision
    assert strict.fitted.recall < plain.fitted.recall


def test_a_recall_is_kept_and_what_it_allows_is_spent_on_several_measures():
    """Two kinds of bad rows, each seen by one measure alone: a tenth of the good may go, for both together."""
    draw = np.random.default_rng(3)
    values = draw.normal(0.5, 0.1, (1500, 3))
    good = np.arange(1500) < 500
    values[500:1000, 0] -= 0.3
    values[1000:, 2] -= 0.3
    fit = calibrate(values, good, THREE, Goal(recall=0.9))
    assert set(fit.thresholds) >= {"min_clip_score", "min_identity"}
    assert fit.fitted.recall >= 0.9
    assert fit.held_out.recall > 0.86
    passed = passes(values, THREE, fit.thresholds)  # 5 % each of what is 3 sigma away: 9 % of either pass
    assert passed[500:1000].mean() < 0.13
    assert passed[1000:].mean() < 0.13
    assert calibrate(values, good, THREE, Goal(recall=1.0)).fitted.recall == 1.0


def test_a_precision_is_not_reached_by_keeping_next_to_nothing():
    """An irrelevant score whose few highest happen to be good must not be the first threshold."""
    draw = np.random.default_rng(4)
    values = draw.random((1200, 3))
    good = (values[:, 0] > 0.5) & (values[:, 2] > 0.3)
    good ^= draw.random(1200) < 0.05
    for wanted in (0.8, 0.9):
        fit = calibrate(values, good, THREE, Goal(precision=wanted))
        assert fit.fitted.precision >= wanted
        assert fit.fitted.recall > 0.8


def test_a_score_that_says_nothing_becomes_no_threshold():
    values, good = rows()
    assert "min_identity" not in calibrate(values, good, THREE, Goal()).thresholds
    blank = np.where(np.arange(3) == 0, np.nan, values)
    assert "min_clip_score" not in calibrate(blank, good, THREE, Goal()).thresholds


def test_a_score_that_is_not_there_passes_where_the_gate_lets_it_pass():
    """Of pixels there was nothing to measure; a model that was asked for and said nothing rejects."""
    values = np.array([[0.4, 0.0, 1.0], [np.nan, 0.0, 1.0], [0.4, np.nan, 1.0]])
    assert passes(values, THREE, {"min_clip_score": 0.3, "max_seam": 0.1}).tolist() == [True, False, True]
    assert passes(values, THREE, {}).all()


def test_quality_of_nothing_is_nothing():
    none, some = np.zeros(3, bool), np.array([True, False, True])
    assert quality(none, some) == Quality(0.0, 0.0)
    assert Quality(0.0, 0.0).f1 == 0
    assert quality(some, some).f1 == 1
