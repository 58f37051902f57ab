"""Candidates: the trials of a cell, one of which a table's number was chosen from.

In: every trial's predictions on one split, and how the trials were drawn. Out: frozen, checked
types that the tests of selection take: `Candidates` with predictions, `Scores` without.

Shapes: M trials, N examples.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from reports.cells import align
from reports.design import Design
from search_spaces.errors import UserError
from search_spaces.text import quoted
from trainers.metrics import Flags, Labels, Metric, Values, get_metric, short_name, sum_counts
from trainers.outcome import Predictions


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """The scores (M,) of a cell's finished trials, M > 0.

    Raises:
        UserError: there is none, or one is NaN or infinite.
    """

    cell: str
    values: Values
    design: Design

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or self.values.size == 0:
            raise UserError(f"{self.cell}: no finished trial to choose from")
        wrong = np.flatnonzero(~np.isfinite(self.values))
        if wrong.size:
            value = self.values[wrong[0]]
            raise UserError(f"{self.cell}: trial {wrong[0]} has the score {value}: no number")

    @property
    def budget(self) -> int:
        """All trials that were spent on the cell, failed ones too."""
        return self.values.size + self.design.failed


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """The finished trials of a cell on one split: `predicted` (M, N) against `gold` (N,).

    `trials` names the M trials and `ids` the N examples, each once. Labels are 0 .. n_classes - 1.

    Raises:
        UserError: no trial or no example, a name twice, shapes that do not fit, or a label that
            is not in the list.
    """

    cell: str
    trials: tuple[str, ...]
    ids: tuple[str, ...]
    gold: Labels
    predicted: Labels
    metric: Metric
    n_classes: int
    design: Design

    def __post_init__(self) -> None:
        if not self.trials or not self.ids:
            raise UserError(f"{self.cell}: expected trials and examples, got none")
        _once(self.cell, "trial", self.trials)
        _once(self.cell, "example", self.ids)
        shape = (len(self.trials), len(self.ids))
        if self.predicted.shape != shape or self.gold.shape != shape[1:]:
            raise UserError(
                f"{self.cell}: expected {shape} predictions (trials, examples) and a gold label of"
                f" each example, got {self.predicted.shape} and {self.gold.shape}"
            )
        self._check_labels("gold", self.gold)
        if self.predicted.min() < 0 or self.predicted.max() >= self.n_classes:
            for name, row in zip(self.trials, self.predicted, strict=True):
                self._check_labels(f"trial {name}", row)
        if not self.metric.fits(self.n_classes):
            raise UserError(
                f"{self.cell}: {short_name(self.metric.name)} is not for {self.n_classes} classes"
            )

    def _check_labels(self, what: str, labels: Labels) -> None:
        if labels.min() < 0 or labels.max() >= self.n_classes:
            raise UserError(
                f"{self.cell}: {what} has labels {labels.min()} .. {labels.max()}, expected"
                f" 0 .. {self.n_classes - 1}"
            )

    @cached_property
    def _scored(self) -> tuple[Values, Flags]:
        rows = [sum_counts(self.metric, self.gold, row, self.n_classes) for row in self.predicted]
        return self.metric.scores(np.stack(rows))

    @property
    def scores(self) -> Scores:
        """Every trial's score (M,), an undefined one as 0."""
        return Scores(cell=self.cell, values=self._scored[0], design=self.design)

    @property
    def undefined(self) -> tuple[str, ...]:
        """Trials whose score is 0 only because it is undefined: they predict one class."""
        pairs = zip(self.trials, self._scored[1], strict=True)
        return tuple(name for name, flag in pairs if flag)

    @property
    def best(self) -> int:
        """The place of the highest score; the earlier trial wins a tie."""
        return int(np.argmax(self._scored[0]))


def _once(cell: str, what: str, names: tuple[str, ...]) -> None:
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise UserError(f"{cell}: {what} {quoted(name)} is there {times} times; each counts once")


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


def in_order_of(first: Candidates, second: Candidates) -> Candidates:
    """Return `second` with its examples in the order of `first`'s.

    Raises:
        UserError: the two differ in metric, classes, examples or gold labels.
    """
    both = f"{first.cell} and {second.cell}"
    if (first.metric.name, first.n_classes) != (second.metric.name, second.n_classes):
        raise UserError(f"{both} were not scored with the same metric and labels")
    if first.ids == second.ids and (first.gold == second.gold).all():
        return second
    place = {name: row for row, name in enumerate(second.ids)}
    alone = sorted(set(first.ids) ^ set(second.ids))
    if alone:
        raise UserError(f"{both} are misaligned: example {quoted(alone[0])} is in only one of them")
    rows = [place[name] for name in first.ids]
    differing = np.flatnonzero(first.gold != second.gold[rows])
    if differing.size:
        name = first.ids[differing[0]]
        raise UserError(f"{both} are misaligned: example {quoted(name)} has two gold labels")
    return replace(second, ids=first.ids, gold=first.gold, predicted=second.predicted[:, rows])
