"""Budgets: how good the best of n trials is to be expected, and how many it takes to win.

In: the `Scores` of a baseline's and of a system's cell, no predictions. Out: a frozen
`BudgetComparison`, and the curves that it is made of.

All of it is about trials drawn without replacement from those that were run. It knows nothing of
the examples: it is no test, and the scores are those on the split that trials were chosen on.

Shapes: B trials, failed ones included.
"""

from dataclasses import dataclass

import numpy as np

from reports.statistics.candidates import Scores
from reports.statistics.randomization import TIE
from trainers.records.metrics import Flags, Values

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class BudgetComparison:
    """A system's trials against the best of a baseline's.

    `matched` is the smaller of the two budgets, `matched_score` the expected best of as many system
    trials, `matched_beats` the probability that it beats the baseline's best score. The break-even
    budgets are the least n whose expected best is above the baseline's best, and the least whose
    best beats it with probability .5; None where no n up to the system's budget does.
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
        """What remains of the difference when the system gets no more trials than the baseline."""
        return self.matched_score - self.baseline_score


def compare_budgets(baseline: Scores, system: Scores) -> BudgetComparison:
    """Compare a system's best of n trials with the baseline's best score.

    Caveats. The baseline's best is taken as it is, a fixed number. Ties do not beat it, and 1e-12
    is a tie: a mean of equal scores may be off by rounding. These are scores on the split of the
    choice: their expected best grows with n even among equal trials.

    Raises:
        UserError: either search is adaptive, pruned or unfinished.
    """
    _fair(baseline)
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
        break_even_mean=_first(expected > best + TIE),
        break_even_half=_first(chance >= 0.5 - TIE),
    )


def expected_best(scores: Scores) -> Values:
    """The expected best of n trials, U(n) for n = 1 .. B, shape (B,).

    U(n) = sum over i of y_(i) C(i - 1, n - 1) / C(B, n), with the scores y in ascending order: the
    mean over all subsets of n, and so unbiased for n random draws (Tang et al. 2020,
    arXiv:2004.13705). A failed trial spends budget and counts as the worst finished one. U(1) is
    the mean, U(B) the best score.

    Caveats. It says what a budget buys on the split of the choice, not on other examples: of equal
    trials, too, the best of more scores higher on it. Near B it rests on the few best trials.

    Raises:
        UserError: the search is adaptive, pruned or unfinished.
    """
    _fair(scores)
    ordered = _ordered(scores)
    place = np.arange(1, len(ordered) + 1)
    inside = _inside(len(ordered))[:, 1:]
    # C(i - 1, n - 1) = C(i, n) n / i
    return np.asarray((inside * place[:, None] / place) @ ordered)


def expected_best_band(
    scores: Scores, lowest: float, level: float = LEVEL
) -> tuple[Values, Values]:
    """A band (B,), (B,) that holds the expected best of n random draws, for all n at once.

    The scores' distribution function is within sqrt(log(2 / (1 - level)) / 2B) of the observed one
    (Dvoretzky, Kiefer and Wolfowitz 1956, with the constant of Massart 1990); the band is what this
    leaves for the mean of the best of n, on scores from `lowest` (0, or -1 for MCC) to 1
    (Lourie et al. 2024, arXiv:2311.09480). Failed trials count as in `expected_best`.

    Caveats. For draws at random from a space of settings. For a full grid, U(n) of its own trials
    is known without error, and the band is about a space that the grid would be a sample of. It is
    about the draw of trials, not of examples. With few trials it is wide: .78 up and down at 3.

    Raises:
        UserError: the search is adaptive, pruned or unfinished.
        ValueError: the level is not between 0 and 1, or a score is not in lowest .. 1.
    """
    _fair(scores)
    ordered = _ordered(scores)
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
    """E[best of n] for n = 1 .. B of a variable that is at most support[i] with P = below[i]."""
    n = np.arange(1, len(support) - 1)[:, None]
    mass = np.diff(below**n, axis=1, prepend=0)
    return np.asarray(mass @ support)


def chance_to_beat(scores: Scores, against: float) -> Values:
    """The probability that the best of n trials is above `against`, for n = 1 .. B, shape (B,).

    1 - C(k, n) / C(B, n), with k trials that are not above it, failed ones among them.

    Caveats. It is about the draw of trials alone, and no p-value: `against` is taken as it is, and
    with equal trials the chance grows with n all the same.

    Raises:
        UserError: the search is adaptive, pruned or unfinished.
    """
    _fair(scores)
    not_above = scores.budget - int((scores.values > against).sum())
    return np.asarray(1 - _inside(scores.budget)[:, not_above])


def _inside(total: int) -> Values:
    """P(n draws of `total` all fall among the first k) = C(k, n) / C(total, n), (n, k + 1)."""
    k = np.arange(total + 1)
    before = np.arange(total)[:, None]
    return np.asarray(np.cumprod(np.maximum(k - before, 0) / (total - before), axis=0))


def _ordered(scores: Scores) -> Values:
    failed = np.full(scores.design.failed, scores.values.min())
    return np.sort(np.concatenate([failed, scores.values]))


def _fair(scores: Scores) -> None:
    scores.design.require_fair(scores.cell, "a budget's expected best")


def _first(holds: Flags) -> int | None:
    return int(np.argmax(holds)) + 1 if holds.any() else None
