"""What a study costs before it is run: GPU-hours by cell, and which trials its tables share.

In: a study, its plan, and the store. Out: a frozen `Outlook`, and its text and JSON. Hours come
from the estimate in `estimate.py`. If trials of the same task and encoder were measured on a GPU,
the estimate is scaled by how much longer those took than it says (median of the ratios).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import Any, Final

from orchestrator.estimate import RATES, add_hours, estimate_hours
from orchestrator.plan import Plan
from search_spaces.cells import Cell
from search_spaces.part import DATA_TABLES
from search_spaces.study import Study
from search_spaces.trial import TrialConfig
from trainers.records.store import State, Store

Factors = Mapping[tuple[str, str], float]
SMALLEST_HOURS: Final = 0.001


@dataclass(frozen=True, kw_only=True)
class Hours:
    """GPU-hours of a group of trials; None if the size of an encoder is unknown."""

    trials: int
    hours: float | None
    measured: bool = False


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """GPU-hours by cell, by table of the paper, and of all trials together.

    `shared` counts the trials that a table shares with other tables, and `sharers` are these
    tables; `separate` is the cost of all tables if each were trained on its own.
    """

    cells: Mapping[Cell, Hours]
    tables: Mapping[int, Hours]
    shared: Mapping[int, int]
    sharers: Mapping[int, tuple[int, ...]]
    total: Hours
    separate: Hours


def estimate_outlook(study: Study, plan: Plan, store: Store | None) -> Outlook:
    """Estimate the cost of all of a study's trials, whether done or not."""
    hours = _Estimates(_measure_factors(plan, store, study) if store else {}, study)
    cells = {cell: hours.estimate(members) for cell, members in plan.grids.items()}
    numbers = [number for number in study.tables if number not in DATA_TABLES]
    tables = {number: hours.estimate(study.of_table(number)) for number in numbers}
    counts = study.shared()
    groups = {number: [group for group in counts if number in group] for number in numbers}
    return Outlook(
        cells=cells,
        tables=tables,
        shared={number: sum(counts[group] for group in groups[number]) for number in numbers},
        sharers={number: tuple(sorted({*chain(*groups[number])} - {number})) for number in numbers},
        total=sum_groups(cells.values()),
        separate=sum_groups(tables.values()),
    )


def sum_groups(groups: Iterable[Hours]) -> Hours:
    """Add up trials and hours; the hours of a sum with an unknown part are unknown."""
    listed = list(groups)
    return Hours(
        trials=sum(group.trials for group in listed),
        hours=add_hours(group.hours for group in listed),
        measured=any(group.measured for group in listed),
    )


class _Estimates:
    """Estimated hours of trials; trials of equal cost are computed once."""

    def __init__(self, factors: Factors, study: Study) -> None:
        self.factors, self.study = factors, study
        self.known: dict[tuple[object, ...], float | None] = {}

    def estimate(self, trials: Iterable[TrialConfig]) -> Hours:
        listed = list(trials)
        return Hours(
            trials=len(listed),
            hours=add_hours(self._estimate_trial(trial) for trial in listed),
            measured=any(trial.cell[:2] in self.factors for trial in listed),
        )

    def _estimate_trial(self, trial: TrialConfig) -> float | None:
        rows = (trial.n_per_class, trial.train_fraction, trial.select_on, trial.heldout_fraction)
        size = (trial.trained_epochs, trial.max_length, trial.precision, *rows)
        key = (trial.task, trial.encoder, trial.method.cost, trial.max_eval_samples, *size)
        if key not in self.known:
            hours = estimate_hours(trial, self.study.task(trial.task))
            factor = self.factors.get((trial.task, trial.encoder), 1.0)
            self.known[key] = None if hours is None else hours * factor
        return self.known[key]


def _measure_factors(plan: Plan, store: Store, study: Study) -> Factors:
    """Return how many times as long as estimated trials took on a GPU, by (task, encoder)."""
    found: dict[tuple[str, str], list[float]] = {}
    for trial, (name, state) in zip(plan.trials, plan.states.items(), strict=True):
        record = store.record(name) if state is State.DONE else None
        if (
            record
            and record.device_use
            and (hours := estimate_hours(trial, study.task(trial.task)))
        ):
            taken = record.seconds * record.device_use.share / 3600
            found.setdefault((trial.task, trial.encoder), []).append(taken / hours)
    return {pair: median(factors) for pair, factors in found.items()}


def describe_outlook(outlook: Outlook) -> list[str]:
    """Describe where the hours come from, and which trials the tables of the paper share."""
    rates = ", ".join(f"{rate / 1e12:.0f} TFLOP/s in {name}" for name, rate in RATES.items())
    lines = [
        f"Cost: {format_hours(outlook.total)} GPU-hours for all {outlook.total.trials:,} trials"
        f" on one GPU of {rates}. This is a lower bound, from counted operations: padding and idle"
        " time are not in it."
    ]
    if outlook.total.measured:
        lines.append(
            "*: scaled by the measured time of trials with this task and encoder on a GPU."
        )
    if outlook.total.hours is None:
        lines.append("?: not available (the size of the encoder is unknown without the hub).")
    lines += [
        f"Table {number}: {group.trials:,} trials{_describe_sharing(outlook, number)};"
        f" {format_hours(group)} GPU-h"
        for number, group in outlook.tables.items()
    ]
    return [*lines, _describe_saving(outlook)] if len(outlook.tables) > 1 else lines


def _describe_sharing(outlook: Outlook, number: int) -> str:
    """Describe how many of a table's trials are shared, and with which tables."""
    *first, last = [str(other) for other in outlook.sharers[number]] or [""]
    if not last:
        return ""
    others = f"tables {', '.join(first)} and {last}" if first else f"table {last}"
    return f", {outlook.shared[number]:,} of them shared with {others}"


def format_hours(group: Hours) -> str:
    """Format hours: `?` if unknown, with a star if they are scaled by measured times."""
    if group.hours is None:
        return "?"
    if 0 < group.hours < SMALLEST_HOURS:
        return f"<{SMALLEST_HOURS}"
    digits = 0 if group.hours >= 100 else 1 if group.hours >= 1 else 3
    return f"{group.hours:,.{digits}f}{'*' if group.measured else ''}"


def _describe_saving(outlook: Outlook) -> str:
    wanted, trained = outlook.separate, outlook.total
    share = 1 - trained.trials / wanted.trials
    line = (
        f"Shared trials are trained once: {trained.trials:,} instead of {wanted.trials:,}"
        f" ({share:.0%} less)"
    )
    if wanted.hours and trained.hours is not None:
        saved = 1 - trained.hours / wanted.hours
        line += (
            f", {format_hours(trained)} GPU-h instead of {format_hours(wanted)} ({saved:.0%} less)"
        )
    return f"{line}."


def outlook_json(outlook: Outlook) -> dict[str, Any]:
    """Return the outlook as JSON; cells are in the order of the plan."""
    return {
        "gpu_operations_per_second": RATES,
        "gpu_hours": outlook.total.hours,
        "gpu_hours_measured": outlook.total.measured,
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
        "trials_of_all_tables": outlook.separate.trials,
        "gpu_hours_of_all_tables": outlook.separate.hours,
    }
