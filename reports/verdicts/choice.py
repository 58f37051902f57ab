"""The choice among the settings of two cells: what allows for it, or why nothing does.

In: two cells and their `Candidates`. Out: a frozen `Choice`.
"""

from dataclasses import dataclass
from typing import Final

from reports.results.cells import CellResult, Setting
from reports.results.results import Board
from reports.statistics.best_vs_best import BestVsBest, best_vs_best
from reports.statistics.budget import BudgetComparison, compare_budgets
from reports.statistics.candidates import Candidates
from reports.verdicts.pair_tests import SEED
from reports.verdicts.verdict import BASELINE
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig

MOST_TOSSES: Final = 12_000_000
"""Of a cell and its baseline's: trials times resamples; 9,999 for up to 1,200 trials, 100 MB."""
MOST_RESAMPLES: Final = 9_999
FEWEST_RESAMPLES: Final = 999
PER_TEST: Final = 160
"""Resamples for each test of a family: the least p, twice 1 / (1 + R), is then ALPHA / 4 after
Holm's correction."""

Versus = tuple[CellResult, CellResult]
"""A baseline's cell, and a system's."""


def versus(board: Board) -> list[Versus]:
    """Pair each cell of a board with the baseline's of its task and encoder, if it has one."""
    bases = {(cell.task, cell.encoder): cell for cell in board if cell.method == BASELINE}
    return [
        (bases[cell.task, cell.encoder], cell)
        for cell in board
        if cell.method != BASELINE and (cell.task, cell.encoder) in bases
    ]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What allows for the choice among all settings of two cells, or why nothing does."""

    best: BestVsBest | None = None
    budget: BudgetComparison | None = None
    refused: str | None = None


def choose(cells: Versus, sides: tuple[Candidates, Candidates], family: int) -> Choice:
    """Test the best setting of a cell against the baseline's best, as the best of as many."""
    base, cell = cells
    splits = {side.finished[0].record.selection for side in cells}
    if len(splits) > 1:
        return Choice(refused=f"{base.name} and {cell.name} were chosen on different splits")
    reasons = [f"{side.cell}: {side.design.unfair}" for side in sides if side.design.unfair]
    epochs = [{epochs_offered(trial.config) for trial in side.finished} for side in cells]
    if epochs[0] != epochs[1]:
        reasons.append(
            f"{base.name} and {cell.name} had different numbers of epochs to choose from"
        )
    if reasons:
        return Choice(refused="; ".join(reasons))
    trials = len(sides[0].trials) + len(sides[1].trials)
    try:
        best = best_vs_best(*sides, resamples=resamples_for(trials, family), seed=SEED)
    except UserError as error:  # Of the metric, or of uneven seeds: nothing else is left to refuse.
        return Choice(refused=str(error))
    return Choice(best=best, budget=compare_budgets(sides[0].scores, sides[1].scores))


def epochs_offered(config: TrialConfig) -> int:
    """Among how many epochs of a trial its selection split chose."""
    return config.trained_epochs if config.select == "best_epoch" else 1


def resamples_for(trials: int, tests: int) -> int:
    """As many resamples as so many trials leave time for, and a family of tests needs."""
    enough = max(FEWEST_RESAMPLES, PER_TEST * tests)
    return max(enough, min(MOST_RESAMPLES, MOST_TOSSES // trials))


def chose(setting: Setting, split: str) -> bool:
    """Say whether a split's examples chose the setting, under whatever name."""
    prints = setting.record.fingerprints
    selection = setting.record.selection
    return selection == split or prints.get(selection) == prints[split]
