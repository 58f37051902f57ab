"""Test two chosen settings: the two trained models, or the two methods if there are seeds.

In: a `Pair`. Out: a frozen `PairTest`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.results.predictions import Pair
from reports.statistics.gap import smallest_gap
from reports.statistics.interval import Interval, paired_bootstrap
from reports.statistics.method_test import MethodTest, method_test
from reports.statistics.significance import Comparison, fisher_randomization, mcnemar
from trainers.records.metrics import Labels, Metric, get_metric, score

RESAMPLES: Final = 9_999
SEED: Final = 12_345
MOST_LABELS: Final = 8
"""With more labels, only the most frequent one is tried as a constant prediction."""


@dataclass(frozen=True, kw_only=True)
class PairTest:
    """One of the two tests and the smallest difference it can show, or why there is no test."""

    comparison: Comparison | None = None
    gain: MethodTest | None = None
    least: float | None = None
    refused: str | None = None

    @property
    def p_value(self) -> float:
        """The p-value of the test; 1 if there is none."""
        test = self.comparison or self.gain
        return 1.0 if test is None else test.p_value


def run_test(pair: Pair) -> PairTest:
    """Test two settings: the trained models with one seed each, the methods with several.

    There is no test of one seed against several, since one seed says nothing about the variance
    between seeds.
    """
    if pair.seeds == (1, 1):
        rows = pair.gold, pair.baseline[0], pair.system[0]
        gap = smallest_gap(*rows, pair.metric, pair.n_classes, resamples=RESAMPLES, seed=SEED)
        tested = compare_models(*rows, metric=pair.metric, n_classes=pair.n_classes)
        return PairTest(comparison=tested, least=gap.smallest)
    if min(pair.seeds) == 1:
        few, many = ("baseline", "system")[:: 1 if pair.seeds[0] == 1 else -1]
        return PairTest(
            refused=f"the {few} has one seed and the {many} {max(pair.seeds)}: a test of methods"
            " takes two of both"
        )
    gain = method_test(pair.system, pair.baseline, pair.gold, pair.metric, pair.n_classes)
    return PairTest(gain=gain, least=(gain.high - gain.low) / 2)


def compare_models(
    gold: Labels, baseline: Labels, system: Labels, *, metric: str | Metric, n_classes: int
) -> Comparison:
    """Compare two trained models' labels (N,) with the test that the paper uses for the metric."""
    if get_metric(metric).test == "mcnemar":
        return mcnemar(gold, baseline, system)
    return fisher_randomization(
        gold,
        baseline,
        system,
        metric=metric,
        n_classes=n_classes,
        resamples=RESAMPLES,
        seed=SEED,
    )


def bootstrap_interval(pair: Pair) -> Interval:
    """Compute the bootstrap interval of the difference of two trained models (one seed each)."""
    rows = pair.gold, pair.baseline[0], pair.system[0]
    return paired_bootstrap(*rows, pair.metric, pair.n_classes)


def constant_score(pair: Pair) -> float:
    """Return the best score of a classifier that predicts one class for every example."""
    counts = np.bincount(pair.gold, minlength=pair.n_classes)
    labels = {int(counts.argmax()), *([1] if pair.metric.needs_positive else [])}
    if pair.n_classes <= MOST_LABELS:
        labels = {*range(pair.n_classes)}
    constants = (np.full_like(pair.gold, label) for label in sorted(labels))
    return max(score(pair.metric, pair.gold, row, pair.n_classes).value for row in constants)


def is_flat(rows: Labels) -> bool:
    """Return whether any seed of predictions (S, N) predicts one class for every example."""
    return bool((rows == rows[:, :1]).all(axis=1).any())
