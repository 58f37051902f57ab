"""What a study costs before it is run: GPU-hours by cell, and what its tables share.

In: a study, its plan, and the store. Out: a frozen `Outlook`, and its text and JSON. Hours come
from the stated model of `estimate.py`; where trials of the same task and encoder were measured on a
GPU, times how much longer those took than the model says (median).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import Any, Final

from orchestrator.estimate import RATES, model_hours, summed
from orchestrator.plan import Plan
from search_spaces.cells import Cell
from search_spaces.part import DATA_TABLES
from search_spaces.study import Study
from search_spaces.trial import TrialConfig
from trainers.records.store import State, Store

Factors = Mapping[tuple[str, str], float]
LEAST_SAID: Final = 0.001


@dataclass(frozen=True, kw_only=True)
class Hours:
    """GPU-hours of all trials of a group; None where the size of an encoder is unknown."""

    trials: int
    hours: float | None
    measured: bool = False


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Hours by cell and by table of the paper, and of all trials together.

    `shared` counts a table's trials that another table wants, too, `sharers` are those tables;
    `apart` is what the tables would take if each were trained by itself.
    """

    cells: Mapping[Cell, Hours]
    tables: Mapping[int, Hours]
    shared: Mapping[int, int]
    sharers: Mapping[int, tuple[int, ...]]
    together: Hours
    apart: Hours


def look_ahead(study: Study, plan: Plan, store: Store | None) -> Outlook:
    """Estimate all of a study's trials, done or not."""
    hours = _Estimates(_factors(plan, store, study) if store else {}, study)
    cells = {cell: hours.of(members) for cell, members in plan.grids.items()}
    numbers = [number for number in study.tables if number not in DATA_TABLES]
    tables = {number: hours.of(study.of_table(number)) for number in numbers}
    counts = study.shared()
    groups = {number: [group for group in counts if number in group] for number in numbers}
    return Outlook(
        cells=cells,
        tables=tables,
        shared={number: sum(counts[group] for group in groups[number]) for number in numbers},
        sharers={number: tuple(sorted({*chain(*groups[number])} - {number})) for number in numbers},
        together=_together(cells.values()),
        apart=_together(tables.values()),
    )


def _together(groups: Iterable[Hours]) -> Hours:
    listed = list(groups)
    return Hours(
        trials=sum(group.trials for group in listed),
        hours=summed(group.hours for group in listed),
        measured=any(group.measured for group in listed),
    )


class _Estimates:
    """Hours of trials, computed once for all that differ in nothing that counts."""

    def __init__(self, factors: Factors, study: Study) -> None:
        self.factors, self.study = factors, study
        self.known: dict[tuple[object, ...], float | None] = {}

    def of(self, trials: Iterable[TrialConfig]) -> Hours:
        listed = list(trials)
        return Hours(
            trials=len(listed),
            hours=summed(self._of_one(trial) for trial in listed),
            measured=any(trial.cell[:2] in self.factors for trial in listed),
        )

    def _of_one(self, trial: TrialConfig) -> float | None:
        rows = (trial.n_per_class, trial.train_fraction, trial.select_on, trial.heldout_fraction)
        size = (trial.trained_epochs, trial.max_length, trial.precision, *rows)
        key = (trial.task, trial.encoder, trial.method.cost, trial.max_eval_samples, *size)
        if key not in self.known:
            hours = model_hours(trial, self.study.task(trial.task))
            factor = self.factors.get((trial.task, trial.encoder), 1.0)
            self.known[key] = None if hours is None else hours * factor
        return self.known[key]


def _factors(plan: Plan, store: Store, study: Study) -> Factors:
    """How many times longer than the model says trials took on a GPU, by (task, encoder)."""
    found: dict[tuple[str, str], list[float]] = {}
    for trial, (name, state) in zip(plan.trials, plan.states.items(), strict=True):
        record = store.record(name) if state is State.DONE else None
        if record and record.device_use and (hours := model_hours(trial, study.task(trial.task))):
            taken = record.seconds * record.device_use.share / 3600
            found.setdefault((trial.task, trial.encoder), []).append(taken / hours)
    return {pair: median(factors) for pair, factors in found.items()}


def outlook_lines(outlook: Outlook) -> list[str]:
    """Say where the hours come from, and what the tables of the paper share."""
    rates = ", ".join(f"{rate / 1e12:.0f} TFLOP/s in {name}" for name, rate in RATES.items())
    lines = [
        f"GPU-h: {said(outlook.together)} for all {outlook.together.trials:,} trials on one GPU of"
        f" {rates}; a floor from counted operations, without padding or idle time."
    ]
    if outlook.together.measured:
        lines.append("* scaled by what the store's trials of this task and encoder took on a GPU.")
    if outlook.together.hours is None:
        lines.append("? is an encoder whose size is not known without the hub.")
    lines += [
        f"Table {number}: {group.trials:,} trials{_sharing(outlook, number)}; {said(group)} GPU-h"
        for number, group in outlook.tables.items()
    ]
    return [*lines, _saving(outlook)] if len(outlook.tables) > 1 else lines


def _sharing(outlook: Outlook, number: int) -> str:
    """Say how many of a table's trials others want, too, and which."""
    *most, last = [str(other) for other in outlook.sharers[number]] or [""]
    if not last:
        return ""
    others = f"tables {', '.join(most)} and {last}" if most else f"table {last}"
    return f", {outlook.shared[number]:,} of them shared with {others}"


def said(group: Hours) -> str:
    """Print hours: `?` where unknown, a star where they are scaled by what was measured."""
    if group.hours is None:
        return "?"
    if 0 < group.hours < LEAST_SAID:
        return f"<{LEAST_SAID}"
    digits = 0 if group.hours >= 100 else 1 if group.hours >= 1 else 3
    return f"{group.hours:,.{digits}f}{'*' if group.measured else ''}"


def _saving(outlook: Outlook) -> str:
    wanted, trained = outlook.apart, outlook.together
    share = 1 - trained.trials / wanted.trials
    line = (
        f"Shared trials are trained once: {trained.trials:,} instead of {wanted.trials:,}"
        f" ({share:.0%} less)"
    )
    if wanted.hours and trained.hours is not None:
        saved = 1 - trained.hours / wanted.hours
        line += f", {said(trained)} GPU-h instead of {said(wanted)} ({saved:.0%} less)"
    return f"{line}."


def outlook_json(outlook: Outlook) -> dict[str, Any]:
    """The same for programs; cells are in the order of the plan."""
    return {
        "gpu_operations_per_second": RATES,
        "gpu_hours": outlook.together.hours,
        "gpu_hours_measured": outlook.together.measured,
        "gpu_hours_of_cells": [group.hours for group in outlook.cells.values()],
        "tables": [
            {
                "table": number,
                "trials": group.trials,
                "shared": outlook.shared[number],
                "shared_with": outlook.sharers[number],
                "gpu_hours": group.hours,
            }
            for number, group in outlook.tables.items()
        ],
        "trials_of_all_tables": outlook.apart.trials,
        "gpu_hours_of_all_tables": outlook.apart.hours,
    }
