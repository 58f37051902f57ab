"""A confidence interval for the difference between two systems, by the paired bootstrap.

In: a metric and gold, baseline and system labels (N,). Out: a frozen `Interval`.

Shapes: N examples, T distinct (gold, baseline, system) triples, R bootstrap samples, K counts of
both systems.
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
RARE: Final = 8  # triples with fewer examples are sampled one by one, which is faster


@dataclass(frozen=True, kw_only=True)
class Interval:
    """The interval, at confidence `level`, of the system's score minus the baseline's."""

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
    """Compute the percentile bootstrap interval of the difference (Efron 1979).

    Examples are resampled together with both predictions. The same method serves every metric, so
    that intervals of different metrics are comparable. A score that is undefined on a sample counts
    as 0. The same seed gives the same interval.

    Caveats. The interval is approximate and slightly too short with few examples. It is not an
    inversion of the tests: near the level the two may disagree, and then the test decides. It
    covers the sampling of examples, not of seeds, and not the choice among trials.

    Raises:
        UserError: no metric has that name.
        ValueError: the level is not between 0 and 1, resamples < 1, or the labels are invalid, as
            for `reports.statistics.significance.fisher_randomization`.
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
    """Yield differences (r,), computed from how often each sample contains each distinct triple."""
    triples, times = np.unique(np.stack(labels), axis=1, return_counts=True)
    gold, baseline, system = triples
    counts = [metric.counts(gold, row, n_classes) for row in (baseline, system)]
    # Sparse: with many classes nearly all counts are 0.
    counts_KT = sparse.csr_array(np.concatenate(counts, axis=1).T)
    generators = generator.spawn(2)
    rows = max(1, BLOCK // (len(times) + counts_KT.shape[0]))
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        sums = np.asarray(counts_KT @ _sample_counts(times, size, *generators).T)
        values, _ = metric.scores(sums.T.reshape(size, 2, -1))
        yield np.asarray(values[:, 1] - values[:, 0])


def _sample_counts(
    times: NDArray[np.int64], size: int, counts: np.random.Generator, ones: np.random.Generator
) -> NDArray[np.int64]:
    """Draw how often each bootstrap sample contains each distinct triple, (size, T).

    These counts are multinomial. Rare triples are pooled into one category and then sampled one by
    one: with many classes most triples are rare, and a binomial for each would dominate the run
    time.
    """
    frequent = times >= RARE
    rare = np.repeat(np.flatnonzero(~frequent), times[~frequent])
    weights = np.array([len(rare), *times[frequent]])
    pooled = counts.multinomial(weights.sum(), weights / weights.sum(), size=size)
    row = np.repeat(np.arange(size), pooled[:, 0])
    flat_index = row * len(times) + ones.choice(rare, size=len(row))
    sample = np.bincount(flat_index, minlength=size * len(times)).reshape(size, -1)
    sample[:, frequent] = pooled[:, 1:]
    return sample
