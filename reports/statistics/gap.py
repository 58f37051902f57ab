"""The smallest significant gap between two systems that disagree on as many examples as these.

In: gold, baseline and system labels (N,). Out: a frozen `Gap`.

Shapes: N examples.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from reports.statistics.randomization import (
    TIE,
    can_enumerate,
    enumerate_outcomes,
    observe,
    sampled_deltas,
)
from reports.statistics.significance import check_pair
from trainers.records.metrics import Metric, Values, get_metric


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The smallest |difference| with p < `level`; None if no outcome reaches it.

    `observed` is the observed difference; `resamples` is None if the gap is exact.
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
        """Whether the observed difference is at least as large as the smallest significant one."""
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
    """Find the smallest difference that the Fisher randomization test calls significant.

    The set of discordant examples is fixed; which of the two systems each of them favours varies.
    For accuracy this is McNemar's exact test: the smallest |b - c| / N with p < level at the
    observed b + c. The gap is exact if all outcomes can be enumerated, and otherwise estimated from
    `resamples` random ones.

    Caveats. It is a threshold, not a power: a true gain of this size reaches it about half of the
    time. It holds for this pair's discordant examples; systems that agree more often can show
    smaller gaps. It does not allow for the choice among trials, which requires a larger gap.

    Raises:
        UserError: no metric has that name.
        ValueError: the level is not between 0 and 1, or the labels are invalid, as for
            `fisher_randomization`.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
    chosen = get_metric(metric)
    g, b, s, n_classes = check_pair(chosen, gold, baseline, system, n_classes)
    observed = observe(chosen, g, b, s, n_classes)
    swaps, delta = observed.swaps, observed.scores[1:] - observed.scores[:1]
    exact = can_enumerate(swaps)
    if exact:
        blocks = [*enumerate_outcomes(swaps, prod(swaps.shape))]
        deltas, chances = (np.concatenate(part) for part in zip(*blocks, strict=True))
    else:
        sampled = sampled_deltas(swaps, resamples, np.random.default_rng(seed))
        deltas = np.concatenate([*sampled, delta])
        chances = np.full(len(deltas), 1 / len(deltas))
    return Gap(
        metric=chosen.name,
        n=g.size,
        discordant=swaps.discordant,
        level=level,
        smallest=_critical_size(np.abs(deltas), chances, level),
        observed=float(delta[0]),
        resamples=None if exact else resamples,
        seed=None if exact else seed,
    )


def _critical_size(sizes: Values, chances: Values, level: float) -> float | None:
    """Return the smallest size with P(at least this size) < level, up to rounding."""
    order = np.argsort(-sizes, kind="stable")
    ordered, tail = sizes[order], np.cumsum(chances[order])
    last_of_size = np.append(ordered[:-1] - ordered[1:] > TIE, True)
    reached = np.flatnonzero(last_of_size & (tail < level) & (ordered > TIE))
    return float(ordered[reached[-1]]) if reached.size else None
