"""The smallest gap that a data set can show between two systems that differ as these two do.

In: gold, baseline and system labels (N,). Out: a frozen `Gap`.

Shapes: N examples, R outcomes of swapping.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from reports.statistics.randomization import TIE, are_few, observe, outcomes, sampled_deltas
from reports.statistics.significance import check_pair
from trainers.records.metrics import Metric, Values, get_metric


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The least |difference| with p < `level`, or None where no outcome reaches it.

    `observed` is the difference that was seen; `resamples` is None where the gap is exact.
    """

    metric: str
    n: int
    discordant: int
    level: float
    smallest: float | None
    observed: float
    resamples: int | None = None
    seed: int | None = None

    @property
    def shown(self) -> bool:
        """Whether the observed difference is at least that large."""
        return self.smallest is not None and abs(self.observed) >= self.smallest - TIE


def smallest_gap(
    gold: ArrayLike,
    baseline: ArrayLike,
    system: ArrayLike,
    metric: str | Metric = "accuracy",
    n_classes: int | None = None,
    *,
    level: float = 0.05,
    resamples: int = 9999,
    seed: int = 12345,
) -> Gap:
    """Find the least difference that the Fisher randomization test would call significant.

    The discordant examples stay as they are; what varies is which of the two systems each of them
    favours. For accuracy this is McNemar's exact test: the least |b - c| / N with p < level at the
    observed b + c. Exact where the outcomes are few enough, else from `resamples` random ones.

    Caveats. It is a threshold, not a power: a true gain of this size reaches it half of the time.
    It is of this pair's discordant examples; systems that agree more can show smaller gaps. It
    takes no account of the choice among trials, which needs a larger one.

    Raises:
        UserError: no metric has that name.
        ValueError: the level is not between 0 and 1, or as `fisher_randomization` does.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
    chosen = get_metric(metric)
    g, b, s, n_classes = check_pair(chosen, gold, baseline, system, n_classes)
    found = observe(chosen, g, b, s, n_classes)
    exact = are_few(found.swaps)
    if exact:
        pairs = [*outcomes(found.swaps, prod(found.swaps.shape))]
        size, chance = (np.concatenate(part) for part in zip(*pairs, strict=True))
    else:
        drawn = sampled_deltas(found.swaps, resamples, np.random.default_rng(seed))
        size = np.concatenate([*drawn, found.scores[1:] - found.scores[:1]])
        chance = np.full(len(size), 1 / len(size))
    return Gap(
        metric=chosen.name,
        n=g.size,
        discordant=found.swaps.discordant,
        level=level,
        smallest=_critical(np.abs(size), chance, level),
        observed=float(found.scores[1] - found.scores[0]),
        resamples=None if exact else resamples,
        seed=None if exact else seed,
    )


def _critical(size: Values, chance: Values, level: float) -> float | None:
    """The least size with P(a size as large) < level; sizes that differ by rounding are one."""
    order = np.argsort(-size, kind="stable")
    ordered, tail = size[order], np.cumsum(chance[order])
    last_of_size = np.append(ordered[:-1] - ordered[1:] > TIE, True)
    reached = np.flatnonzero(last_of_size & (tail < level) & (ordered > TIE))
    return float(ordered[reached[-1]]) if reached.size else None
