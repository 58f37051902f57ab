"""A confidence interval of the difference between two systems, by the paired bootstrap.

In: a metric and gold, baseline and system labels (N,). Out: a frozen `Interval`.

Shapes: N examples, T distinct (gold, baseline, system) labels, R bootstrap samples, K counts
of both systems.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from reports.statistics.significance import check_pair
from trainers.records.metrics import Labels, Metric, Values, get_metric

BLOCK: Final = 2**20  # numbers per array while resampling
RARE: Final = 8  # fewer equal examples than this are drawn one by one, which is faster


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
    """Yield differences (r,), from how often a sample holds each distinct example."""
    kinds, times = np.unique(np.stack(labels), axis=1, return_counts=True)
    gold, baseline, system = kinds
    counts = [metric.counts(gold, row, n_classes) for row in (baseline, system)]
    # Sparse: with many classes nearly all counts are 0.
    counts_KT = sparse.csr_array(np.concatenate(counts, axis=1).T)
    generators = generator.spawn(2)
    rows = max(1, BLOCK // (len(times) + counts_KT.shape[0]))
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        sums = np.asarray(counts_KT @ _sample(times, size, *generators).T)
        values, _ = metric.scores(sums.T.reshape(size, 2, -1))
        yield np.asarray(values[:, 1] - values[:, 0])


def _sample(
    times: NDArray[np.int64], size: int, counts: np.random.Generator, ones: np.random.Generator
) -> NDArray[np.int64]:
    """Draw how often each sample holds each distinct example, (size, T): a multinomial.

    The multinomial is of the frequent ones, and of all rare ones as one; those are then drawn one
    by one. With many classes most are rare, and a binomial for each would take most of the time.
    """
    frequent = times >= RARE
    rare = np.repeat(np.flatnonzero(~frequent), times[~frequent])
    weights = np.array([len(rare), *times[frequent]])
    drawn = counts.multinomial(weights.sum(), weights / weights.sum(), size=size)
    row = np.repeat(np.arange(size), drawn[:, 0])
    place = row * len(times) + ones.choice(rare, size=len(row))
    sample = np.bincount(place, minlength=size * len(times)).reshape(size, -1)
    sample[:, frequent] = drawn[:, 1:]
    return sample
