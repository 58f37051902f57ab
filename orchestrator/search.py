"""Which of a study's trials are run: SEARCHES.

In: a plan and a `Search`: its name, scheduler, budget and seed. Out: the trials that may still run.
Every search chooses among the points of the study's grid: a trial keeps its name, whoever suggested
it, and nothing is trained twice. What it draws is a setting, with all its seeds: to choose among
seeds is to choose the luckiest. `tpe.py` suggests, `stopping.py` stops early.
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

MOST_HOURS = 1_000_000
"""More than a century: longer is a slip of the finger."""

OPEN = frozenset({State.MISSING, State.RUNNING})


@dataclass(frozen=True, kw_only=True)
class Search:
    """How settings are chosen: `settings` is the budget of each cell, `hours` of the whole run."""

    name: str = "grid"
    scheduler: str = "fifo"
    settings: int | None = None
    hours: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise UserError(f"the seed of a search is from 0 to 2**32 - 1, got {self.seed}")
        if self.name not in SEARCHES:
            raise unknown_name("search", self.name, SEARCHES)
        if self.scheduler not in SCHEDULERS:
            raise unknown_name("scheduler", self.scheduler, SCHEDULERS)
        if self.name == "grid" and self.settings is not None:
            raise UserError("--budget: a grid is run whole; give hours, or --search random or tpe")
        if self.name != "grid" and self.settings is None:
            raise UserError(f"--search {self.name} needs a budget: --budget 40 (settings per cell)")

    @property
    def stops_early(self) -> bool:
        """Whether a scheduler may stop a trial before its last epoch."""
        return self.scheduler != "fifo"

    @property
    def open_states(self) -> frozenset[State]:
        """The states of trials that it may still run.

        A trial that was stopped early is trained to its end by a search that stops none, but for an
        adaptive one: that one has learnt from its score, and has it in its budget.
        """
        if self.stops_early or SEARCHES[self.name].sampling == "adaptive":
            return OPEN
        return OPEN | {State.PRUNED}

    def wanted(self, plan: Plan) -> list[TrialConfig]:
        """Return the trials that may still run, in the study's order; empty when all is done."""
        chosen = [trial for trials in self.drawn(plan).values() for trial in trials]
        return [trial for trial in chosen if plan.states[trial.signature] in self.open_states]

    def to_end(self, plan: Plan) -> dict[Cell, int]:
        """Count the trials of each cell that are still to end, those that run among them."""
        counts = {}
        for cell, trials in self.drawn(plan).items():
            counts[cell] = sum(plan.states[t.signature] in self.open_states for t in trials)
            if SEARCHES[self.name].sampling == "adaptive" and self.settings is not None:
                ended = sum(plan.states[t.signature] not in OPEN for t in plan.grids[cell])
                budget = self.settings * max(map(len, group_by_setting(plan.grids[cell])))
                counts[cell] = min(counts[cell], max(0, budget - ended))
        return counts

    def drawn(self, plan: Plan) -> dict[Cell, Sequence[TrialConfig]]:
        """Return the trials of each cell that it draws, those that ended among them."""
        draw = SEARCHES[self.name]
        return {cell: draw.choose(self, trials, plan) for cell, trials in plan.grids.items()}

    def record(self, plan: Plan) -> SearchRecord:
        """Say which trials it draws, from which grids, for the store to keep."""
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
                for cell, trials in self.drawn(plan).items()
                if trials
            ),
        )


def parse_budget(text: str | None) -> tuple[int | None, float | None]:
    """Read `--budget`: `40` settings of each cell, `2h` hours, or `40,2h`; UserError otherwise."""
    settings, hours = None, None
    for part in map(str.strip, text.split(",")) if text else ():
        if settings is None and re.fullmatch(r"[1-9][0-9]{0,8}", part):
            settings = int(part)
        elif hours is None and 0 < _hours(part) <= MOST_HOURS:
            hours = _hours(part)
        else:
            raise UserError(
                f"--budget: expected 40 (settings per cell), 2h or 40,2h, got {quoted(text)}"
            )
    return settings, hours


def _hours(text: str) -> float:
    """Read `2.5h`; 0 for anything else."""
    found = re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)h", text)
    return float(found[1]) if found else 0.0


def _grid(_search: Search, trials: Sequence[TrialConfig], _plan: Plan) -> Sequence[TrialConfig]:
    return trials


def _random(search: Search, trials: Sequence[TrialConfig], _plan: Plan) -> Sequence[TrialConfig]:
    """The same settings whenever it is asked: drawn without replacement, by the seed alone."""
    assert search.settings is not None
    settings = group_by_setting(trials)
    order = np.random.default_rng(search.seed).permutation(len(settings))
    chosen = {id(t) for place in order[: search.settings].tolist() for t in settings[place]}
    return [trial for trial in trials if id(trial) in chosen]


def _tpe(search: Search, trials: Sequence[TrialConfig], plan: Plan) -> Sequence[TrialConfig]:
    """All of the cell as long as its budget lasts; `TreeSearch` chooses among them.

    When as many settings have begun, only their seeds are left: other processes may train some now,
    and one may not end there.
    """
    assert search.settings is not None
    begun = [
        setting
        for setting in group_by_setting(trials)
        if any(plan.states[trial.signature] is not State.MISSING for trial in setting)
    ]
    if len(begun) < search.settings:
        return trials
    return [t for setting in begun for t in setting if plan.states[t.signature] in OPEN]


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How a search chooses among a cell's trials, and what reports have to know of that."""

    choose: Callable[[Search, Sequence[TrialConfig], Plan], Sequence[TrialConfig]]
    sampling: Sampling


SEARCHES: dict[str, Draw] = {
    "grid": Draw(choose=_grid, sampling="grid"),
    "random": Draw(choose=_random, sampling="random"),
    "tpe": Draw(choose=_tpe, sampling="adaptive"),
}
