"""The store as reports see it: cells, their best trials, and paired comparisons of those.

In: a study's trials and the store. Out: `CellResult`s and `Comparison`s. Predictions are aligned by
example id, and trials that saw other data or another encoder are refused, not mixed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from reports.significance import Comparison, fisher_randomization, mcnemar
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig
from trainers.outcome import Predictions, TrialRecord
from trainers.store import State, Store
from trainers.tasks import get_task

SPLITS = ("dev", "dev_mismatched", "test", "test_difficult")
RESAMPLES = 9_999
SEED = 12_345


@dataclass(frozen=True, kw_only=True)
class FinishedTrial:
    """A trial's settings and its record."""

    config: TrialConfig
    record: TrialRecord


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """All trials of one (task, encoder, method): those finished, in study order, and the rest."""

    task: str
    encoder: str
    method: str
    finished: tuple[FinishedTrial, ...]
    failed: int
    missing: int

    @property
    def total(self) -> int:
        """All trials that the study wants in this cell."""
        return len(self.finished) + self.failed + self.missing

    @property
    def best(self) -> FinishedTrial | None:
        """The trial with the highest score on its selection split; the earlier one wins a tie."""
        return max(self.finished, key=lambda trial: trial.record.selection_score, default=None)


def read_cells(trials: Sequence[TrialConfig], store: Store) -> list[CellResult]:
    """Group a study's trials into cells, and read what the store has of them.

    Raises:
        CorruptTrial: a result is truncated or altered.
        UserError: trials of one task saw different data, or of one encoder different weights.
    """
    groups: dict[tuple[str, str, str], list[TrialConfig]] = {}
    for trial in trials:
        groups.setdefault(trial.cell, []).append(trial)
    cells = [_read_cell(group, store) for group in groups.values()]
    refuse_mixture([trial for cell in cells for trial in cell.finished])
    return cells


def _read_cell(group: Sequence[TrialConfig], store: Store) -> CellResult:
    finished: list[FinishedTrial] = []
    failed = 0
    for trial in group:
        match store.state(trial.signature):
            case State.DONE | State.CORRUPT:
                record = store.record(trial.signature)
                finished.append(FinishedTrial(config=trial, record=record))
            case State.FAILED:
                failed += 1
    task, encoder, method = group[0].cell
    return CellResult(
        task=task,
        encoder=encoder,
        method=method,
        finished=tuple(finished),
        failed=failed,
        missing=len(group) - len(finished) - failed,
    )


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
                    f" differ in the {thing} ({known}, {fingerprint}): report them from two stores"
                )


def _choice_of_rows(config: TrialConfig) -> tuple[object, ...]:
    """All settings that have a say in which rows of a task are trained on."""
    held = (config.select_on, config.heldout_fraction, config.subset_seed)
    return (*held, config.n_per_class, config.train_fraction, config.fraction_seed)


def report_splits(cells: Iterable[CellResult]) -> list[str]:
    """Name the labelled splits that tables can show: held-out training rows are for choosing."""
    found = {split for cell in cells for trial in cell.finished for split in trial.record.scores}
    return [split for split in SPLITS if split in found]


def compare(baseline: FinishedTrial, system: FinishedTrial, split: str, store: Store) -> Comparison:
    """Test two finished trials on a split with the task's metric and the paper's test for it.

    Raises:
        CorruptTrial: predictions do not match their checksum.
        UserError: the two did not predict the same examples with the same gold labels.
    """
    first = store.predictions(baseline.record, split)
    second = align(first, store.predictions(system.record, split))
    task = get_task(system.config.task)
    arrays = (first.gold, first.predicted, second.predicted)
    if task.test == "mcnemar":
        return mcnemar(*arrays)
    n_classes = len(system.record.labels)
    return fisher_randomization(
        *arrays, metric=task.metric, n_classes=n_classes, resamples=RESAMPLES, seed=SEED
    )


def align(first: Predictions, second: Predictions) -> Predictions:
    """Return `second` in the order of `first`'s example ids.

    Raises:
        UserError: an id is missing or twice, or a gold label differs.
    """
    if first.ids == second.ids:
        aligned = second
    else:
        place = {name: row for row, name in enumerate(second.ids)}
        for name in first.ids:
            if name not in place:
                raise UserError(f"example {name!r} is predicted by only one of the two systems")
        if len(place) != len(second.ids) or len(second.ids) != len(first.ids):
            raise UserError("the two systems did not predict the same examples once each")
        rows = [place[name] for name in first.ids]
        aligned = Predictions(ids=first.ids, gold=second.gold[rows], logits=second.logits[rows])
    differing = np.flatnonzero(first.gold != aligned.gold)
    if differing.size:
        raise UserError(f"example {first.ids[differing[0]]!r} has two different gold labels")
    return aligned
