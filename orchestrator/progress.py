"""The progress of a sweep, read from the store: shown live by `run`, and by `status` on request.

In: a study and the store. Out: a `View` (numbers), and its renderings: a live panel in a terminal,
single lines elsewhere, JSON.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from orchestrator.outlook import Outlook, format_hours
from orchestrator.plan import Plan, make_plan
from orchestrator.say import live_area, say
from orchestrator.search import Search
from search_spaces.cells import Cell
from search_spaces.errors import UserError
from search_spaces.study import Study
from search_spaces.text import one_line
from search_spaces.trial import TrialConfig
from trainers.records.outcome import ProgressRecord
from trainers.records.store import State, Store

REFRESH_SECONDS = 1.0
LINE_SECONDS = 30.0
MAX_LOAD = 0.02
"""The largest fraction of a core's time that the live view may use."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A plan, the number of waiting trials, the progress of running ones, and the speed."""

    plan: Plan
    waiting: int
    running: Sequence[tuple[TrialConfig, ProgressRecord]]
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
        plan=plan, waiting=waiting, running=running, trials_per_hour=rate, seconds_left=left
    )


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
        f"{plan.count(State.DONE)}/{len(plan.trials)} done",
        f"{plan.count(State.RUNNING)} running",
        f"{plan.count(State.FAILED)} failed",
        f"{view.waiting} left",
    ]
    others = (State.PRUNED, State.CORRUPT)
    parts += [f"{plan.count(state)} {state}" for state in others if plan.count(state)]
    if view.trials_per_hour:
        parts.append(f"{view.trials_per_hour:.0f} trials/h")
    if view.waiting or plan.count(State.RUNNING):
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


def panel(view: View, outlook: Outlook | None = None) -> Any:
    """Render the view for a terminal: headline, cells, running trials."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    top = Text(one_line(headline(view)))
    if not view.plan.trials:
        return top
    done = _count_ended(view.plan)
    total = done + view.plan.count(State.RUNNING) + view.waiting
    bar = ProgressBar(total=total, completed=done, width=60)
    running = [Text(one_line(line)) for line in _running_lines(view)]
    return Group(top, bar, cells_table(view, outlook), *running)


def cells_table(view: View, outlook: Outlook | None = None) -> Any:
    """Render a table of cells: trials by state, best score so far, time, GPU-hours."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("task, encoder, method", overflow="fold")
    columns = [State.DONE, State.RUNNING, State.FAILED]
    columns += [State.PRUNED] if view.plan.count(State.PRUNED) else []
    states = ["runs" if state is State.RUNNING else str(state) for state in columns]
    for title in ("trials", *states, "missing", "best", "each", "left"):
        width = 6 if title in {"each", "left"} else max(4, len(title))
        table.add_column(title, justify="right", no_wrap=True, min_width=width)
    if outlook:
        table.add_column("GPU-h", justify="right", no_wrap=True)
    for cell in view.plan.cells:
        counts = cell.counts
        missing = counts.get(State.MISSING, 0) + counts.get(State.CORRUPT, 0)
        table.add_row(
            Text(" ".join(map(one_line, cell.cell))),
            str(cell.total),
            *(str(counts.get(state, 0)) for state in columns),
            str(missing),
            "--" if cell.best is None else f"{100 * cell.best:.1f}",
            format_duration(cell.seconds_per_trial),
            format_duration(cell.seconds_left),
            *([format_hours(outlook.cells[cell.cell])] if outlook else []),
        )
    return table


def _running_lines(view: View) -> list[str]:
    return [
        f"  {trial.describe()}: step {progress.step}/{progress.steps}"
        + (f", loss {progress.loss:.3f}" if progress.loss is not None else "")
        for trial, progress in view.running
    ]


@contextmanager
def live(study: Study, store: Store, slots: int | None, search: Search) -> Iterator[None]:
    """Show the progress on standard error while the block runs."""
    stop = threading.Event()
    show = _show_panel if sys.stderr.isatty() else _show_lines
    glance = partial(read_view, study, store, slots, search)
    thread = threading.Thread(
        target=_show_until_stopped, args=(show, glance, stop), name="progress", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _show_until_stopped(
    show: Callable[..., None], glance: Callable[[], View], stop: threading.Event
) -> None:
    with suppress(UserError):  # An unreadable store also ends the sweep, which reports it.
        show(glance, stop)


def _show_panel(glance: Callable[[], View], stop: threading.Event) -> None:
    with live_area() as area:
        for view, _ in _read_views(glance, stop):
            area.update(panel(view), refresh=True)


def _show_lines(glance: Callable[[], View], stop: threading.Event) -> None:
    """Print a line when a trial has ended, at most one per LINE_SECONDS, and one at the end."""
    shown, shown_at = _count_ended(glance().plan), 0.0
    for view, stopping in _read_views(glance, stop):
        ended = _count_ended(view.plan)
        due = ended != shown and time.monotonic() - shown_at >= LINE_SECONDS
        if due or (stopping and ended != shown):
            say(f"{time.strftime('%H:%M:%S')} {headline(view)}")
            shown, shown_at = ended, time.monotonic()


def _read_views(glance: Callable[[], View], stop: threading.Event) -> Iterator[tuple[View, bool]]:
    """Read the view every second, or less often if that is slow, and once more after `stop`."""
    pause, stopping = REFRESH_SECONDS, False
    while not stopping:
        stopping = stop.wait(pause)
        start = time.thread_time()
        yield glance(), stopping
        pause = max(REFRESH_SECONDS, (time.thread_time() - start) / MAX_LOAD)


def _count_ended(plan: Plan) -> int:
    ended = (State.DONE, State.FAILED, State.PRUNED, State.CORRUPT)
    return sum(plan.count(state) for state in ended)
