"""Predictions of a cell's settings on a split, read from the store and aligned by example id.

In: settings of a cell, a split and the store. Out: `Candidates`, and `Pair`s of two settings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.results.cells import CellResult, Setting
from reports.statistics.alignment import align
from reports.statistics.candidates import Candidates, in_order_of
from reports.statistics.design import Design
from search_spaces.errors import UserError
from trainers.records.metrics import Labels, Metric, get_metric
from trainers.records.outcome import LabelledExamples, Predictions, TrialRecord
from trainers.records.store import Store


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """What two settings made of the same N examples.

    `gold` is (N,), `baseline` (S_B, N) and `system` (S_A, N): labels 0 .. n_classes - 1, a row for
    each seed.
    """

    ids: tuple[str, ...]
    gold: Labels
    baseline: Labels
    system: Labels
    metric: Metric
    n_classes: int

    @property
    def seeds(self) -> tuple[int, int]:
        """How many the baseline and the system have."""
        return len(self.baseline), len(self.system)


def pair_of(baseline: Candidates, system: Candidates) -> Pair:
    """Put the best setting of one cell beside that of another.

    Raises:
        UserError: the two differ in metric, classes, examples or gold labels.
    """
    system = in_order_of(baseline, system)
    return Pair(
        ids=baseline.ids,
        gold=baseline.gold,
        baseline=baseline.predicted[baseline.rows_of(baseline.best)],
        system=system.predicted[system.rows_of(system.best)],
        metric=system.metric,
        n_classes=system.n_classes,
    )


def read_pair(
    baseline: tuple[CellResult, Setting],
    system: tuple[CellResult, Setting],
    split: str,
    store: Store,
) -> Pair:
    """Read the predictions of two settings on a split.

    Raises:
        CorruptTrial: predictions do not match their checksum.
        UserError: two trials did not predict the same examples with the same gold labels.
    """
    sides = (read_settings(cell, [one], split, store) for cell, one in (baseline, system))
    return pair_of(*sides)


def read_candidates(cell: CellResult, store: Store) -> Candidates:
    """Read the settings of a cell that can be chosen, on the split that they are chosen by.

    Raises:
        CorruptTrial: predictions do not match their checksum.
        UserError: they were chosen on several splits, or did not predict the same examples with the
            same gold labels.
    """
    split = cell.finished[0].record.selection
    other = [trial for trial in cell.finished if trial.record.selection != split]
    if other:
        raise UserError(
            f"{cell.name}: trial {other[0].record.signature} was chosen on another split than"
            f" {cell.finished[0].record.signature}: report them from two studies"
        )
    return read_settings(cell, cell.comparable, split, store)


def read_settings(
    cell: CellResult, settings: Sequence[Setting], split: str, store: Store
) -> Candidates:
    """Read settings with as many seeds each.

    Raises:
        CorruptTrial, UserError: as `read_candidates` does.
    """
    trials = [trial for setting in settings for trial in setting.trials]
    record, seeds = trials[0].record, len(settings[0].trials)
    metric, n_classes = get_metric(record.metric), len(record.labels)
    first = store.labels(record, split)
    predicted = np.empty((len(trials), len(first.gold)), dtype=first.gold.dtype)
    for row, trial in enumerate(trials):
        entry = store.labels(trial.record, split) if row else first
        if not _same_examples(first, entry):
            every = {t.record.signature: store.predictions(t.record, split) for t in trials}
            return gather(
                cell.name,
                every,
                metric=metric,
                n_classes=n_classes,
                design=cell.design,
                seeds=seeds,
            )
        predicted[row] = entry.predicted
    return Candidates(
        cell=cell.name,
        trials=tuple(trial.record.signature for trial in trials),
        ids=tuple(first.ids.to_pylist()),
        gold=first.gold,
        predicted=predicted,
        metric=metric,
        n_classes=n_classes,
        design=cell.design,
        seeds=seeds,
    )


def _same_examples(first: LabelledExamples, other: LabelledExamples) -> bool:
    return bool(first.ids.equals(other.ids) and np.array_equal(first.gold, other.gold))


def gather(
    cell: str,
    predictions: Mapping[str, Predictions | None],
    *,
    metric: str | Metric,
    n_classes: int,
    design: Design,
    seeds: int = 1,
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
        seeds=seeds,
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


def is_of_one_class(record: TrialRecord, split: str, store: Store) -> bool:
    """Say whether a trial predicts one class for every example of the split.

    Raises:
        CorruptTrial: predictions do not match their checksum.
    """
    return len(set(store.labels(record, split).predicted.tolist())) == 1
