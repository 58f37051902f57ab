"""The choice of a trial: what choosing the best of many does to a cell's number and to its test.

In: cells, and the store. Out: a frozen `Choice` of each cell, on the split that chose its trial.
Whatever needs all trials trained to their end is None for a cell whose trials were not, and the
reason is kept in words.

Cells are read one (task, encoder) at a time, side by side in threads: predictions without class
scores, and as many resamples as a large cell leaves time for.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from reports.cells import RESAMPLES, SEED, CellResult, FinishedTrial, Key, gather, paired_test
from reports.statistics.best_vs_best import BestVsBest, best_vs_best
from reports.statistics.budget import BudgetComparison, compare_budgets
from reports.statistics.candidates import Candidates, in_order_of
from reports.statistics.gap import Gap, smallest_gap
from reports.statistics.honest import HonestScore, honest_score
from reports.statistics.seeds import SeedSpread, seed_spread
from reports.statistics.significance import Comparison
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig
from trainers.records.metrics import get_metric
from trainers.records.outcome import Labelled
from trainers.records.store import Store

BASELINE: Final = "standard"
ALPHA: Final = 0.05
AT_ONCE: Final = 2
"""Tasks and encoders: each takes up to half a gigabyte; matrix products use all cores anyway."""
MOST_TOSSES: Final = 12_000_000
"""Of a cell and its baseline's: trials times resamples; 9,999 for up to 1,200 trials, 100 MB."""
FEWEST_RESAMPLES: Final = 999
PER_TEST: Final = 160
"""Resamples for each test of a family: the least p, twice 1 / (1 + R), is then ALPHA / 4 after
Holm's correction."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A cell's chosen trial on `split`, which chose it, beside the baseline's chosen trial.

    The baseline's own has neither `comparison`, `gap`, `best`, `budget` nor `refused`; a cell
    without a baseline lacks them, too. `refused` says why `best` and `budget` are None.
    """

    split: str
    honest: HonestScore | None = None
    comparison: Comparison | None = None
    gap: Gap | None = None
    best: BestVsBest | None = None
    budget: BudgetComparison | None = None
    refused: str | None = None


def choices(cells: Sequence[CellResult], store: Store) -> dict[Key, Choice]:
    """Work out the choice of every cell that has a finished trial.

    Raises:
        CorruptTrial: predictions do not match their checksum.
        UserError: trials of a cell did not predict the same examples with the same gold labels.
    """
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for cell in cells:
        if cell.finished:
            groups.setdefault((cell.task, cell.encoder), []).append(cell)
    tests = sum(cell.method != BASELINE for cell in cells)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        found = pool.map(lambda group: _of_group(group, store, tests), groups.values())
        return {key: choice for group in found for key, choice in group.items()}


def _of_group(cells: Sequence[CellResult], store: Store, tests: int) -> dict[Key, Choice]:
    """One task and encoder; the baseline's predictions are read once for all methods."""
    base = next((cell for cell in cells if cell.method == BASELINE), None)
    baseline = read_candidates(base, store) if base else None
    found = {}
    for cell in cells:
        system = baseline if baseline and cell is base else read_candidates(cell, store)
        honest = None if system.design.unfair else honest_score(system, seed=SEED)
        alone = Choice(split=_split(cell), honest=honest)
        if base is None or baseline is None or cell is base:
            found[cell.key] = alone
        elif _split(cell) != _split(base):
            why = f"{base.name} and {cell.name} were chosen on different splits"
            found[cell.key] = replace(alone, refused=why)
        else:
            pair = _pair(baseline, system, alone)
            found[cell.key] = _against(baseline, system, pair, _uneven(base, cell), tests)
    return found


def _split(cell: CellResult) -> str:
    return cell.finished[0].record.selection


def _uneven(base: CellResult, cell: CellResult) -> list[str]:
    """Say so where the selection split chose among more epochs of one cell's trials."""
    sides = [{epochs_offered(trial.config) for trial in side.finished} for side in (base, cell)]
    if sides[0] == sides[1]:
        return []
    return [f"{base.name} and {cell.name} had different numbers of epochs to choose from"]


def epochs_offered(config: TrialConfig) -> int:
    """Among how many epochs of a trial its selection split chose."""
    return config.trained_epochs if config.select == "best_epoch" else 1


def _against(
    baseline: Candidates, system: Candidates, pair: Choice, uneven: list[str], tests: int
) -> Choice:
    """Add what allows for the choice among all trials, or the reasons why nothing does."""
    sides = (baseline, system)
    reasons = [f"{side.cell}: {side.design.unfair}" for side in sides if side.design.unfair]
    if reasons or uneven:
        return replace(pair, refused="; ".join(reasons + uneven))
    trials = len(baseline.trials) + len(system.trials)
    try:
        best = best_vs_best(baseline, system, resamples=resamples_for(trials, tests), seed=SEED)
    except UserError as error:  # Of the metric: nothing else is left to refuse.
        return replace(pair, refused=str(error))
    return replace(pair, best=best, budget=compare_budgets(baseline.scores, system.scores))


def _pair(baseline: Candidates, system: Candidates, alone: Choice) -> Choice:
    """Test the two chosen trials as if they were the only ones, and ask what could be seen."""
    aligned = in_order_of(baseline, system)
    labels = (
        baseline.gold,
        baseline.predicted[baseline.best],
        aligned.predicted[aligned.best],
    )
    metric, classes = system.metric, system.n_classes
    return replace(
        alone,
        comparison=paired_test(*labels, metric=metric, n_classes=classes),
        gap=smallest_gap(*labels, metric, classes, resamples=RESAMPLES, seed=SEED),
    )


def resamples_for(trials: int, tests: int) -> int:
    """As many resamples as so many trials leave time for, and a family of tests needs."""
    enough = max(FEWEST_RESAMPLES, PER_TEST * tests)
    return max(enough, min(RESAMPLES, MOST_TOSSES // trials))


def read_candidates(cell: CellResult, store: Store) -> Candidates:
    """Read all finished trials of a cell on the split that they are chosen by.

    Raises:
        CorruptTrial, UserError: as `choices` does.
    """
    split = _split(cell)
    other = [trial for trial in cell.finished if trial.record.selection != split]
    if other:
        raise UserError(
            f"{cell.name}: trial {other[0].record.signature} was chosen on another split than"
            f" {cell.finished[0].record.signature}: report them from two studies"
        )
    record = cell.finished[0].record
    metric, n_classes = get_metric(record.metric), len(record.labels)
    first = store.labels(record, split)
    predicted = np.empty((len(cell.finished), len(first.gold)), dtype=first.gold.dtype)
    for row, trial in enumerate(cell.finished):
        entry = store.labels(trial.record, split) if row else first
        if not _same_examples(first, entry):
            every = {t.record.signature: store.predictions(t.record, split) for t in cell.finished}
            return gather(cell.name, every, metric=metric, n_classes=n_classes, design=cell.design)
        predicted[row] = entry.predicted
    return Candidates(
        cell=cell.name,
        trials=tuple(trial.record.signature for trial in cell.finished),
        ids=tuple(first.ids.to_pylist()),
        gold=first.gold,
        predicted=predicted,
        metric=metric,
        n_classes=n_classes,
        design=cell.design,
    )


def _same_examples(first: Labelled, other: Labelled) -> bool:
    return bool(first.ids.equals(other.ids) and np.array_equal(first.gold, other.gold))


def spread_over_seeds(
    cell: CellResult, split: str, delta: float, store: Store
) -> SeedSpread | None:
    """Put a difference on a split beside the chosen setting's spread over seeds, if it has some.

    Raises:
        CorruptTrial: a trial's score is not that of its predictions.
    """
    if cell.best is None:
        return None
    same = [trial for trial in cell.finished if _same_setting(trial, cell.best)]
    there = [trial for trial in same if split in trial.record.scores]
    scores = {}
    for trial in there if len(there) > 1 else ():
        record = store.trusted(trial.record.signature)
        scores[trial.config.seed] = record.scores[split][record.metric].value
    return seed_spread(scores, delta) if len(scores) > 1 else None


def _same_setting(one: FinishedTrial, other: FinishedTrial) -> bool:
    """Equal but for the seed; field by field, since a large cell asks thousands of times."""
    fields = (name for name in TrialConfig.model_fields if name != "seed")
    return all(getattr(one.config, name) == getattr(other.config, name) for name in fields)
