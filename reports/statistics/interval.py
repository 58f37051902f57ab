"""A confidence interval of the difference between two systems, by the paired bootstrap.

In: a metric and gold, baseline and system labels (N,). Out: a frozen `Interval`.

Shapes: N examples, T distinct (gold, baseline, system) labels, R bootstrap samples, K counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from reports.statistics.significance import check_pair
from trainers.metrics import Labels, Metric, Values, get_metric

BLOCK: Final = 2**20  # numbers per array while resampling


@dataclass(frozen=True, kw_only=True)
class Interval:
    """The `level` interval, low to high, of system less baseline."""

    level: float
    low: float
    high: float
    resamples: int
    seed: int


def paired_bootstrap(
    gold: ArrayLike,
    baseline: ArrayLike,
    system: ArrayLike,
    metric: str | Metric = "accuracy",
    n_classes: int | None = None,
    *,
    level: float = 0.95,
    resamples: int = 9999,
    seed: int = 12345,
) -> Interval:
    """Percentile interval of the difference (Efron 1979): examples are drawn with both predictions.

    One method for every metric, so that intervals of different metrics compare. An undefined score
    on a sample counts 0, as everywhere. The same seed gives the same interval.

    Caveats. It is approximate, a little too short with few examples, and no inversion of the
    tests: near the level the two may disagree, and then the test decides. It speaks of other
    examples, not of other seeds, and not of the choice among trials.

    Raises:
        UserError: no metric has that name.
        ValueError: the level is not between 0 and 1, resamples < 1, or the labels are wrong, as
            `reports.statistics.significance.fisher_randomization` says.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, got {resamples}")
    chosen = get_metric(metric)
    g, b, s, n_classes = check_pair(chosen, gold, baseline, system, n_classes)
    blocks = _deltas(chosen, (g, b, s), n_classes, resamples, np.random.default_rng(seed))
    deltas = np.concatenate(list(blocks))
    low, high = np.quantile(deltas, [(1 - level) / 2, (1 + level) / 2])
    return Interval(level=level, low=float(low), high=float(high), resamples=resamples, seed=seed)


def _deltas(
    metric: Metric,
    labels: tuple[Labels, Labels, Labels],
    n_classes: int,
    resamples: int,
    generator: np.random.Generator,
) -> Iterator[Values]:
    """Yield differences (r,); how often a sample holds each distinct example is multinomial."""
    kinds, times = np.unique(np.stack(labels), axis=1, return_counts=True)
    gold, baseline, system = kinds
    counts = [metric.counts(gold, row, n_classes).astype(np.float64) for row in (baseline, system)]
    rows = max(1, BLOCK // (len(times) + 2 * counts[0].shape[1]))
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        drawn = generator.multinomial(times.sum(), times / times.sum(), size=size)
        sums = np.stack([drawn.astype(np.float64) @ part for part in counts])
        values, _ = metric.scores(sums.astype(np.int64))
        yield np.asarray(values[1] - values[0])
