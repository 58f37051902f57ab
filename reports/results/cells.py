"""The store as reports see it: cells, their settings, and the trials of each.

In: a study's trials and the store. Out: `CellResult`s. Trials that saw other data or another
encoder are refused, not mixed.
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

Key = Cell
CellId = tuple[str, str, str, str]


@dataclass(frozen=True, kw_only=True)
class FinishedTrial:
    """A trial's settings and its record."""

    config: TrialConfig
    record: TrialRecord


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A point of a cell's grid: its finished trials, one for each seed, in study order.

    What a setting is worth is the mean over its seeds, on whichever split.
    """

    trials: tuple[FinishedTrial, ...]

    @property
    def record(self) -> TrialRecord:
        """The first seed's: metric, labels and data are those of all."""
        return self.trials[0].record

    @property
    def config(self) -> TrialConfig:
        """The first seed's: the others differ in nothing else."""
        return self.trials[0].config

    @property
    def signatures(self) -> tuple[str, ...]:
        """The names of its trials."""
        return tuple(trial.record.signature for trial in self.trials)

    @cached_property
    def selection_score(self) -> float:
        """The mean of the scores by which its trials are chosen."""
        return fmean(trial.record.selection_score for trial in self.trials)

    def has(self, split: str) -> bool:
        """Whether every seed predicted the split: one may be from before the data had it."""
        return all(split in trial.record.scores for trial in self.trials)

    def scores(self, split: str, metric: str) -> list[float]:
        """Return each seed's score."""
        return [trial.record.scores[split][metric].value for trial in self.trials]


def spread(scores: Sequence[float]) -> float | None:
    """The standard deviation (n - 1) of several seeds' scores; None of one."""
    return stdev(scores) if len(scores) > 1 else None


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """All trials of one (task, encoder, method): those finished, in study order, and the rest.

    In a study that fills tables of the paper, `method` may name a variant, as `group_by_cell` says.
    `pruned` ones were stopped early by a scheduler: they have a curve and no predictions. A random
    search leaves `undrawn` trials out; all others that did not end are `missing`. `sampled` says
    how the trials were chosen; when all have ended it is a grid, in whatever order they were run.

    The trials are those of `settings` points of the grid with up to `seeds` seeds each, and
    `failed_settings` of these have a trial that failed. `grid` names the set of trials.
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
        """All trials that the study has in this cell."""
        return len(self.finished) + self.failed + self.pruned + self.missing + self.undrawn

    @property
    def key(self) -> Key:
        """(task, encoder, method)."""
        return (self.task, self.encoder, self.method)

    @property
    def id(self) -> CellId:
        """The key, and which trials: a table may have fewer of them than its study."""
        return (*self.key, self.grid)

    @property
    def name(self) -> str:
        """The cell as errors and notes name it."""
        return f"{self.task}/{self.encoder}/{self.method}"

    @property
    def design(self) -> Design:
        """How its trials were drawn, for the statistics of selection."""
        lost = min(self.failed_settings, self.settings - len(self.comparable))
        return Design(sampled=self.sampled, failed=lost, pruned=self.pruned, missing=self.missing)

    @cached_property
    def begun(self) -> tuple[Setting, ...]:
        """The settings of which a trial is finished, in study order."""
        groups: dict[TrialConfig, list[FinishedTrial]] = {}
        for trial in self.finished:
            groups.setdefault(trial.config.with_seed(0), []).append(trial)
        return tuple(Setting(trials=tuple(trials)) for trials in groups.values())

    @cached_property
    def comparable(self) -> tuple[Setting, ...]:
        """The settings to choose from: those with the most finished seeds.

        A mean over fewer seeds varies more, so the best of many such would be the luckiest.
        """
        most = max((len(setting.trials) for setting in self.begun), default=0)
        return tuple(setting for setting in self.begun if len(setting.trials) == most)

    @cached_property
    def chosen(self) -> Setting | None:
        """The setting with the highest mean on its selection split; the earlier one wins a tie."""
        return max(
            self.comparable, key=lambda one: round(one.selection_score, DECIMALS), default=None
        )

    def chosen_on(self, split: str) -> Setting | None:
        """The same, if it has the split."""
        return self.chosen if self.chosen and self.chosen.has(split) else None

    def has_split(self, split: str) -> bool:
        """Whether one of its trials has the split, or may have it when one is finished."""
        if self.finished:
            return any(split in trial.record.scores for trial in self.finished)
        return split in self.definition.splits


def read_groups(
    groups: Mapping[Key, Sequence[TrialConfig]], store: Store, tasks: Mapping[str, Task] = TASKS
) -> list[CellResult]:
    """Read what the store has of a study's cells; one may be a part of a (task, encoder, method).

    `tasks` are the study's, by name.

    Raises:
        CorruptTrial: a result is truncated or altered.
        UserError: trials of one task saw different data, or of one encoder different weights.
    """
    searches = read_searches(store)
    names = {key: [trial.signature for trial in group] for key, group in groups.items()}
    whole: dict[Key, list[str]] = {}
    for key, group in groups.items():
        whole.setdefault(group[0].cell, []).extend(names[key])
    cells = []
    for key, group in groups.items():
        grids = {digest_trials(names[key]), digest_trials(whole[group[0].cell])}
        cells.append(
            _read_cell(
                key,
                group,
                store,
                _of_grids(searches, grids),
                get_task(key[0], tasks),
                digest_trials(names[key]),
            )
        )
    refuse_mixture([trial for cell in cells for trial in cell.finished])
    return cells


def _read_cell(
    key: Key,
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
    sampled, open_trials = _sampled(set(states), ended, draws)
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


def _sampled(
    names: set[str], ended: set[str], draws: Mapping[Sampling, set[str]]
) -> tuple[Sampling, set[str]]:
    """Say how a cell's trials were chosen, and which of them are still to end.

    A random search counts if nothing ended beside its draw.
    """
    drawn = {kind: names & found for kind, found in draws.items()}
    if drawn["adaptive"] & ended and ended < names:
        return "adaptive", names - ended
    if drawn["random"] and ended <= drawn["random"]:
        return "random" if ended < names else "grid", drawn["random"] - ended
    return "grid", names - ended


def _of_grids(searches: Sequence[SearchRecord], grids: set[str]) -> dict[Sampling, set[str]]:
    """All trials that searches of a kind drew; random ones from these very grids only.

    They are a cell's own, and that of its whole (task, encoder, method): a part of a random draw is
    a random draw of that part.
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
    """Every split of a task, and every encoder on a task, must have one fingerprint.

    Training rows may differ where the settings that choose them do: what is compared is the other
    splits.

    Raises:
        UserError: two trials differ in one.
    """
    first: dict[tuple[str, str, object], tuple[str, str]] = {}
    for trial in finished:
        for what, fingerprint in trial.record.fingerprints.items():
            thing = f"{what} {trial.config.encoder}" if what == "encoder" else f"{what} split"
            rows = _choice_of_rows(trial.config) if what == "train" else None
            known, signature = first.setdefault(
                (trial.config.task, thing, rows), (fingerprint, trial.record.signature)
            )
            if known != fingerprint:
                raise UserError(
                    f"task {trial.config.task}: trials {signature} and {trial.record.signature}"
                    f" differ in the {thing} ({known}, {fingerprint}): it changed between them;"
                    " `run --retry` with the same --data trains those again that saw other rows"
                    " than there are now, or report them from two stores"
                )


def _choice_of_rows(config: TrialConfig) -> tuple[object, ...]:
    """All settings that have a say in which rows of a task are trained on."""
    held = (config.select_on, config.heldout_fraction, config.subset_seed)
    return (*held, config.n_per_class, config.train_fraction, config.fraction_seed)


def report_splits(cells: Iterable[CellResult]) -> list[str]:
    """Name the labelled splits that tables can show: held-out training rows are for choosing."""
    found = {split for cell in cells for trial in cell.finished for split in trial.record.scores}
    return [split for split in SPLITS if split in found]
