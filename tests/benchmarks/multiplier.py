"""M(kappa): a multiplier bootstrap for best against best; simulated here, not used in reports.

In: gold labels and what the settings of a baseline and of a system predict for the same examples,
one seed each. Out: the one-sided p-values of a system ahead and of a baseline ahead.

T = max over system settings i of A_i less max over baseline settings j of B_j, the best scores.
`best_vs_best` represents the baseline by its best setting. This test repeats the choice on both
sides:

    T* = max_i (a_i + G_i) - max_j (b_j + G_j),    p = (1 + #{T* >= T}) / (1 + R)

G is the joint disturbance of all scores, given the examples: G_m = sum_n w_n psi_mn / N, where
psi_m are the centred delete-one pseudo-values of setting m (for accuracy: right or wrong, minus the
mean; for F1 and MCC: the linearised score), and w_n are independent standard normal weights, or
random signs. With normal weights G is a normal vector with covariance psi psi' / N^2, and is drawn
as such.

Under the null, the best settings of both sides are equal, and each setting is below the best of its
side by its gap: a_i = min(0, A_i - max A + narrow se_i) and b_j = B_j - max B - kappa se_j, where
se is the standard error of the difference from the best setting. So the gaps of the side that is
behind are widened by kappa standard errors, which lets its other settings win less often: a larger
kappa is more conservative. The gaps of the side that is ahead are narrowed; with an infinite
`narrow` they are 0, which is the most conservative. If the baseline is ahead, the sides change
roles.

Chernozhukov, Chetverikov and Kato 2013, Gaussian Approximations and Multiplier Bootstrap for Maxima
of Sums; the recentring follows Hansen 2005.

Shapes: J baseline and I system settings, M = J + I, N examples, R resamples.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np

from reports.statistics.randomization import TIE
from trainers.records.metrics import Counts, Labels, Values, get_metric

RESAMPLES: Final = 499


@dataclass(frozen=True, kw_only=True)
class Null:
    """The standard errors by which gaps are widened and narrowed; `signs` uses random signs."""

    kappa: float = 1.0
    narrow: float = inf
    signs: bool = False


M1: Final = Null()


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Scores (M,), of which the first `baselines` are the baseline's, and disturbances (M, R)."""

    baselines: int
    scores: Values
    covariance: Values
    disturbed: Values

    def tails(self, null: Null) -> tuple[float, float]:
        """Return the one-sided p of the system ahead of the baseline, and vice versa."""
        baseline, system = slice(self.baselines), slice(self.baselines, None)
        return self._p_ahead(system, baseline, null), self._p_ahead(baseline, system, null)

    def _p_ahead(self, ahead: slice, behind: slice, null: Null) -> float:
        observed = self.scores[ahead].max() - self.scores[behind].max()
        drawn = self._best(ahead, null.narrow) - self._best(behind, -null.kappa)
        reached = np.count_nonzero(drawn >= observed - TIE)
        return (1 + reached) / (1 + len(drawn))

    def _best(self, side: slice, shift: float) -> Values:
        """Return the best disturbed score (R,) of a side, with gaps shifted by `shift`."""
        scores, covariance = self.scores[side], self.covariance[side, side]
        best, own = int(np.argmax(scores)), np.diag(covariance)
        variance = own + own[best] - 2 * covariance[best]
        if shift == inf:
            gaps = np.zeros_like(scores)
        else:
            gaps = scores - scores[best] + shift * np.sqrt(np.maximum(variance, 0))
        return np.asarray((np.minimum(gaps, 0)[:, None] + self.disturbed[side]).max(axis=0))


def multiplier(
    gold: Labels,
    baseline: Labels,
    system: Labels,
    metric: str,
    generator: np.random.Generator,
    *,
    null: Null = M1,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Return the one-sided p of the system (I, N) ahead of the baseline (J, N), and vice versa."""
    drawn = sample(gold, baseline, system, metric, generator, resamples, signs=null.signs)
    return drawn.tails(null)


def sample(
    gold: Labels,
    baseline: Labels,
    system: Labels,
    metric: str,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    *,
    signs: bool = False,
) -> Sample:
    """Score all settings on two labels, and draw their disturbances."""
    scores, values = _linearised(gold, np.vstack([baseline, system]), metric)
    psi = (values - values.mean(axis=1, keepdims=True)) / gold.size
    covariance = psi @ psi.T
    if signs:
        disturbed = psi @ (2.0 * generator.integers(0, 2, size=(gold.size, resamples)) - 1)
    else:
        disturbed = _root(covariance) @ generator.normal(size=(len(psi), resamples))
    return Sample(
        baselines=len(baseline), scores=scores, covariance=covariance, disturbed=disturbed
    )


def _root(covariance: Values) -> Values:
    """Return a square root (M, M) of a covariance, which may be singular: settings may agree."""
    size, axes = np.linalg.eigh(covariance)
    return np.asarray(axes * np.sqrt(np.where(size > 1e-12 * size[-1], size, 0)))


def _linearised(gold: Labels, rows: Labels, metric: str) -> tuple[Values, Values]:
    """Return scores (M,) and delete-one pseudo-values (M, N) of labels 0 and 1."""
    chosen, n = get_metric(metric), gold.size
    kinds = 2 * gold + rows
    each = chosen.counts(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), 2)
    times: Counts = np.stack([(kinds == kind).sum(axis=1) for kind in range(4)], axis=1)
    sums = times @ each
    scores, _ = chosen.scores(sums)
    without, _ = chosen.scores(sums[:, None] - each)
    pseudo = n * scores[:, None] - (n - 1) * without
    return scores, np.take_along_axis(pseudo, kinds, axis=1)
