"""Stores whose trials predicted what a test says: cells of trials that differ in learning rate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reports.results.cells import CellResult, read_groups
from reports.results.results import Results, read_results
from reports.study_reports import study_reports
from reports.tables.build import build_reports
from reports.tables.report import Report
from reports.tables.table import Table
from reports.verdicts.judge import Verdicts, judge
from search_spaces.cells import group_trials
from search_spaces.methods import settings_type
from search_spaces.study import Study
from search_spaces.trial import TrialConfig
from tests.results import MOMENT, labelled, result_of, stopped
from trainers.records.outcome import FailureRecord, TrialRecord
from trainers.records.store import Store

OPTIONS: dict[str, dict[str, float]] = {
    "standard": {},
    "at": {"epsilon": 0.01},
    "cat": {"epsilon": 0.01, "tau": 0.1, "lambda": 0.3},
}


def trials(method: str, n: int, task: str = "rte", **changes: Any) -> list[TrialConfig]:
    """Return a cell's n trials, in a grid over learning rates."""
    settings = {
        "task": task,
        "encoder": "tiny",
        "method": settings_type(method).model_validate(OPTIONS[method]),
        "epochs": 1,
        "batch_size": 16,
    }
    rates = [1e-5 * (place + 1) for place in range(n)]
    return [TrialConfig.model_validate(settings | {"lr": rate} | changes) for rate in rates]


def seeded(method: str, settings: int, seeds: int, task: str = "rte") -> list[TrialConfig]:
    """A cell's trials, the seeds of a setting one after the other."""
    grid = trials(method, settings, task)
    return [trial.with_seed(seed) for trial in grid for seed in range(seeds)]


def predict(
    store: Store,
    cell: Sequence[TrialConfig],
    gold: ArrayLike,
    rows: ArrayLike,
    splits: Sequence[str] = ("dev",),
    n_classes: int = 2,
) -> None:
    """Let each trial of a cell predict its row (M, N), the same on every split."""
    for trial, row in zip(cell, np.asarray(rows), strict=True):
        kept = dict.fromkeys(splits, labelled(gold, row, n_classes))
        store.commit(trial, result_of(trial, kept, n_classes))


def fail(store: Store, trial: TrialConfig) -> None:
    """Let a trial have diverged."""
    failure = FailureRecord(
        signature=trial.signature,
        kind="diverged",
        reason="loss",
        traceback="",
        host="h",
        failed_at=MOMENT,
    )
    store.commit_failure(trial, failure)


def prune(store: Store, trial: TrialConfig) -> None:
    """Let a scheduler have stopped a trial."""
    store.commit_pruned(trial, stopped(trial))


def record_of(trial: TrialConfig, right: int, n: int = 100) -> TrialRecord:
    """A record without files: `right` of n dev examples predicted correctly."""
    gold = np.arange(n) % 2
    predicted = np.where(np.arange(n) < right, gold, 1 - gold)
    return result_of(trial, {"dev": labelled(gold, predicted)}).record


def read_cells(cell_trials: Sequence[TrialConfig], store: Store) -> list[CellResult]:
    """Read trials as the cells (task, encoder, method) of a study that fills no table."""
    return read_groups(group_trials(cell_trials, lambda trial: trial.cell), store)


def results_of(cells: Sequence[CellResult], store: Store, name: str = "s") -> Results:
    """Results of a study that fills no table, with whatever name."""
    study = Study.model_construct(name=name, parts=())
    return Results(study=study, store=store, trials={}, cells=tuple(cells))


def judged(cells: Sequence[CellResult], store: Store, *, intervals: bool = False) -> Verdicts:
    """Judge cells as those of one study."""
    return judge(results_of(cells, store), intervals=intervals)


def build(
    name: str, cells: Sequence[CellResult], store: Store, *, intervals: bool = False
) -> list[Report]:
    """Build the tables of every study from cells."""
    results = results_of(cells, store, name)
    return build_reports(results, judge(results, intervals=intervals))


def words_of(table: Table) -> str:
    """All that a table says beside its numbers: its caption and its notes."""
    return " ".join([table.caption, *table.notes]).replace("\u00a0", " ")


def whole_reports(
    study: Study, store: Store, data: Path | None = None, *, intervals: bool = False
) -> list[Report]:
    """Read, judge and build all tables of a study."""
    results = read_results(study, store)
    return study_reports(results, judge(results, intervals=intervals), data)
