"""Thresholds of the gate, fitted to a person's verdicts.

A gate is a conjunction of thresholds, so it is grown like one: the threshold that helps most is added or moved, again
and again, until none helps. What it promises is measured on rows that it was not fitted to (k-fold cross-validation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.metrics.table import METRICS, MetricTable
from engine.seeds import rng

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
STEPS = 64  # places that are tried for a threshold, between quantiles of the values
FOLDS = 5
ENOUGH = 1e-3  # a threshold that helps less than this is noise


@dataclass(frozen=True, slots=True)
class Measure:
    """A score that can be a threshold of the gate.

    Attributes:
        key: of `planners.curate.gate.Thresholds`.
        value: as `filter --by` says it.
        least: whether the threshold is the least that passes; or the most.
        blank: whether a row without the score passes, as `planners.curate.gate.judge` has it: for measures of pixels.
        whole: whether the threshold is a whole number.
    """

    key: str
    value: str
    least: bool = True
    blank: bool = False
    whole: bool = False


def measures_of(metrics: MetricTable) -> tuple[Measure, ...]:
    """The scores that can be thresholds of the gate."""
    return tuple(
        Measure(
            spec.limit_key,
            spec.expression,
            least=spec.higher_is_better is not False,
            blank=not spec.needs,
            whole=spec.kind is int,
        )
        for spec in metrics.values()
        if spec.limit
    )


MEASURES = measures_of(METRICS)


@dataclass(frozen=True, slots=True)
class Goal:
    """What thresholds are to reach; with neither, the best F1.

    Attributes:
        precision: the least precision; thresholds with the highest recall among those that reach it.
        recall: the least recall; thresholds with the highest precision among those that reach it.
    """

    precision: float | None = None
    recall: float | None = None


BEST_F1 = Goal()


@dataclass(frozen=True, slots=True)
class Quality:
    """How verdicts agree: of what passes, the share that is good; of what is good, the share that passes."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class Fit:
    """Thresholds by the name of their measure, how they do on the rows they were fitted to, and on others."""

    thresholds: Mapping[str, float]
    fitted: Quality
    held_out: Quality


def passes(values: Values, measures: Sequence[Measure], thresholds: Mapping[str, float]) -> Flags:
    """Which rows of N x K `values` pass; a value that is not there (NaN) passes where `Measure.blank` says so."""
    passed = np.ones(len(values), bool)
    for place, measure in enumerate(measures):
        if measure.key in thresholds:
            limit = thresholds[measure.key]
            own = values[:, place] >= limit if measure.least else values[:, place] <= limit
            passed &= own | np.isnan(values[:, place]) if measure.blank else own
    return passed


def quality(passed: Flags, good: Flags) -> Quality:
    """How verdicts agree; 0 where there is nothing to agree on."""
    both = int((passed & good).sum())
    return Quality(both / max(int(passed.sum()), 1), both / max(int(good.sum()), 1))


def calibrate(values: Values, good: Flags, measures: Sequence[Measure], goal: Goal = BEST_F1, *, seed: int = 0) -> Fit:
    """Fit thresholds to verdicts.

    Args:
        values: N x K, NaN where a score is not there.
        good: N, what a person accepted.
        measures: K.
        goal: what is to be reached.
        seed: of the folds.
    """
    thresholds = _fit(values, good, measures, goal)
    order = rng(seed, "calibrate").permutation(len(good)) % FOLDS
    held = np.zeros(len(good), bool)
    for fold in range(FOLDS):
        inside = order == fold
        fitted = _fit(values[~inside], good[~inside], measures, goal)
        held[inside] = passes(values[inside], measures, fitted)
    return Fit(thresholds, quality(passes(values, measures, thresholds), good), quality(held, good))


def _fit(values: Values, good: Flags, measures: Sequence[Measure], goal: Goal) -> dict[str, float]:
    if goal.recall is not None:
        return _tighten(values, good, measures, recall=goal.recall)
    grown = _grown(values, good, measures, goal.precision)
    if goal.precision is None:
        return grown
    tightened = _tighten(values, good, measures, recall=0.0, enough=goal.precision)
    both = (grown, tightened)  # the first may run into a corner, the second stop short of what can be reached
    return max(both, key=lambda found: _worth(passes(values, measures, found), good, goal.precision))


def _tighten(
    values: Values, good: Flags, measures: Sequence[Measure], *, recall: float, enough: float = 1.0
) -> dict[str, float]:
    """Thresholds, tightened one step at a time: that which turns away most bad rows for each good one.

    A step may cost no more good rows than are left to lose, so that none spends at once what several need. It ends
    where `enough` of what passes is good.
    """
    thresholds: dict[str, float] = {}
    tried = [
        (measure.key, limit, passes(values, measures, {measure.key: limit}))
        for place, measure in enumerate(measures)
        for limit in _places(values[:, place], whole=measure.whole)
    ]
    passed, least = np.ones(len(good), bool), recall * good.sum()
    while quality(passed, good).precision < enough:
        left = int((passed & good).sum()) - least
        steps = [
            (int((passed & ~own & ~good).sum()), int((passed & ~own & good).sum()), key, limit, own)
            for key, limit, own in tried
        ]
        useful = [step for step in steps if step[0] > ENOUGH * len(good) and step[1] <= left]
        if not useful:
            break
        _, _, key, limit, own = max(useful, key=lambda step: (step[0] / (step[1] + 0.5), step[2], step[3]))
        thresholds[key], passed = limit, passed & own
    return thresholds


def _grown(values: Values, good: Flags, measures: Sequence[Measure], precision: float | None) -> dict[str, float]:
    """Thresholds, added or moved one at a time while that helps."""
    thresholds: dict[str, float] = {}
    best = _worth(passes(values, measures, thresholds), good, precision)
    while True:
        tried = [
            (_worth(passes(values, measures, {**thresholds, measure.key: limit}), good, precision), measure.key, limit)
            for place, measure in enumerate(measures)
            for limit in _places(values[:, place], whole=measure.whole)
        ]
        worth, key, limit = max(tried, default=(best, "", 0.0))
        if worth <= best + ENOUGH:
            return thresholds
        best, thresholds[key] = worth, limit


def _places(values: Values, *, whole: bool) -> list[float]:
    """Where a threshold may stand: halfway between quantiles; nowhere, if all values are equal."""
    known = values[np.isfinite(values)]
    if not len(known):
        return []
    steps = np.unique(np.quantile(known, np.linspace(0, 1, STEPS + 1), method="nearest"))
    middles = (steps[1:] + steps[:-1]) / 2
    return sorted({float(np.floor(middle)) if whole else float(f"{middle:.4g}") for middle in middles})


def _worth(passed: Flags, good: Flags, precision: float | None) -> float:
    found = quality(passed, good)
    if precision is None:
        return found.f1
    # Short of the promised precision only precision counts; beyond it, only recall.
    return found.precision if found.precision < precision else 1 + found.recall
