"""The store as reports see it: cells, their best trials, and paired comparisons of those.

In: a study's trials and the store. Out: `CellResult`s and `Comparison`s. Predictions are aligned by
example id, and trials that saw other data or another encoder are refused, not mixed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reports.statistics.alignment import align
from reports.statistics.candidates import Candidates
from reports.statistics.design import Design
from reports.statistics.significance import Comparison, fisher_randomization, mcnemar
from search_spaces.cells import Cell, Sampling
from search_spaces.errors import UserError
from search_spaces.shipped_tasks import TASKS, get_task
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig
from trainers.records.metrics import Labels, Metric, get_metric
from trainers.records.outcome import Predictions, TrialRecord
from trainers.records.searches import SearchRecord, digest, read_searches
from trainers.records.store import State, Store

SPLITS = ("dev", "dev_mismatched", "test", "test_difficult")
RESAMPLES = 9_999
SEED = 12_345
ENDED = (State.DONE, State.CORRUPT, State.FAILED, State.PRUNED)

Key = Cell


@dataclass(frozen=True, kw_only=True)
class FinishedTrial:
    """A trial's settings and its record."""

    config: TrialConfig
    record: TrialRecord


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """All trials of one (task, encoder, method): those finished, in study order, and the rest.

    In a study that fills tables of the paper, `method` may name a variant, as `cells_of` says.
    `pruned` ones were stopped early by a scheduler: they have a curve and no predictions. A random
    search leaves `undrawn` trials out; all others that did not end are `missing`. `sampled` says
    how the trials were chosen; when all have ended it is a grid, in whatever order they were run.
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

    @property
    def total(self) -> int:
        """All trials that the study has in this cell."""
        return len(self.finished) + self.failed + self.pruned + self.missing + self.undrawn

    @property
    def key(self) -> Key:
        """(task, encoder, method)."""
        return (self.task, self.encoder, self.method)

    @property
    def name(self) -> str:
        """The cell as errors and notes name it."""
        return f"{self.task}/{self.encoder}/{self.method}"

    @property
    def design(self) -> Design:
        """How its trials were drawn, for the statistics of selection."""
        return Design(
            sampled=self.sampled, failed=self.failed, pruned=self.pruned, missing=self.missing
        )

    @cached_property
    def best(self) -> FinishedTrial | None:
        """The trial with the highest score on its selection split; the earlier one wins a tie."""
        return max(self.finished, key=lambda trial: trial.record.selection_score, default=None)

    def best_on(self, split: str) -> FinishedTrial | None:
        """The same, if it has the split: it may be from before the data had it."""
        best = self.best
        return best if best and split in best.record.scores else None


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
        grids = {digest(names[key]), digest(whole[group[0].cell])}
        cells.append(
            _read_cell(key, group, store, _of_grids(searches, grids), get_task(key[0], tasks))
        )
    refuse_mixture([trial for cell in cells for trial in cell.finished])
    return cells


def _read_cell(
    key: Key,
    group: Sequence[TrialConfig],
    store: Store,
    draws: Mapping[Sampling, set[str]],
    definition: Task,
) -> CellResult:
    states = {trial.signature: store.state(trial.signature) for trial in group}
    done = [t for t in group if states[t.signature] in (State.DONE, State.CORRUPT)]
    counts = Counter(states.values())
    ended = {name for name, state in states.items() if state in ENDED}
    sampled, open_trials = _sampled(set(states), ended, draws)
    task, encoder, method = key
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


def of_one_class(cells: Iterable[CellResult], split: str, store: Store) -> list[CellResult]:
    """Cells whose chosen trial predicts one class for every example of the split.

    Such a trial may have a high F1 or accuracy, and a difference from it may be significant.

    Raises:
        CorruptTrial: predictions do not match their checksum.
    """
    return [
        cell
        for cell in cells
        if (best := cell.best_on(split)) and is_of_one_class(best.record, split, store)
    ]


def is_of_one_class(record: TrialRecord, split: str, store: Store) -> bool:
    """Say whether a trial predicts one class for every example of the split.

    Raises:
        CorruptTrial: predictions do not match their checksum.
    """
    return len(set(store.labels(record, split).predicted.tolist())) == 1


def report_splits(cells: Iterable[CellResult]) -> list[str]:
    """Name the labelled splits that tables can show: held-out training rows are for choosing."""
    found = {split for cell in cells for trial in cell.finished for split in trial.record.scores}
    return [split for split in SPLITS if split in found]


def paired_labels(
    baseline: FinishedTrial, system: FinishedTrial, split: str, store: Store
) -> tuple[Labels, Labels, Labels]:
    """Return gold, baseline and system labels (N,) of a split.

    Raises:
        CorruptTrial: predictions do not match their checksum.
        UserError: the two did not predict the same examples with the same gold labels.
    """
    first = store.predictions(baseline.record, split)
    second = align(first, store.predictions(system.record, split))
    return first.gold, first.predicted, second.predicted


def paired_test(
    gold: Labels, baseline: Labels, system: Labels, *, metric: str | Metric, n_classes: int
) -> Comparison:
    """Run the paper's test of a metric on labels (N,)."""
    if get_metric(metric).test == "mcnemar":
        return mcnemar(gold, baseline, system)
    return fisher_randomization(
        gold,
        baseline,
        system,
        metric=metric,
        n_classes=n_classes,
        resamples=RESAMPLES,
        seed=SEED,
    )


def gather(
    cell: str,
    predictions: Mapping[str, Predictions | None],
    *,
    metric: str | Metric,
    n_classes: int,
    design: Design,
) -> Candidates:
    """Join the predictions of a cell's trials by example id, in the order of the first trial's.

    Raises:
        UserError: there is no trial, one has no predictions (None), or two of them do not predict
            the same examples, once each, with the same gold labels; or as `Candidates` does.
    """
    found: dict[str, Predictions] = {}
    for trial, entry in predictions.items():
        if entry is None:
            raise UserError(f"{cell}: trial {trial} has no predictions on this split")
        found[trial] = _aligned(cell, found, trial, entry)
    first = next(iter(found.values()), None)
    if first is None:
        raise UserError(f"{cell}: no finished trial to choose from")
    return Candidates(
        cell=cell,
        trials=tuple(found),
        ids=tuple(first.ids),
        gold=first.gold,
        predicted=np.stack([entry.predicted for entry in found.values()]),
        metric=get_metric(metric),
        n_classes=n_classes,
        design=design,
    )


def _aligned(
    cell: str, found: Mapping[str, Predictions], trial: str, entry: Predictions
) -> Predictions:
    for name, first in found.items():
        try:
            return align(first, entry)
        except UserError as error:
            raise UserError(f"{cell}: trials {name} and {trial}: {error}") from error
    return entry
