"""The plan of a study: which of its trials are done, running or missing, and the time left.

In: a study and a store, which is read but not changed. Out: a `Plan` with the state of each trial,
counts per cell and seconds left. `plan`, `run` and `status` use the same plan; only `run` acts on
it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from orchestrator.estimate import estimate_hours
from search_spaces.cells import Cell, group_by_cell
from search_spaces.shipped_tasks import TASKS, get_task
from search_spaces.study import Study
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig
from trainers.records.store import State, Store


@dataclass(frozen=True, kw_only=True)
class CellPlan:
    """A cell's trials by state, its best score so far, and the seconds of training left.

    `seconds_per_trial` and `seconds_left` are None until a comparable trial has been measured.
    """

    cell: Cell
    counts: Mapping[State, int]
    best: float | None
    seconds_per_trial: float | None
    seconds_left: float | None

    @property
    def total(self) -> int:
        """All trials of the cell."""
        return sum(self.counts.values())


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The trials of a study and their states.

    `states` maps each trial's signature to its state, in the order of `trials`; `grids` has the
    same trials by cell.
    """

    study: str
    trials: Sequence[TrialConfig]
    grids: Mapping[Cell, Sequence[TrialConfig]]
    states: Mapping[str, State]
    cells: Sequence[CellPlan]

    def having(self, *states: State) -> list[TrialConfig]:
        """Return the trials that are in one of these states, in the study's order."""
        pairs = zip(self.trials, self.states.values(), strict=True)
        return [trial for trial, state in pairs if state in states]

    def count(self, state: State) -> int:
        """Count the trials in this state."""
        return sum(1 for found in self.states.values() if found is state)

    @property
    def seconds_left(self) -> float | None:
        """Seconds of training left in all cells, or None if a cell cannot be estimated."""
        parts = [cell.seconds_left for cell in self.cells]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None


def make_plan(study: Study, store: Store | None) -> Plan:
    """Compare a study's trials with the store; None means that there is no store yet."""
    trials, grids = study.trials(), group_by_cell(study)
    states = {trial.signature: State.MISSING for trial in trials}
    if store is not None:
        ended = store.ended()
        states = {name: _read_state(store, name, ended) for name in states}
    seconds = {
        name: _measure_seconds(store, name, state) for name, state in states.items() if store
    }
    names = dict(zip(trials, states, strict=True))
    cells = {cell: {names[trial]: trial for trial in grid} for cell, grid in grids.items()}
    return Plan(
        study=study.name,
        trials=trials,
        grids=grids,
        states=states,
        cells=_plan_cells(cells, states, seconds, store, study.known_tasks),
    )


def _read_state(store: Store, name: str, ended: set[str]) -> State:
    if name in ended:
        return store.state(name)
    return State.RUNNING if store.is_locked(name) else State.MISSING


def _measure_seconds(store: Store, name: str, state: State) -> float | None:
    """Return the seconds of a finished trial, or of a running one if it keeps its pace."""
    if state is State.DONE:
        return store.record(name).seconds
    progress = store.progress(name) if state is State.RUNNING else None
    return progress.seconds * progress.steps / progress.step if progress and progress.step else None


def _plan_cells(
    grouped: Mapping[Cell, Mapping[str, TrialConfig]],
    states: Mapping[str, State],
    seconds: Mapping[str, float | None],
    store: Store | None,
    tasks: Mapping[str, Task],
) -> list[CellPlan]:
    measured = {
        cell: median(known)
        for cell, members in grouped.items()
        if (known := _measured_seconds(members, states, seconds))
    }
    typical = {cell: _pick_typical(members.values()) for cell, members in grouped.items()}
    estimates = {cell: estimate_seconds(cell, measured, typical, tasks) for cell in grouped}
    return [
        _plan_cell(members, states, store, cell=cell, seconds=estimates[cell])
        for cell, members in grouped.items()
    ]


def _count_passes(trial: TrialConfig) -> int:
    """Return a trial's epochs, times the cost of a training step in forward passes."""
    return trial.trained_epochs * trial.method.cost


def _pick_typical(members: Collection[TrialConfig]) -> TrialConfig:
    """Return the trial with the median number of passes."""
    return sorted(members, key=_count_passes)[len(members) // 2]


def _measured_seconds(
    names: Collection[str], states: Mapping[str, State], seconds: Mapping[str, float | None]
) -> list[float]:
    """Return the seconds of a cell's finished trials, or else of its running ones."""
    known = {name: taken for name in names if (taken := seconds.get(name)) is not None}
    done = [taken for name, taken in known.items() if states[name] is State.DONE]
    return done or list(known.values())


def _plan_cell(
    names: Collection[str],
    states: Mapping[str, State],
    store: Store | None,
    *,
    cell: Cell,
    seconds: float | None,
) -> CellPlan:
    counts = Counter(states[name] for name in names)
    done = [name for name in names if states[name] is State.DONE]
    scores = [store.record(name).selection_score for name in done] if store else []
    left = counts[State.MISSING] + counts[State.RUNNING] + counts[State.CORRUPT]
    return CellPlan(
        cell=cell,
        counts=counts,
        best=max(scores, default=None),
        seconds_per_trial=seconds,
        seconds_left=0.0 if left == 0 else seconds and seconds * left,
    )


def estimate_seconds(
    cell: Cell,
    measured: Mapping[Cell, float],
    typical: Mapping[Cell, TrialConfig],
    tasks: Mapping[str, Task] = TASKS,
) -> float | None:
    """Estimate the seconds of a cell's trials from those of similar cells.

    A measured cell has its own seconds. For any other, the seconds of the measured cells are scaled
    by the ratio of the work, and the median is taken: over other methods on the same task and
    encoder or, failing that, over other tasks with the same encoder. Other encoders say nothing,
    because the time of small ones does not depend on the number of operations. `typical` has one
    trial of each cell.
    """
    if cell in measured:
        return measured[cell]
    for shared in (slice(0, 2), slice(1, 2)):
        estimates = [
            seconds * ratio
            for other, seconds in measured.items()
            if other[shared] == cell[shared]
            and (ratio := _compare_work(typical[cell], typical[other], tasks)) is not None
        ]
        if estimates:
            return median(estimates)
    return None


def _compare_work(
    trial: TrialConfig, other: TrialConfig, tasks: Mapping[str, Task]
) -> float | None:
    """Return how many times as much work a trial is as another; None if it is unknown.

    Work is operations. Two methods on one task are compared without the size of the encoder, too.
    """
    ours, theirs = (estimate_hours(one, get_task(one.task, tasks)) for one in (trial, other))
    if ours and theirs:
        return ours / theirs
    return _count_passes(trial) / _count_passes(other) if trial.task == other.task else None
