"""Read the predictions of a cell's settings on a split, aligned by example id.

In: settings of a cell, a split and the store. Out: `Candidates`, and `Pair`s of two settings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.results.cells import CellResult, Setting
from reports.statistics.alignment import align
from reports.statistics.candidates import Candidates, align_candidates
from reports.statistics.design import Design
from search_spaces.errors import UserError
from trainers.records.metrics import Labels, Metric, get_metric
from trainers.records.outcome import LabelledExamples, Predictions, TrialRecord
from trainers.records.store import Store


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """The predictions of two settings for the same N examples.

    `gold` is (N,), `baseline` (S_B, N) and `system` (S_A, N): labels 0 .. n_classes - 1, a row per
    seed.
    """

    ids: tuple[str, ...]
    gold: Labels
    baseline: Labels
    system: Labels
    metric: Metric
    n_classes: int

    @property
    def seeds(self) -> tuple[int, int]:
        """The numbers of seeds of the baseline and the system."""
        return len(self.baseline), len(self.system)


def pair_best(baseline: Candidates, system: Candidates) -> Pair:
    """Pair the best settings of two cells.

    Raises:
        UserError: metric, classes, examples or gold labels differ.
    """
    system = align_candidates(baseline, system)
    return Pair(
        ids=baseline.ids,
        gold=baseline.gold,
        baseline=baseline.predicted[baseline.seed_rows(baseline.best)],
        system=system.predicted[system.seed_rows(system.best)],
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
        UserError: examples or gold labels differ between two trials.
    """
    sides = (read_settings(cell, [setting], split, store) for cell, setting in (baseline, system))
    return pair_best(*sides)


def read_candidates(cell: CellResult, store: Store) -> Candidates:
    """Read the comparable settings of a cell on the split that chooses among them.

    Raises:
        CorruptTrial: predictions do not match their checksum.
        UserError: the trials' selection splits, examples or gold labels differ.
    """
    split = cell.finished[0].record.selection
    other = [trial for trial in cell.finished if trial.record.selection != split]
    if other:
        raise UserError(
            f"{cell.name}: trials {other[0].record.signature} and"
            f" {cell.finished[0].record.signature} have different selection splits: report them"
            " from two studies"
        )
    return read_settings(cell, cell.comparable, split, store)


def read_settings(
    cell: CellResult, settings: Sequence[Setting], split: str, store: Store
) -> Candidates:
    """Read the predictions of settings with equally many seeds.

    Raises:
        CorruptTrial, UserError: as for `read_candidates`.
    """
    trials = [trial for setting in settings for trial in setting.trials]
    record, seeds = trials[0].record, len(settings[0].trials)
    metric, n_classes = get_metric(record.metric), len(record.labels)
    first = store.labels(record, split)
    predicted = np.empty((len(trials), len(first.gold)), dtype=first.gold.dtype)
    for row, trial in enumerate(trials):
        entry = store.labels(trial.record, split) if row else first
        if not _same_examples(first, entry):
            by_trial = {t.record.signature: store.predictions(t.record, split) for t in trials}
            return gather(
                cell.name,
                by_trial,
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
    """Join the predictions of a cell's trials by example id, in the order of the first trial.

    Raises:
        UserError: there is no trial, one has no predictions (None), examples or gold labels differ
            between two trials; or as for `Candidates`.
    """
    aligned: dict[str, Predictions] = {}
    for trial, entry in predictions.items():
        if entry is None:
            raise UserError(f"{cell}: trial {trial} has no predictions on this split")
        aligned[trial] = _align_with_first(cell, aligned, trial, entry)
    first = next(iter(aligned.values()), None)
    if first is None:
        raise UserError(f"{cell}: no finished trial to choose from")
    return Candidates(
        cell=cell,
        trials=tuple(aligned),
        ids=tuple(first.ids),
        gold=first.gold,
        predicted=np.stack([entry.predicted for entry in aligned.values()]),
        metric=get_metric(metric),
        n_classes=n_classes,
        design=design,
        seeds=seeds,
    )


def _align_with_first(
    cell: str, aligned: Mapping[str, Predictions], trial: str, entry: Predictions
) -> Predictions:
    for name, first in aligned.items():
        try:
            return align(first, entry)
        except UserError as error:
            raise UserError(f"{cell}: trials {name} and {trial}: {error}") from error
    return entry


def predicts_one_class(record: TrialRecord, split: str, store: Store) -> bool:
    """Return whether a trial predicts one class for every example of the split.

    Raises:
        CorruptTrial: predictions do not match their checksum.
    """
    return len(set(store.labels(record, split).predicted.tolist())) == 1
