"""Allow for the choice among the settings of two cells, or give the reason why that is impossible.

In: two cells and their `Candidates`. Out: a frozen `Choice`.
"""

from dataclasses import dataclass
from typing import Final

from reports.results.cells import CellResult, Setting
from reports.results.results import CellGroup
from reports.statistics.best_vs_best import BestVsBest, best_vs_best
from reports.statistics.budget import BudgetComparison, compare_budgets
from reports.statistics.candidates import Candidates
from reports.verdicts.pair_tests import SEED
from reports.verdicts.verdict import BASELINE
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig

MOST_TOSSES: Final = 12_000_000
"""Trials of both cells times resamples: 9,999 resamples for up to 1,200 trials, in 100 MB."""
MOST_RESAMPLES: Final = 9_999
FEWEST_RESAMPLES: Final = 999
PER_TEST: Final = 160
"""Resamples per test of a family: the smallest possible p, 2 / (1 + R), is then ALPHA / 4 after
Holm's correction."""

CellPair = tuple[CellResult, CellResult]
"""A baseline's cell and a system's cell."""


def pair_with_baseline(cells: CellGroup) -> list[CellPair]:
    """Pair each cell with the baseline's cell of the same task and encoder, if there is one."""
    bases = {(cell.task, cell.encoder): cell for cell in cells if cell.method == BASELINE}
    return [
        (bases[cell.task, cell.encoder], cell)
        for cell in cells
        if cell.method != BASELINE and (cell.task, cell.encoder) in bases
    ]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The tests that allow for the choice among all settings of two cells, or why they cannot."""

    best: BestVsBest | None = None
    budget: BudgetComparison | None = None
    refused: str | None = None


def choose(cells: CellPair, sides: tuple[Candidates, Candidates], family: int) -> Choice:
    """Run best against best on two cells, for a family of that many comparisons."""
    base, cell = cells
    splits = {side.finished[0].record.selection for side in cells}
    if len(splits) > 1:
        return Choice(refused=f"{base.name} and {cell.name} have different selection splits")
    reasons = [f"{side.cell}: {side.design.unfair}" for side in sides if side.design.unfair]
    epochs = [{count_epochs_offered(trial.config) for trial in side.finished} for side in cells]
    if epochs[0] != epochs[1]:
        reasons.append(
            f"{base.name} and {cell.name} had different numbers of epochs to choose from"
        )
    if reasons:
        return Choice(refused="; ".join(reasons))
    trials = len(sides[0].trials) + len(sides[1].trials)
    try:
        best = best_vs_best(*sides, resamples=count_resamples(trials, family), seed=SEED)
    except UserError as error:  # An unsupported metric, or different numbers of seeds.
        return Choice(refused=str(error))
    return Choice(best=best, budget=compare_budgets(sides[0].scores, sides[1].scores))


def count_epochs_offered(config: TrialConfig) -> int:
    """Return among how many epochs of a trial the selection split chose."""
    return config.trained_epochs if config.select == "best_epoch" else 1


def count_resamples(trials: int, tests: int) -> int:
    """Return how many resamples to draw: as many as time allows, and at least what Holm needs."""
    enough = max(FEWEST_RESAMPLES, PER_TEST * tests)
    return max(enough, min(MOST_RESAMPLES, MOST_TOSSES // trials))


def was_chosen_on(setting: Setting, split: str) -> bool:
    """Return whether the examples of a split chose the setting, possibly as another split."""
    fingerprints = setting.record.fingerprints
    selection = setting.record.selection
    return selection == split or fingerprints.get(selection) == fingerprints[split]
