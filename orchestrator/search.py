"""Which of a study's trials are run: SEARCHES.

In: a plan and a `Search`: its name, scheduler, budget and seed. Out: the trials that may still run.
Every search chooses among the points of the study's grid, so a trial has the same signature in
every search, and nothing is trained twice. A search draws settings, each with all its seeds:
choosing among seeds would only find the luckiest. `tpe.py` suggests settings, `stopping.py` stops
them early.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.plan import Plan
from orchestrator.stopping import SCHEDULERS
from search_spaces.cells import Cell, Sampling, group_by_setting
from search_spaces.errors import UserError, unknown_name
from search_spaces.text import quoted
from search_spaces.trial import TrialConfig
from trainers.records.searches import CellDraw, SearchRecord, digest_trials
from trainers.records.store import State

MAX_HOURS = 1_000_000
"""Longest budget in hours, more than a century: anything longer is a typing error."""

OPEN_STATES = frozenset({State.MISSING, State.RUNNING})


@dataclass(frozen=True, kw_only=True)
class Search:
    """How settings are chosen.

    The budget is `settings` per cell and `hours` for the whole run; None means no limit.
    """

    name: str = "grid"
    scheduler: str = "fifo"
    settings: int | None = None
    hours: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise UserError(f"the seed of a search must be from 0 to 2**32 - 1, got {self.seed}")
        if self.name not in SEARCHES:
            raise unknown_name("search", self.name, SEARCHES)
        if self.scheduler not in SCHEDULERS:
            raise unknown_name("scheduler", self.scheduler, SCHEDULERS)
        if self.name == "grid" and self.settings is not None:
            raise UserError(
                "--budget: --search grid runs all settings; give hours, or --search random or tpe"
            )
        if self.name != "grid" and self.settings is None:
            raise UserError(f"--search {self.name} needs a budget: --budget 40 (settings per cell)")

    @property
    def stops_early(self) -> bool:
        """Whether a scheduler may stop a trial before its last epoch."""
        return self.scheduler != "fifo"

    @property
    def open_states(self) -> frozenset[State]:
        """The states of trials that may still run.

        A search without early stopping trains pruned trials to the end. An adaptive search does
        not: it has learnt from their scores, and they count towards its budget.
        """
        if self.stops_early or SEARCHES[self.name].sampling == "adaptive":
            return OPEN_STATES
        return OPEN_STATES | {State.PRUNED}

    def list_wanted(self, plan: Plan) -> list[TrialConfig]:
        """Return the trials that may still run, in the study's order; empty if all are done."""
        chosen = [trial for trials in self.draw(plan).values() for trial in trials]
        return [trial for trial in chosen if plan.states[trial.signature] in self.open_states]

    def count_open(self, plan: Plan) -> dict[Cell, int]:
        """Count the trials of each cell that have not ended yet, including those that run now."""
        counts = {}
        for cell, trials in self.draw(plan).items():
            counts[cell] = sum(plan.states[t.signature] in self.open_states for t in trials)
            if SEARCHES[self.name].sampling == "adaptive" and self.settings is not None:
                ended = sum(plan.states[t.signature] not in OPEN_STATES for t in plan.grids[cell])
                budget = self.settings * max(map(len, group_by_setting(plan.grids[cell])))
                counts[cell] = min(counts[cell], max(0, budget - ended))
        return counts

    def draw(self, plan: Plan) -> dict[Cell, Sequence[TrialConfig]]:
        """Return the trials that the search draws in each cell, including those that have ended."""
        kind = SEARCHES[self.name]
        return {cell: kind.choose(self, trials, plan) for cell, trials in plan.grids.items()}

    def record(self, plan: Plan) -> SearchRecord:
        """Return the record, for the store, of the trials drawn and the grids they come from."""
        return SearchRecord(
            study=plan.study,
            search=self.name,
            kind=SEARCHES[self.name].sampling,
            scheduler=self.scheduler,
            budget=self.settings,
            seed=self.seed,
            cells=tuple(
                CellDraw(
                    task=cell[0],
                    encoder=cell[1],
                    method=cell[2],
                    grid=digest_trials(trial.signature for trial in plan.grids[cell]),
                    drawn=tuple(trial.signature for trial in trials),
                )
                for cell, trials in self.draw(plan).items()
                if trials
            ),
        )


def parse_budget(text: str | None) -> tuple[int | None, float | None]:
    """Parse `--budget`: `40` settings per cell, `2h` hours, or `40,2h`; UserError otherwise."""
    settings, hours = None, None
    for part in map(str.strip, text.split(",")) if text else ():
        if settings is None and re.fullmatch(r"[1-9][0-9]{0,8}", part):
            settings = int(part)
        elif hours is None and 0 < _hours(part) <= MAX_HOURS:
            hours = _hours(part)
        else:
            raise UserError(
                f"--budget: expected 40 (settings per cell), 2h or 40,2h, got {quoted(text)}"
            )
    return settings, hours


def _hours(text: str) -> float:
    """Parse `2.5h`; return 0 for anything else."""
    found = re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)h", text)
    return float(found[1]) if found else 0.0


def _grid(_search: Search, trials: Sequence[TrialConfig], _plan: Plan) -> Sequence[TrialConfig]:
    return trials


def _random(search: Search, trials: Sequence[TrialConfig], _plan: Plan) -> Sequence[TrialConfig]:
    """Draw settings without replacement; they depend only on the seed and the grid."""
    assert search.settings is not None
    settings = group_by_setting(trials)
    order = np.random.default_rng(search.seed).permutation(len(settings))
    chosen = {id(t) for index in order[: search.settings].tolist() for t in settings[index]}
    return [trial for trial in trials if id(trial) in chosen]


def _tpe(search: Search, trials: Sequence[TrialConfig], plan: Plan) -> Sequence[TrialConfig]:
    """Return all trials of the cell while its budget lasts; `TreeSearch` chooses among them.

    Once the budget is used up, only the open seeds of the settings that have begun are left. Those
    that other processes train now stay in the list, in case one of them does not end there.
    """
    assert search.settings is not None
    begun = [
        setting
        for setting in group_by_setting(trials)
        if any(plan.states[trial.signature] is not State.MISSING for trial in setting)
    ]
    if len(begun) < search.settings:
        return trials
    return [t for setting in begun for t in setting if plan.states[t.signature] in OPEN_STATES]


@dataclass(frozen=True, kw_only=True)
class SearchKind:
    """How a search chooses among a cell's trials, and the kind of sampling, which reports need."""

    choose: Callable[[Search, Sequence[TrialConfig], Plan], Sequence[TrialConfig]]
    sampling: Sampling


SEARCHES: dict[str, SearchKind] = {
    "grid": SearchKind(choose=_grid, sampling="grid"),
    "random": SearchKind(choose=_random, sampling="random"),
    "tpe": SearchKind(choose=_tpe, sampling="adaptive"),
}
