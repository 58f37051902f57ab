"""Best against best: is the best of many settings better than the best of a baseline's few?

In: the `Candidates` of both cells. Out: a frozen `BestVsBest`, with the difference of the two best
scores, its p-value, and a p-value of every system setting that is adjusted for all of them.

A setting's score is the mean over its seeds. The statistic is max over system settings i of
delta_i, their difference from the best baseline setting: the best system score less the best
baseline score. Null: one swap coin per example, shared by all settings; the predictions of system
and best baseline setting on a swapped example change places, each seed's with one of the other's.
Settings that are clearly worse stay as far behind as they are (Hansen 2005, A Test for Superior
Predictive Ability). For a baseline ahead the two cells change roles.

Shapes: I system settings, J baseline settings, R resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.statistics.candidates import Candidates, in_order_of
from reports.statistics.randomization import TIE
from reports.statistics.swaps import every_toss, leads, pair_up, toss
from trainers.records.metrics import Values

MOST_COINS: Final = 13  # up to 2^13 outcomes are enumerated instead of sampled


@dataclass(frozen=True, kw_only=True)
class BestVsBest:
    """The best system setting against the best baseline setting, of `seeds` seeds each.

    A setting is named by its first trial. `p_greater` is one-sided, for a system ahead of the
    baseline, `p_less` for one behind: it is `p_greater` with the cells' roles exchanged.
    `p_settings` is the one-sided p of each system setting, by name, against the best baseline
    setting, adjusted for all of them. `undefined` names trials
    whose score is 0 only because it is undefined. `rare` is how many examples have gold label 1
    (f1) or the rarer one (mcc, macro_f1); None for accuracy. `resamples` and `seed` are None where
    every outcome was enumerated.
    """

    metric: str
    n: int
    settings: tuple[int, int]
    seeds: int
    baseline_setting: str
    system_setting: str
    baseline_score: float
    system_score: float
    p_greater: float
    p_less: float
    p_settings: Mapping[str, float]
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
        """Two-sided: twice the smaller tail, at most 1; it speaks for the one that is ahead."""
        return min(1.0, 2 * min(self.p_greater, self.p_less))

    @property
    def standard_error(self) -> float | None:
        """The Monte Carlo standard error of `p_greater`; None where it is exact."""
        if self.resamples is None:
            return None
        return float(np.sqrt(self.p_greater * (1 - self.p_greater) / self.resamples))

    def signature(self) -> str:
        """Say in one machine-readable line how p was computed, to follow a `Comparison`'s."""
        baseline, system = self.settings
        parts = [f"sel:best{system}-vs-best{baseline}"]
        parts += [f"seeds:{self.seeds}"] if self.seeds > 1 else []
        parts += [f"p_sel:{self.p_value:.4g}"]
        parts += [f"p_sel_greater:{self.p_greater:.4g}"]
        if self.resamples is not None:
            parts += [f"se_sel:{self.standard_error:.2g}", f"R:{self.resamples}"]
            parts += [f"seed:{self.seed}"]
        return "|".join(parts)


def best_vs_best(
    baseline: Candidates, system: Candidates, *, resamples: int = 9999, seed: int = 12345
) -> BestVsBest:
    """Test the best of one cell's settings against the best of another's by swapping predictions.

    A resample counts when T* >= T - 1e-12; p = (1 + count) / (1 + resamples). Where at most 13
    examples can move, all outcomes are enumerated. `p_settings` steps down (Westfall and Young
    1993, algorithm 4.1, max-T), so the best setting's equals `p_greater`.

    Why against the best baseline trial alone: a system is better when it beats every baseline
    trial, and the least evidence is against the best one (an intersection-union test). The minimum
    over all baseline trials in each resample would have more power where these are equal, but takes
    a baseline whose settings differ in quality for a weaker one than it is: of 12 trials as good as
    the best of 3 it found a better one in a quarter of simulations, at a level of .05.

    Caveats. Where several baseline trials are nearly as good as the best one the test is
    conservative, since the best one's score is chosen, too: of 360 against 3 equal trials at the
    size of CoLA, one-sided at .05, it rejects less than .005, against one trial .055, and of 360
    trials that are 2 points better than 3 it finds .48 (`tests.benchmarks.calibration`). Trials
    that truly differ in quality, as seeds may, give the larger cell an advantage that is theirs,
    not the method's: .04 of 360 against 3 where their true accuracies have a standard deviation of
    .8 points. So read a budget-matched number beside it (`reports.statistics.budget`). The choice
    of an epoch on the same split is one more level of selection, which it does not see: it makes
    the test conservative where trials of both cells choose among as many epochs (.01), and invalid
    where those of the system choose among more (.15 for the best of ten against the last). It holds
    for a finished grid or random draws, not for pruned or adaptive searches. With more than one
    pair of trials one swap stands for all pairs, so it is not exact; in simulation it keeps its
    level, but for F1 and MCC with few examples of a label (.09 with some 20 of 1,043 against a
    single trial, `rare`).

    Raises:
        UserError: either search is adaptive, pruned or unfinished; the two do not have the same
            examples, gold labels, metric and classes, or not as many seeds of each setting; or the
            metric is f1, mcc or macro_f1 of more than two labels.
        ValueError: resamples < 1.
    """
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, got {resamples}")
    for cell in (baseline, system):
        cell.design.require_fair(cell.cell, "best against best")
    system = in_order_of(baseline, system)
    pairs = pair_up(baseline, system)
    every = pairs.movable <= MOST_COINS
    generator = np.random.default_rng(seed)
    blocks = every_toss(pairs.movable) if every else toss(pairs.movable, resamples, generator)
    swapped = [leads(pairs, coins) for coins in blocks]
    scores, others = system.scores.values, baseline.scores.values
    sides = (scores - others.max(), others - scores.max())
    ahead, behind = (
        _p_values(observed, found, n=len(system.ids), observed_again=not every)
        for observed, found in zip(sides, zip(*swapped, strict=True), strict=True)
    )
    return BestVsBest(
        metric=system.metric.name,
        n=len(system.ids),
        settings=(baseline.settings, system.settings),
        seeds=system.seeds,
        baseline_setting=baseline.names[baseline.best],
        system_setting=system.names[system.best],
        baseline_score=float(others.max()),
        system_score=float(scores.max()),
        p_greater=float(ahead[system.best]),
        p_less=float(behind[baseline.best]),
        p_settings=dict(zip(system.names, ahead.tolist(), strict=True)),
        undefined=baseline.undefined + system.undefined,
        rare=_rare(system),
        resamples=None if every else resamples,
        seed=None if every else seed,
    )


def _p_values(
    observed: Values, swapped: Sequence[Values], *, n: int, observed_again: bool
) -> Values:
    """p of each trial's lead on the other cell's best (I,), adjusted for all of its own cell.

    `swapped` are blocks (I, r) of swapped leads; where they are a sample, the observed outcome
    counts once more. Step down: a lead is compared with the largest swapped lead of its trial and
    the worse ones, and no p is below that of a better trial.
    """
    total = sum(block.shape[1] for block in swapped)
    variance = sum((block**2).sum(axis=1) for block in swapped) / total
    back = _left_behind(observed, variance, n)[:, None]
    order = np.argsort(observed, kind="stable")
    reached = np.full(len(observed), int(observed_again))
    for block in swapped:
        largest = np.maximum.accumulate((block + back)[order], axis=0)
        reached += (largest >= observed[order, None] - TIE).sum(axis=1)
    adjusted = np.empty_like(observed)
    adjusted[order[::-1]] = np.maximum.accumulate(reached[::-1] / (total + observed_again))
    return adjusted


def _left_behind(observed: Values, variance: Values, n: int) -> Values:
    """How far behind a trial stays in every resample: its lead where it is clearly worse, else 0.

    That is where it trails the other cell's best by sqrt(2 log log n) standard deviations (Hansen
    2005), n examples. The best trial of a cell is in the test whatever its lead is.
    """
    most = 2 * np.log(np.log(max(n, 3)))
    clear = (observed < 0) & (observed**2 > most * variance) & (observed < observed.max())
    return np.where(clear, observed, 0.0)


def _rare(cell: Candidates) -> int | None:
    if cell.metric.test == "mcnemar":
        return None
    counts = np.bincount(cell.gold, minlength=2)
    return int(counts[1] if cell.metric.name == "f1" else counts.min())
