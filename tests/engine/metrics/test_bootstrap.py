"""Intervals over casts and prompts: they hold what they promise."""

import numpy as np
import pytest

from engine.metrics.bootstrap import CrossedSample, interval, ratio


def crossed(rng, casts=12, prompts=8, spread=(1.0, 1.0, 0.2), mean=5.0):
    """Pictures of every cast with every prompt; casts and prompts move them together."""
    by_cast, by_prompt = rng.normal(0, spread[0], casts), rng.normal(0, spread[1], prompts)
    values = mean + by_cast[:, None] + by_prompt + rng.normal(0, spread[2], (casts, prompts))
    names = [(f"c{cast}", f"p{prompt}") for cast in range(casts) for prompt in range(prompts)]
    return CrossedSample(values.ravel(), [cast for cast, _ in names], [prompt for _, prompt in names])


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [interval(crossed(rng), seed) for seed in range(150)]
    held = np.mean([each.low <= 5.0 <= each.high for each in found])
    assert 0.85 <= held <= 1.0  # 0.95 for many casts and prompts; of 12 and 8 percentiles are a little short


def test_pictures_of_one_cast_are_no_independent_witnesses():
    rng = np.random.default_rng(1)
    sample = crossed(rng, spread=(1.0, 0.0, 0.0))
    alone = CrossedSample(sample.values, [str(n) for n in range(96)], [str(n) for n in range(96)])
    wide, narrow = interval(sample), interval(alone)
    assert (wide.high - wide.low) > 1.5 * (narrow.high - narrow.low)


def test_a_mean_is_the_plain_mean_and_says_of_what():
    found = interval(CrossedSample(np.array([1.0, 2.0, 6.0]), ["a", "a", "b"], ["x", "y", "x"]))
    assert (found.mean, found.count, found.casts, found.prompts) == (3.0, 3, 2, 2)
    assert found.low <= 3.0 <= found.high


def test_a_ratio_of_two_that_move_together_is_sharper_than_the_two():
    rng = np.random.default_rng(2)
    below = crossed(rng, spread=(1.0, 0.3, 0.0))
    above = CrossedSample(2 * below.values, below.casts, below.prompts)
    found = ratio(above, below)
    assert found.mean == pytest.approx(2.0)
    assert (found.low, found.high) == (pytest.approx(2.0), pytest.approx(2.0))


def test_a_ratio_is_over_what_both_have():
    easy = CrossedSample(np.array([1.0, 1.0]), ["easy", "easy"], ["p", "q"])
    all_ = CrossedSample(np.array([1.0, 1.0, 0.2]), ["easy", "easy", "hard"], ["p", "q", "p"])
    found = ratio(easy, all_)
    assert (found.mean, found.count, found.casts) == (1.0, 2, 1)
    stranger = CrossedSample(np.array([1.0]), ["other"], ["p"])
    assert ratio(stranger, all_).count == 0


def test_a_ratio_to_almost_nothing_has_no_end():
    above = CrossedSample(np.ones(10), [str(n) for n in range(10)], ["p"] * 10)
    below = CrossedSample(np.eye(10)[0], above.casts, above.prompts)
    assert np.isinf(ratio(above, below).high)


def test_nothing_has_no_mean():
    nothing = CrossedSample(np.zeros(0), [], [])
    assert np.isnan(interval(nothing).mean)
    assert interval(nothing).count == 0
    assert ratio(nothing, nothing).count == 0


def test_the_same_seed_gives_the_same_interval():
    sample = crossed(np.random.default_rng(3))
    assert interval(sample, 4) == interval(sample, 4) != interval(sample, 5)
