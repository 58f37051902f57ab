"""The progress of a sweep, read from the store.

In: a study and the store. Out: a `View` (numbers), its first line and its JSON. `view_text.py` lays
it out, `live_view.py` shows it while `run` trains.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.plan import Plan, make_plan
from orchestrator.search import Search
from search_spaces.cells import Cell
from search_spaces.study import Study
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig
from trainers.records.outcome import ProgressRecord
from trainers.records.store import State, Store

TOLD = (State.RUNNING, State.FAILED, State.PRUNED, State.CORRUPT)
"""States that the first line counts where there are such trials."""
LATEST = 3
"""Finished trials that the live view names."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A plan, how many trials wait, where the running ones are, and how fast it goes.

    `latest` are the trials that finished last and their scores, the last one first; `tasks` are the
    study's by name.
    """

    plan: Plan
    tasks: Mapping[str, Task]
    waiting: int
    running: Sequence[tuple[TrialConfig, ProgressRecord]]
    latest: Sequence[tuple[TrialConfig, float]]
    trials_per_hour: float | None
    seconds_left: float | None


def read_view(
    study: Study, store: Store | None, slots: int | None = None, search: Search | None = None
) -> View:
    """Read the progress of a study from the store.

    The time left assumes `slots` parallel trials, by default as many as run now. With a search,
    only the trials that it still has to run are waiting.
    """
    plan = make_plan(study, store)
    waiting = plan.count(State.MISSING)
    if search is not None:
        to_end = search.count_open(plan)
        plan = _limit_to_search(plan, to_end)
        waiting = max(0, sum(to_end.values()) - plan.count(State.RUNNING))
    running = [
        (trial, progress)
        for trial in plan.having(State.RUNNING)
        if store and (progress := store.progress(trial.signature))
    ]
    at_once = slots or max(1, len(running))
    left = plan.seconds_left
    if left is not None:
        left = max(0.0, left - sum(progress.seconds for _, progress in running)) / at_once
    per_trial = [c.seconds_per_trial for c in plan.cells if c.seconds_per_trial]
    rate = None
    if running and left and len(per_trial) == len(plan.cells):
        rate = 3600 * (waiting + plan.count(State.RUNNING)) / left
    return View(
        plan=plan,
        tasks={trial.task: study.task(trial.task) for trial in plan.trials},
        waiting=waiting,
        running=running,
        latest=_find_latest(plan, store) if store else (),
        trials_per_hour=rate,
        seconds_left=left,
    )


def _find_latest(plan: Plan, store: Store) -> list[tuple[TrialConfig, float]]:
    done = ((trial, store.record(trial.signature)) for trial in plan.having(State.DONE))
    last = heapq.nlargest(LATEST, done, key=lambda pair: pair[1].finished_at)
    return [(trial, record.selection_score) for trial, record in last]


def _limit_to_search(plan: Plan, to_end: Mapping[Cell, int]) -> Plan:
    """Return the plan with the time left for `to_end` trials per cell."""
    seconds = {
        cell.cell: cell.seconds_per_trial and to_end[cell.cell] * cell.seconds_per_trial
        for cell in plan.cells
    }
    cells = [
        replace(cell, seconds_left=seconds[cell.cell] if to_end[cell.cell] else 0.0)
        for cell in plan.cells
    ]
    return replace(plan, cells=cells)


def format_duration(seconds: float | None) -> str:
    """Format seconds for people; `?` if nothing was measured yet."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def headline(view: View) -> str:
    """Return one line: the numbers of trials done, running, failed and left, and the time left."""
    plan = view.plan
    if not plan.trials:
        return f"{plan.study}: nothing to train, its tables only count data"
    parts = [
        f"{plan.count(State.DONE):,}/{len(plan.trials):,} done",
        *(f"{plan.count(state):,} {state}" for state in TOLD if plan.count(state)),
        f"{view.waiting:,} left",
    ]
    if view.trials_per_hour:
        parts.append(f"{view.trials_per_hour:.0f} trials/h")
    if view.seconds_left is not None and (view.waiting or plan.count(State.RUNNING)):
        parts.append(f"about {format_duration(view.seconds_left)} left")
    return f"{plan.study}: {', '.join(parts)}"


def as_json(view: View) -> dict[str, Any]:
    """Return the whole view as JSON."""
    return {
        "study": view.plan.study,
        "trials": len(view.plan.trials),
        **{state.value: view.plan.count(state) for state in State},
        "trials_per_hour": view.trials_per_hour,
        "seconds_left": view.seconds_left,
        "cells": [
            {
                "task": cell.cell[0],
                "encoder": cell.cell[1],
                "method": cell.cell[2],
                "trials": cell.total,
                **{state.value: cell.counts.get(state, 0) for state in State},
                "best": cell.best,
                "seconds_per_trial": cell.seconds_per_trial,
                "seconds_left": cell.seconds_left,
            }
            for cell in view.plan.cells
        ],
        "running_trials": [
            {"trial": trial.describe(), **progress.model_dump()} for trial, progress in view.running
        ],
        "signatures": dict(view.plan.states),
    }


def count_ended(plan: Plan) -> int:
    """Count the trials of a plan that are done, failed, pruned or corrupt."""
    ended = (State.DONE, State.FAILED, State.PRUNED, State.CORRUPT)
    return sum(plan.count(state) for state in ended)
