"""Best against best: a randomization test that allows for the choice among many settings.

In: the `Candidates` of both cells. Out: a frozen `BestVsBest`: the difference between the two best
scores, its p-value, and an adjusted p-value for every system setting.

A setting's score is the mean over its seeds. The statistic is max_i delta_i over the system
settings i, where delta_i is the difference from the best baseline setting. Under the null, one coin
per example, shared by all settings, decides whether the predictions of system and best baseline
setting are swapped on that example, seed by seed. Settings far below the best are left out of the
maximum: they keep their observed deficit (Hansen 2005, A Test for Superior Predictive Ability). For
a baseline that is ahead, the two cells exchange roles.

Shapes: I system settings, J baseline settings, R resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.statistics.candidates import Candidates, align_candidates
from reports.statistics.randomization import TIE
from reports.statistics.swaps import enumerate_tosses, pair_up, swapped_leads, toss_coins
from trainers.records.metrics import Values

MOST_COINS: Final = 13  # up to 2^13 outcomes are enumerated instead of sampled


@dataclass(frozen=True, kw_only=True)
class BestVsBest:
    """The best system setting against the best baseline setting, with `seeds` seeds each.

    A setting is named by its first trial. `p_greater` is the one-sided p-value for a system that is
    ahead, `p_less` for one that is behind (the same test with the cells' roles exchanged).
    `p_settings` maps each system setting to its one-sided p-value against the best baseline
    setting, adjusted for all system settings. `undefined` names trials whose score is undefined
    and counts as 0. `rare` is the number of examples with gold label 1 (f1) or with the rarer label
    (mcc, macro_f1); None for accuracy. `resamples` and `seed` are None if every outcome was
    enumerated.
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
        """Two-sided p-value: twice the smaller of `p_greater` and `p_less`, at most 1."""
        return min(1.0, 2 * min(self.p_greater, self.p_less))

    @property
    def standard_error(self) -> float | None:
        """The Monte Carlo standard error of `p_greater`; None if it is exact."""
        if self.resamples is None:
            return None
        return float(np.sqrt(self.p_greater * (1 - self.p_greater) / self.resamples))

    def signature(self) -> str:
        """Return one machine-readable line on how p was computed; it follows a `Comparison`'s."""
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
    """Test the best setting of one cell against the best of another by swapping predictions.

    A resample counts if T* >= T - 1e-12; p = (1 + count) / (1 + resamples). If at most 13 examples
    can change a difference, all outcomes are enumerated. `p_settings` is a step-down max-T
    adjustment (Westfall and Young 1993, algorithm 4.1), so that of the best setting equals
    `p_greater`.

    Why only the best baseline setting: a system is better if it beats every baseline setting, and
    the evidence is weakest against the best one (an intersection-union test). Taking the minimum
    over all baseline settings in each resample has more power if these are equally good, but
    underrates a baseline whose settings differ in quality: with 12 trials as good as the best of 3
    it rejected in a quarter of simulations at a level of .05.

    Caveats. Rates are from `tests.benchmarks.calibration`, at the size of CoLA, one-sided at .05.

    - The test is conservative if several baseline trials are about as good as the best, because the
      best baseline score is also a maximum: with 360 against 3 equal trials it rejects in less than
      .005 of cases (.055 against a single trial), and it finds a true gain of 2 points in .48.
    - Trials that differ in true quality, as seeds may, favour the larger cell, not the method: .04
      with 360 against 3 trials whose true accuracies have a standard deviation of .8 points. Read
      a budget-matched gain beside it (`reports.statistics.budget`).
    - Choosing an epoch on the same split is a further selection that the test ignores. It is
      conservative if the trials of both cells choose among equally many epochs (.01) and invalid if
      those of the system choose among more (.15 for the best of ten against the last).
    - It holds for a finished grid or random draws, not for pruned or adaptive searches.
    - With more than one pair of trials, all pairs share each swap, so the test is not exact. In
      simulation it keeps its level, except for F1 and MCC with few examples of a label (.09 with
      about 20 of 1,043 against a single trial; see `rare`).

    Raises:
        UserError: either search is adaptive, pruned or unfinished; examples, gold labels, metric,
            classes or seeds per setting differ; or the metric is f1, mcc or macro_f1 with more than
            two labels.
        ValueError: resamples < 1.
    """
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, got {resamples}")
    for cell in (baseline, system):
        cell.design.require_fair(cell.cell, "best against best")
    system = align_candidates(baseline, system)
    pairs = pair_up(baseline, system)
    exact = pairs.movable <= MOST_COINS
    generator = np.random.default_rng(seed)
    if exact:
        blocks = enumerate_tosses(pairs.movable)
    else:
        blocks = toss_coins(pairs.movable, resamples, generator)
    swapped = [swapped_leads(pairs, coins) for coins in blocks]
    scores, others = system.scores.values, baseline.scores.values
    sides = (scores - others.max(), others - scores.max())
    p_ahead, p_behind = (
        _p_values(observed, outcomes, n=len(system.ids), count_observed=not exact)
        for observed, outcomes in zip(sides, zip(*swapped, strict=True), strict=True)
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
        p_greater=float(p_ahead[system.best]),
        p_less=float(p_behind[baseline.best]),
        p_settings=dict(zip(system.names, p_ahead.tolist(), strict=True)),
        undefined=baseline.undefined + system.undefined,
        rare=_count_rare_label(system),
        resamples=None if exact else resamples,
        seed=None if exact else seed,
    )


def _p_values(
    observed: Values, swapped: Sequence[Values], *, n: int, count_observed: bool
) -> Values:
    """Return adjusted p-values (I,) of each setting's lead over the other cell's best setting.

    `swapped` are blocks (I, r) of swapped leads. `count_observed` adds the observed outcome, for
    sampled outcomes. Step-down: each lead is compared with the largest swapped lead among its own
    and all worse settings, and no p-value is below that of a better setting.
    """
    total = sum(block.shape[1] for block in swapped)
    variance = sum((block**2).sum(axis=1) for block in swapped) / total
    shift = _null_means(observed, variance, n)[:, None]
    order = np.argsort(observed, kind="stable")
    reached = np.full(len(observed), int(count_observed))
    for block in swapped:
        largest = np.maximum.accumulate((block + shift)[order], axis=0)
        reached += (largest >= observed[order, None] - TIE).sum(axis=1)
    adjusted = np.empty_like(observed)
    adjusted[order[::-1]] = np.maximum.accumulate(reached[::-1] / (total + count_observed))
    return adjusted


def _null_means(observed: Values, variance: Values, n: int) -> Values:
    """Return each setting's mean lead under the null: its observed deficit if large, else 0.

    A deficit is large if it exceeds sqrt(2 log log n) standard deviations for n examples (Hansen
    2005). The best setting of a cell always stays in the test.
    """
    threshold = 2 * np.log(np.log(max(n, 3)))
    far_below = (observed < 0) & (observed**2 > threshold * variance) & (observed < observed.max())
    return np.where(far_below, observed, 0.0)


def _count_rare_label(cell: Candidates) -> int | None:
    if cell.metric.test == "mcnemar":
        return None
    counts = np.bincount(cell.gold, minlength=2)
    return int(counts[1] if cell.metric.name == "f1" else counts.min())
