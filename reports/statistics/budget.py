"""Budgets: the expected best score of n settings, and how many settings it takes to win.

In: the `Scores` of a baseline's and of a system's cell, without predictions. Out: a frozen
`BudgetComparison`, and the curves behind it.

Settings are drawn without replacement from those that were run. These are not significance tests:
they ignore the sampling of examples, and use scores on the split that chose the settings.

Shapes: B settings, failed ones included.
"""

from dataclasses import dataclass

import numpy as np

from reports.statistics.candidates import Scores
from reports.statistics.randomization import TIE
from trainers.records.metrics import Flags, Values

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class BudgetComparison:
    """A system's settings against the best setting of a baseline.

    `matched` is the smaller of the two budgets, `matched_score` the expected best of that many
    system settings, `matched_beats` the probability that it beats the baseline's best score.
    `break_even_mean` is the smallest n whose expected best is above the baseline's best,
    `break_even_half` the smallest n whose best beats it with probability .5; None if no n up to the
    system's budget does.
    """

    budgets: tuple[int, int]
    baseline_score: float
    system_score: float
    matched: int
    matched_score: float
    matched_beats: float
    break_even_mean: int | None
    break_even_half: int | None

    @property
    def matched_delta(self) -> float:
        """The expected gain if the system had no more settings than the baseline."""
        return self.matched_score - self.baseline_score


def compare_budgets(baseline: Scores, system: Scores) -> BudgetComparison:
    """Compare a system's best of n settings with the baseline's best score.

    Caveats. The baseline's best score is treated as a fixed number. A tie (within 1e-12, since a
    mean of equal scores may be off by rounding) does not beat it. The scores are those on the split
    that chose: their expected best grows with n even if all settings are equally good.

    Raises:
        UserError: either search is adaptive, pruned or unfinished.
    """
    _require_fair(baseline)
    expected, best = expected_best(system), float(baseline.values.max())
    chance = chance_to_beat(system, best)
    matched = min(baseline.budget, system.budget)
    return BudgetComparison(
        budgets=(baseline.budget, system.budget),
        baseline_score=best,
        system_score=float(system.values.max()),
        matched=matched,
        matched_score=float(expected[matched - 1]),
        matched_beats=float(chance[matched - 1]),
        break_even_mean=_first_budget(expected > best + TIE),
        break_even_half=_first_budget(chance >= 0.5 - TIE),
    )


def expected_best(scores: Scores) -> Values:
    """Return the expected best of n settings, U(n) for n = 1 .. B, shape (B,).

    U(n) = sum over i of y_(i) C(i - 1, n - 1) / C(B, n), with the scores y in ascending order: the
    mean over all subsets of size n, which is unbiased for n random draws (Tang et al. 2020,
    arXiv:2004.13705). A failed setting uses up budget and counts as the worst finished one. U(1) is
    the mean, U(B) the best score.

    Caveats. It estimates scores on the split that chose, not on other examples: even among equally
    good settings the best of more scores higher there. Near B it depends on a few top settings.

    Raises:
        UserError: the search is adaptive, pruned or unfinished.
    """
    _require_fair(scores)
    ordered = _sort_scores(scores)
    rank = np.arange(1, len(ordered) + 1)
    chances = _chances_within_first(len(ordered))[:, 1:]
    # C(i - 1, n - 1) = C(i, n) n / i
    return np.asarray((chances * rank[:, None] / rank) @ ordered)


def expected_best_band(
    scores: Scores, lowest: float, level: float = LEVEL
) -> tuple[Values, Values]:
    """Return a simultaneous confidence band (B,), (B,) of the expected best of n, for all n.

    The distribution function of the scores is within sqrt(log(2 / (1 - level)) / 2B) of the
    empirical one (Dvoretzky, Kiefer and Wolfowitz 1956, with the constant of Massart 1990). The
    band is the resulting range of the mean of the best of n, for scores from `lowest` (0, or -1 for
    MCC) to 1 (Lourie et al. 2024, arXiv:2311.09480). Failed settings count as in `expected_best`.

    Caveats. The band assumes random draws from a space of settings. For a full grid, U(n) of its
    own settings is known exactly, and the band treats the grid as a sample from a larger space. It
    covers the sampling of settings, not of examples. With few settings it is wide: .78 up and down
    with 3.

    Raises:
        UserError: the search is adaptive, pruned or unfinished.
        ValueError: the level is not between 0 and 1, or a score is not in lowest .. 1.
    """
    _require_fair(scores)
    ordered = _sort_scores(scores)
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
    if ordered[0] < lowest or ordered[-1] > 1:
        raise ValueError(f"expected scores in {lowest} .. 1, got {ordered[0]} .. {ordered[-1]}")
    total = len(ordered)
    slack = np.sqrt(np.log(2 / (1 - level)) / (2 * total))
    below = np.arange(total + 1) / total
    support = np.concatenate([[lowest], ordered, [1.0]])
    low = _mean_of_best(support, np.append(np.minimum(below + slack, 1), 1))
    high = _mean_of_best(support, np.append(np.maximum(below - slack, 0), 1))
    return low, high


def _mean_of_best(support: Values, below: Values) -> Values:
    """Return E[best of n], n = 1 .. B, of a variable with P(X <= support[i]) = below[i]."""
    n = np.arange(1, len(support) - 1)[:, None]
    mass = np.diff(below**n, axis=1, prepend=0)
    return np.asarray(mass @ support)


def chance_to_beat(scores: Scores, against: float) -> Values:
    """Return P(the best of n settings is above `against`) for n = 1 .. B, shape (B,).

    1 - C(k, n) / C(B, n), where k settings, failed ones included, are not above `against`.

    Caveats. This is not a p-value: `against` is a fixed number, and the probability grows with n
    even if all settings are equally good.

    Raises:
        UserError: the search is adaptive, pruned or unfinished.
    """
    _require_fair(scores)
    not_above = scores.budget - int((scores.values > against).sum())
    return np.asarray(1 - _chances_within_first(scores.budget)[:, not_above])


def _chances_within_first(total: int) -> Values:
    """P(n draws of `total` all fall among the first k) = C(k, n) / C(total, n), (n, k + 1)."""
    k = np.arange(total + 1)
    before = np.arange(total)[:, None]
    return np.asarray(np.cumprod(np.maximum(k - before, 0) / (total - before), axis=0))


def _sort_scores(scores: Scores) -> Values:
    failed = np.full(scores.design.failed, scores.values.min())
    return np.sort(np.concatenate([failed, scores.values]))


def _require_fair(scores: Scores) -> None:
    scores.design.require_fair(scores.cell, "a budget's expected best")


def _first_budget(holds: Flags) -> int | None:
    return int(np.argmax(holds)) + 1 if holds.any() else None
