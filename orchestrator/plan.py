"""What is to do: the trials that a study wants against what the store holds. Pure.

In: a study and a store. Out: a `Plan`: each trial's state, counts per cell, seconds left.
`run`, `plan` and `status` decide by the same plan; only `run` acts on it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from orchestrator.estimate import model_hours
from search_spaces.cells import Cell, group_by_cell
from search_spaces.shipped_tasks import TASKS, get_task
from search_spaces.study import Study
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig
from trainers.records.store import State, Store


@dataclass(frozen=True, kw_only=True)
class CellPlan:
    """A cell's trials by state, its best score so far, seconds left.

    `seconds_left` is None as long as nothing comparable was measured.
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
    """The trials of a study, and in the same order the state of each by signature.

    `grids` has the same trials by cell.
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
        """Training seconds left over all cells, or None when a cell cannot be estimated."""
        parts = [cell.seconds_left for cell in self.cells]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None


def make_plan(study: Study, store: Store | None) -> Plan:
    """Compare a study's trials with the store (None: there is no store yet)."""
    trials, grids = study.trials(), group_by_cell(study)
    states = {trial.signature: State.MISSING for trial in trials}
    if store is not None:
        finished = store.ended()
        states = {name: _state(store, name, finished) for name in states}
    seconds = {name: _seconds(store, name, state) for name, state in states.items() if store}
    names = dict(zip(trials, states, strict=True))
    cells = {cell: {names[trial]: trial for trial in grid} for cell, grid in grids.items()}
    return Plan(
        study=study.name,
        trials=trials,
        grids=grids,
        states=states,
        cells=_cells(cells, states, seconds, store, study.known_tasks),
    )


def _state(store: Store, name: str, finished: set[str]) -> State:
    if name in finished:
        return store.state(name)
    return State.RUNNING if store.is_locked(name) else State.MISSING


def _seconds(store: Store, name: str, state: State) -> float | None:
    """Return what a finished trial took, or what a running one will take at its pace so far."""
    if state is State.DONE:
        return store.record(name).seconds
    place = store.progress(name) if state is State.RUNNING else None
    return place.seconds * place.steps / place.step if place and place.step else None


def _cells(
    grouped: Mapping[Cell, Mapping[str, TrialConfig]],
    states: Mapping[str, State],
    seconds: Mapping[str, float | None],
    store: Store | None,
    tasks: Mapping[str, Task],
) -> list[CellPlan]:
    measured = {
        cell: median(known)
        for cell, members in grouped.items()
        if (known := _known(members, states, seconds))
    }
    typical = {cell: _typical(members.values()) for cell, members in grouped.items()}
    found = {cell: estimate_seconds(cell, measured, typical, tasks) for cell in grouped}
    return [
        _cell(members, states, store, cell=cell, seconds=found[cell])
        for cell, members in grouped.items()
    ]


def _steps(trial: TrialConfig) -> int:
    """A trial's epochs, times the cost of a step in forward passes."""
    return trial.trained_epochs * trial.method.cost


def _typical(members: Collection[TrialConfig]) -> TrialConfig:
    return sorted(members, key=_steps)[len(members) // 2]


def _known(
    names: Collection[str], states: Mapping[str, State], seconds: Mapping[str, float | None]
) -> list[float]:
    """Seconds of a cell's finished trials; of its running ones as long as none is finished."""
    found = {name: taken for name in names if (taken := seconds.get(name)) is not None}
    done = [taken for name, taken in found.items() if states[name] is State.DONE]
    return done or list(found.values())


def _cell(
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
    """Estimate a trial's seconds: its cell's, or those of cells like it, scaled by their work.

    Other methods on the same task and encoder are asked first, then other tasks of the encoder; the
    median of what they say. Across encoders nothing is said: small ones are not limited by their
    operations. `typical` has a trial of each cell.
    """
    if cell in measured:
        return measured[cell]
    for alike in (slice(0, 2), slice(1, 2)):
        said = [
            seconds * ratio
            for other, seconds in measured.items()
            if other[alike] == cell[alike]
            and (ratio := _times_the_work(typical[cell], typical[other], tasks)) is not None
        ]
        if said:
            return median(said)
    return None


def _times_the_work(
    trial: TrialConfig, other: TrialConfig, tasks: Mapping[str, Task]
) -> float | None:
    """By operations; between methods on one task also without knowing the size of the encoder."""
    ours, theirs = (model_hours(one, get_task(one.task, tasks)) for one in (trial, other))
    if ours and theirs:
        return ours / theirs
    return _steps(trial) / _steps(other) if trial.task == other.task else None
