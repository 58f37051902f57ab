"""Best against best: is the best of many system trials better than the best of few baseline ones?

In: the `Candidates` of both cells. Out: a frozen `BestVsBest`, with the difference of the two best
scores, its p-value, and a p-value of every system trial that is adjusted for all of them.

The statistic is T = max over system trials i of min over baseline trials j of delta_ij: on the
observed data the best system score less the best baseline score. Null: one swap coin per example,
shared by all pairs; in every pair the two predictions on a swapped example change places.

Shapes: I system trials, R resamples.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.candidates import Candidates, in_order_of
from reports.statistics.randomization import TIE
from reports.statistics.significance import System
from reports.statistics.swaps import Floats, Pairs, every_toss, leads, pair_up, toss
from trainers.metrics import Values

MOST_COINS: Final = 13  # up to 2^13 outcomes are enumerated instead of sampled


@dataclass(frozen=True, kw_only=True)
class BestVsBest:
    """The best system trial against the best baseline trial.

    `p_greater` is one-sided, for a system ahead of the baseline, `p_less` for one behind;
    `p_trials` is the one-sided p of each system trial, by name, against the best baseline, adjusted
    for all of them. `undefined` names trials whose score is 0 only because it is undefined.
    `rare` is how many examples have gold label 1 (f1) or the rarer one (mcc, macro_f1); None for
    accuracy. `resamples` and `seed` are None where every outcome was enumerated.
    """

    metric: str
    n: int
    trials: tuple[int, int]
    baseline_trial: str
    system_trial: str
    baseline_score: float
    system_score: float
    p_greater: float
    p_less: float
    p_trials: Mapping[str, float]
    undefined: tuple[str, ...] = ()
    rare: int | None = None
    resamples: int | None = None
    seed: int | None = None

    @property
    def delta(self) -> float:
        """The best system score less the best baseline score."""
        return self.system_score - self.baseline_score

    @property
    def p_value(self) -> float:
        """Two-sided: twice the smaller tail, at most 1; `favours` says which side it speaks for.

        With unequal numbers of trials T is not centred at 0, so counting |T| would put nearly all
        of the error on the larger cell's side.
        """
        return min(1.0, 2 * min(self.p_greater, self.p_less))

    @property
    def favours(self) -> System:
        """Whom the smaller tail favours; `delta` cannot say it.

        Even equal trials of the larger cell are expected to lead: a lead that is smaller than that
        speaks for the other cell.
        """
        return "system" if self.p_greater < self.p_less else "baseline"

    @property
    def standard_error(self) -> float | None:
        """The Monte Carlo standard error of `p_greater`; None where it is exact."""
        if self.resamples is None:
            return None
        return float(np.sqrt(self.p_greater * (1 - self.p_greater) / self.resamples))

    def signature(self) -> str:
        """Say in one machine-readable line how p was computed, to follow a `Comparison`'s."""
        baseline, system = self.trials
        parts = [f"sel:best{system}-vs-best{baseline}", f"p_sel:{self.p_value:.4g}"]
        parts += [f"p_sel_greater:{self.p_greater:.4g}"]
        if self.resamples is not None:
            parts += [f"se_sel:{self.standard_error:.2g}", f"R:{self.resamples}"]
            parts += [f"seed:{self.seed}"]
        return "|".join(parts)


def best_vs_best(
    baseline: Candidates, system: Candidates, *, resamples: int = 9999, seed: int = 12345
) -> BestVsBest:
    """Test the best of one cell's trials against the best of another's by swapping predictions.

    A resample counts when T* >= T - 1e-12; p = (1 + count) / (1 + resamples). Where at most 13
    examples can move, all outcomes are enumerated. `p_trials` steps down (Westfall and Young 1993,
    algorithm 4.1, max-T) over min_j delta_ij, so the best trial's equals `p_greater`. The statistic
    and its null are this project's own: simulation is what vouches for them.

    Caveats. It asks whether the best trials differ more than the choice among exchangeable trials
    explains. Trials that truly differ in quality, as seeds may, give the larger cell an advantage
    which this test inherits: of 360 against 3 trials at the size of CoLA, one-sided at .05, it
    rejects .04 where all are equal, and .05, .08 and .31 where their true accuracies have standard
    deviations of .2, .4 and .8 points (`tests.benchmarks.calibration`). So read a budget-matched
    number beside it (`reports.statistics.budget`). The choice of an epoch on the same split is one
    more level of selection, which it does not see: it makes the test conservative where trials of
    both cells choose among as many epochs (.01), and invalid where those of the system choose among
    more (.19 for the best of ten against the last). It holds for a finished grid or random draws,
    not for pruned or adaptive searches. With more than one pair of trials one swap stands for all
    pairs, so it is not exact; in simulation it keeps its level, but for F1 and MCC with few
    examples of gold label 1: .12 with some 20 of 1,043, .06 to .10 with 50 (`rare`).

    Raises:
        UserError: either search is adaptive, pruned or unfinished; the two do not have the same
            examples, gold labels, metric and classes; or the metric is f1, mcc or macro_f1 of more
            than two labels.
        ValueError: resamples < 1.
    """
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, got {resamples}")
    for cell in (baseline, system):
        cell.design.require_fair(cell.cell, "best against best")
    system = in_order_of(baseline, system)
    pairs = pair_up(baseline, system)
    if pairs.movable <= MOST_COINS:
        tail = _tail(pairs, baseline, system, every_toss(pairs.movable), observed_again=0)
        return _result(baseline, system, tail, None)
    coins = toss(pairs.movable, resamples, np.random.default_rng(seed))
    tail = _tail(pairs, baseline, system, coins, observed_again=1)
    return _result(baseline, system, tail, (resamples, seed))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tail:
    """p of T* <= T, and of each system trial (I,)."""

    less: float
    trials: Values


def _tail(
    pairs: Pairs,
    baseline: Candidates,
    system: Candidates,
    blocks: Iterable[Floats],
    *,
    observed_again: int,
) -> _Tail:
    """Count over the coins; where they are a sample, the observed outcome counts once more.

    Step down: a trial's lead is compared with the largest swapped lead among it and the worse
    trials, and no trial's p is below that of a better one.
    """
    observed = system.scores.values - baseline.scores.values.max()
    order = np.argsort(observed, kind="stable")
    total = less = observed_again
    reached = np.full(len(observed), observed_again)
    for coins in blocks:
        largest = np.maximum.accumulate(leads(pairs, coins)[order], axis=0)
        reached += (largest >= observed[order, None] - TIE).sum(axis=1)
        less += int((largest[-1] <= observed.max() + TIE).sum())
        total += len(coins)
    adjusted = np.empty_like(observed)
    adjusted[order[::-1]] = np.maximum.accumulate(reached[::-1] / total)
    return _Tail(less=less / total, trials=adjusted)


def _result(
    baseline: Candidates, system: Candidates, tail: _Tail, sampled: tuple[int, int] | None
) -> BestVsBest:
    resamples, seed = sampled or (None, None)
    best = system.best
    return BestVsBest(
        metric=system.metric.name,
        n=len(system.ids),
        trials=(len(baseline.trials), len(system.trials)),
        baseline_trial=baseline.trials[baseline.best],
        system_trial=system.trials[best],
        baseline_score=float(baseline.scores.values.max()),
        system_score=float(system.scores.values[best]),
        p_less=tail.less,
        p_greater=float(tail.trials[best]),
        p_trials=dict(zip(system.trials, tail.trials.tolist(), strict=True)),
        undefined=baseline.undefined + system.undefined,
        rare=_rare(system),
        resamples=resamples,
        seed=seed,
    )


def _rare(cell: Candidates) -> int | None:
    if cell.metric.name == "accuracy":
        return None
    counts = np.bincount(cell.gold, minlength=2)
    return int(counts[1] if cell.metric.name == "f1" else counts.min())
