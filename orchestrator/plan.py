"""What is to do: the trials that a study wants against what the store holds. Pure.

In: trials and a store. Out: a `Plan`: each trial's state, counts per cell, seconds left.
`run`, `plan` and `status` decide by the same plan; only `run` acts on it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from search_spaces.trial import METHOD_SETTINGS, TrialConfig
from trainers.outcome import TrialRecord
from trainers.store import CorruptTrial, State, Store

Cell = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class CellPlan:
    """One (task, encoder, method): its trials by state, best score so far, seconds left.

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
    """The trials of a study in their order, and the state of each."""

    study: str
    trials: Sequence[TrialConfig]
    states: Mapping[str, State]
    cells: Sequence[CellPlan]

    def having(self, *states: State) -> list[TrialConfig]:
        """Return the trials that are in one of these states, in the study's order."""
        return [trial for trial in self.trials if self.states[trial.signature] in states]

    def count(self, state: State) -> int:
        """Count the trials in this state."""
        return sum(1 for found in self.states.values() if found is state)

    @property
    def seconds_left(self) -> float | None:
        """Training seconds left over all cells, or None when a cell cannot be estimated."""
        parts = [cell.seconds_left for cell in self.cells]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None


def make_plan(study: str, trials: Sequence[TrialConfig], store: Store | None) -> Plan:
    """Compare a study's trials with the store (None: there is no store yet)."""
    states: dict[str, State] = {}
    records: dict[str, TrialRecord] = {}
    finished = store.finished() if store else set()
    for trial in trials:
        name = trial.signature
        states[name] = State.MISSING
        if store and name in finished:
            states[name] = store.state(name)
        elif store and store.is_locked(name):
            states[name] = State.RUNNING
        if store and states[name] is State.DONE:
            record = _record(store, name)
            records |= {name: record} if record else {}
    cells = _cells(trials, states, records)
    return Plan(study=study, trials=trials, states=states, cells=cells)


def _record(store: Store, signature: str) -> TrialRecord | None:
    try:
        return store.record(signature)
    except CorruptTrial:
        return None


def _cells(
    trials: Sequence[TrialConfig],
    states: Mapping[str, State],
    records: Mapping[str, TrialRecord],
) -> list[CellPlan]:
    by_cell: dict[Cell, list[str]] = {}
    for trial in trials:
        by_cell.setdefault(trial.cell, []).append(trial.signature)
    measured = {
        cell: median(seconds)
        for cell, names in by_cell.items()
        if (seconds := [records[name].seconds for name in names if name in records])
    }
    return [_cell(cell, names, states, records, measured) for cell, names in by_cell.items()]


def _cell(
    cell: Cell,
    names: Sequence[str],
    states: Mapping[str, State],
    records: Mapping[str, TrialRecord],
    measured: Mapping[Cell, float],
) -> CellPlan:
    counts = Counter(states[name] for name in names)
    scores = [records[name].selection_score for name in names if name in records]
    seconds = estimate_seconds(cell, measured)
    left = counts[State.MISSING] + counts[State.RUNNING] + counts[State.CORRUPT]
    return CellPlan(
        cell=cell,
        counts=counts,
        best=max(scores, default=None),
        seconds_per_trial=seconds,
        seconds_left=0.0 if left == 0 else seconds and seconds * left,
    )


def estimate_seconds(cell: Cell, measured: Mapping[Cell, float]) -> float | None:
    """Estimate a trial's seconds: the cell's median, or a sister cell's, scaled by step cost.

    A sister is another method on the same task and encoder; step costs are in forward passes.
    """
    if cell in measured:
        return measured[cell]
    cost = METHOD_SETTINGS[cell[2]].cost
    for sister, seconds in measured.items():
        if sister[:2] == cell[:2]:
            return seconds * cost / METHOD_SETTINGS[sister[2]].cost
    return None
