"""The results of a study by cell: its settings, their finished trials, and the rest.

In: a study's trials and the store. Out: `CellResult`s. Trials that used different data or encoders
are refused, not mixed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev

from reports.statistics.design import Design
from search_spaces.cells import Cell, Sampling
from search_spaces.errors import UserError
from search_spaces.shipped_tasks import TASKS, get_task
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig
from trainers.records.metrics import DECIMALS
from trainers.records.outcome import TrialRecord
from trainers.records.searches import SearchRecord, digest_trials, read_searches
from trainers.records.store import State, Store

SPLITS = ("dev", "dev_mismatched", "test", "test_difficult")
ENDED = (State.DONE, State.CORRUPT, State.FAILED, State.PRUNED)

CellKey = Cell
"""(task, encoder, method)."""
CellId = tuple[str, str, str, str]
"""A cell's key and the digest of its trials."""


@dataclass(frozen=True, kw_only=True)
class FinishedTrial:
    """A trial's settings and its record."""

    config: TrialConfig
    record: TrialRecord


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A point of a cell's grid: its finished trials, one per seed, in study order.

    The score of a setting on a split is the mean over its seeds.
    """

    trials: tuple[FinishedTrial, ...]

    @property
    def record(self) -> TrialRecord:
        """The first seed's record; metric, labels and data are the same for all seeds."""
        return self.trials[0].record

    @property
    def config(self) -> TrialConfig:
        """The first seed's settings; the others differ only in the seed."""
        return self.trials[0].config

    @property
    def signatures(self) -> tuple[str, ...]:
        """The signatures of its trials."""
        return tuple(trial.record.signature for trial in self.trials)

    @cached_property
    def selection_score(self) -> float:
        """The mean over seeds of the score on the split that chooses settings."""
        return fmean(trial.record.selection_score for trial in self.trials)

    def has(self, split: str) -> bool:
        """Return whether every seed has predictions of the split.

        Trials that ran before the split was added to the data have none.
        """
        return all(split in trial.record.scores for trial in self.trials)

    def scores(self, split: str, metric: str) -> list[float]:
        """Return each seed's score."""
        return [trial.record.scores[split][metric].value for trial in self.trials]


def spread(scores: Sequence[float]) -> float | None:
    """Return the standard deviation (n - 1) of the seeds' scores; None for a single seed."""
    return stdev(scores) if len(scores) > 1 else None


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """All trials of one (task, encoder, method): the finished ones in study order, and counts.

    In a study that fills tables of the paper, `method` may name a variant (see `cells_of`).
    `pruned` trials were stopped early by a scheduler: they have a curve but no predictions.
    `undrawn` trials were not drawn by a random search; all others that have not ended are
    `missing`. `sampled` says how the trials were chosen from the grid; if all have ended it is
    "grid", whatever the order.

    The trials belong to `settings` points of the grid with up to `seeds` seeds each;
    `failed_settings` of these have a failed trial. `grid` is a digest of the set of trials.
    """

    task: str
    encoder: str
    method: str
    definition: Task
    finished: tuple[FinishedTrial, ...]
    failed: int
    missing: int
    pruned: int = 0
    undrawn: int = 0
    sampled: Sampling = "grid"
    settings: int
    seeds: int
    failed_settings: int
    grid: str

    @property
    def total(self) -> int:
        """The number of all trials that the study has in this cell."""
        return len(self.finished) + self.failed + self.pruned + self.missing + self.undrawn

    @property
    def key(self) -> CellKey:
        """(task, encoder, method)."""
        return (self.task, self.encoder, self.method)

    @property
    def id(self) -> CellId:
        """The key and the set of trials: a table may show fewer trials than its study has."""
        return (*self.key, self.grid)

    @property
    def name(self) -> str:
        """The name of the cell in errors and notes."""
        return f"{self.task}/{self.encoder}/{self.method}"

    @property
    def design(self) -> Design:
        """How its trials were sampled, for statistics that allow for selection."""
        failed = min(self.failed_settings, self.settings - len(self.comparable))
        return Design(sampled=self.sampled, failed=failed, pruned=self.pruned, missing=self.missing)

    @cached_property
    def trained_settings(self) -> tuple[Setting, ...]:
        """The settings with at least one finished trial, in study order."""
        groups: dict[TrialConfig, list[FinishedTrial]] = {}
        for trial in self.finished:
            groups.setdefault(trial.config.with_seed(0), []).append(trial)
        return tuple(Setting(trials=tuple(trials)) for trials in groups.values())

    @cached_property
    def comparable(self) -> tuple[Setting, ...]:
        """The settings to choose from: those with the largest number of finished seeds.

        A mean over fewer seeds varies more, so that the best of many such means would be inflated.
        """
        most = max((len(setting.trials) for setting in self.trained_settings), default=0)
        return tuple(setting for setting in self.trained_settings if len(setting.trials) == most)

    @cached_property
    def chosen(self) -> Setting | None:
        """The setting with the highest mean on the selection split; the first one if tied."""
        return max(
            self.comparable,
            key=lambda setting: round(setting.selection_score, DECIMALS),
            default=None,
        )

    def chosen_on(self, split: str) -> Setting | None:
        """Return the chosen setting if it has predictions of the split."""
        return self.chosen if self.chosen and self.chosen.has(split) else None

    def has_split(self, split: str) -> bool:
        """Return whether a trial has the split, or will have it once one is finished."""
        if self.finished:
            return any(split in trial.record.scores for trial in self.finished)
        return split in self.definition.splits


def read_groups(
    groups: Mapping[CellKey, Sequence[TrialConfig]], store: Store, tasks: Mapping[str, Task] = TASKS
) -> list[CellResult]:
    """Read the results of a study's cells; a cell may be part of a (task, encoder, method).

    `tasks` are the study's tasks by name.

    Raises:
        CorruptTrial: a result is truncated or altered.
        UserError: trials of one task used different data, or trials of one encoder different
            weights.
    """
    searches = read_searches(store)
    names = {key: [trial.signature for trial in group] for key, group in groups.items()}
    whole_cells: dict[CellKey, list[str]] = {}
    for key, group in groups.items():
        whole_cells.setdefault(group[0].cell, []).extend(names[key])
    cells = []
    for key, group in groups.items():
        grids = {digest_trials(names[key]), digest_trials(whole_cells[group[0].cell])}
        cells.append(
            _read_cell(
                key,
                group,
                store,
                _collect_draws(searches, grids),
                get_task(key[0], tasks),
                digest_trials(names[key]),
            )
        )
    refuse_mixture([trial for cell in cells for trial in cell.finished])
    return cells


def _read_cell(
    key: CellKey,
    group: Sequence[TrialConfig],
    store: Store,
    draws: Mapping[Sampling, set[str]],
    definition: Task,
    grid: str,
) -> CellResult:
    states = {trial.signature: store.state(trial.signature) for trial in group}
    done = [t for t in group if states[t.signature] in (State.DONE, State.CORRUPT)]
    counts = Counter(states.values())
    ended = {name for name, state in states.items() if state in ENDED}
    sampled, open_trials = _find_sampling(set(states), ended, draws)
    task, encoder, method = key
    points: dict[TrialConfig, list[State]] = {}
    for trial in group:
        points.setdefault(trial.with_seed(0), []).append(states[trial.signature])
    return CellResult(
        task=task,
        encoder=encoder,
        method=method,
        definition=definition,
        finished=tuple(
            FinishedTrial(config=trial, record=store.record(trial.signature)) for trial in done
        ),
        failed=counts[State.FAILED],
        pruned=counts[State.PRUNED],
        missing=len(open_trials),
        undrawn=len(states) - len(ended) - len(open_trials),
        sampled=sampled,
        settings=len(points),
        seeds=max(map(len, points.values())),
        failed_settings=sum(State.FAILED in seeds for seeds in points.values()),
        grid=grid,
    )


def _find_sampling(
    names: set[str], ended: set[str], draws: Mapping[Sampling, set[str]]
) -> tuple[Sampling, set[str]]:
    """Return how a cell's trials were chosen, and which of them have not ended yet.

    A random search counts only if no trial outside its draw has ended.
    """
    sampled = {kind: names & drawn for kind, drawn in draws.items()}
    if sampled["adaptive"] & ended and ended < names:
        return "adaptive", names - ended
    if sampled["random"] and ended <= sampled["random"]:
        return "random" if ended < names else "grid", sampled["random"] - ended
    return "grid", names - ended


def _collect_draws(searches: Sequence[SearchRecord], grids: set[str]) -> dict[Sampling, set[str]]:
    """Collect the trials drawn by searches of each kind; random draws from `grids` only.

    `grids` are the cell's own and that of its whole (task, encoder, method): part of a random draw
    is a random draw from that part.
    """
    kinds: tuple[Sampling, ...] = ("random", "adaptive")
    return {
        kind: {
            name
            for search in searches
            if search.kind == kind
            for cell in search.cells
            if kind == "adaptive" or cell.grid in grids
            for name in cell.drawn
        }
        for kind in kinds
    }


def refuse_mixture(finished: Iterable[FinishedTrial]) -> None:
    """Check that each split of a task, and each encoder on a task, has a single fingerprint.

    Training rows may differ between settings that select different rows: only the other splits
    must be the same.

    Raises:
        UserError: two trials have different fingerprints.
    """
    first: dict[tuple[str, str, object], tuple[str, str]] = {}
    for trial in finished:
        for what, fingerprint in trial.record.fingerprints.items():
            part = f"{what} {trial.config.encoder}" if what == "encoder" else f"{what} split"
            rows = _row_settings(trial.config) if what == "train" else None
            known, signature = first.setdefault(
                (trial.config.task, part, rows), (fingerprint, trial.record.signature)
            )
            if known != fingerprint:
                raise UserError(
                    f"task {trial.config.task}: trials {signature} and {trial.record.signature}"
                    f" differ in the {part} ({known}, {fingerprint}): it changed between them;"
                    " `run --retry` with the same --data retrains the trials that used other rows"
                    " than the current ones, or report them from two stores"
                )


def _row_settings(config: TrialConfig) -> tuple[object, ...]:
    """Return all settings that determine which rows of a task are used for training."""
    heldout = (config.select_on, config.heldout_fraction, config.subset_seed)
    return (*heldout, config.n_per_class, config.train_fraction, config.fraction_seed)


def list_splits(cells: Iterable[CellResult]) -> list[str]:
    """List the labelled splits that tables can show, which excludes held-out training rows."""
    found = {split for cell in cells for trial in cell.finished for split in trial.record.scores}
    return [split for split in SPLITS if split in found]
