"""Candidates: the settings of a cell among which the best is chosen.

In: every trial's labels on one split, and how the trials were sampled. Out: frozen, validated
inputs of the tests that allow for selection: `Candidates` with labels, `Scores` without.

A setting is a point of the grid; its trials differ only in the seed. The best setting is the one
with the highest mean over its seeds, not the one with the best single seed.

Shapes: G settings, S seeds of each, M = G S trials, N examples.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from reports.statistics.alignment import align
from reports.statistics.design import Design
from search_spaces.errors import UserError
from search_spaces.text import quoted
from trainers.records.metrics import (
    DECIMALS,
    Flags,
    Labels,
    Metric,
    Values,
    short_name,
    sum_counts,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """The scores (G,) of a cell's settings, each a mean over seeds, G > 0.

    Raises:
        UserError: there are no scores, or one is NaN or infinite.
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
            raise UserError(
                f"{self.cell}: setting {wrong[0]} has the score {value}, expected a finite number"
            )

    @property
    def budget(self) -> int:
        """The number of settings tried, including those without a score."""
        return self.values.size + self.design.failed


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """The predictions of a cell's settings on one split: `predicted` (M, N) and `gold` (N,).

    `trials` are the unique names of the M trials, grouped by setting, `seeds` per setting; `ids`
    are the unique ids of the N examples. Labels are 0 .. n_classes - 1.

    Raises:
        UserError: there are no trials or examples, a name occurs twice, shapes do not match, or a
            label is out of range.
    """

    cell: str
    trials: tuple[str, ...]
    ids: tuple[str, ...]
    gold: Labels
    predicted: Labels
    metric: Metric
    n_classes: int
    design: Design
    seeds: int = 1

    def __post_init__(self) -> None:
        if not self.trials or not self.ids:
            raise UserError(f"{self.cell}: expected trials and examples, got none")
        _refuse_duplicates(self.cell, "trial", self.trials)
        _refuse_duplicates(self.cell, "example", self.ids)
        if self.seeds < 1 or len(self.trials) % self.seeds:
            raise UserError(
                f"{self.cell}: {len(self.trials)} trials cannot be {self.seeds} seeds per setting"
            )
        shape = (len(self.trials), len(self.ids))
        if self.predicted.shape != shape or self.gold.shape != shape[1:]:
            raise UserError(
                f"{self.cell}: expected predictions of shape {shape} (trials, examples) and one"
                f" gold label per example, got shapes {self.predicted.shape} and {self.gold.shape}"
            )
        self._check_labels("gold", self.gold)
        if self.predicted.min() < 0 or self.predicted.max() >= self.n_classes:
            for name, row in zip(self.trials, self.predicted, strict=True):
                self._check_labels(f"trial {name}", row)
        if not self.metric.allows(self.n_classes):
            raise UserError(
                f"{self.cell}: {short_name(self.metric.name)} is not defined for"
                f" {self.n_classes} classes"
            )

    def _check_labels(self, what: str, labels: Labels) -> None:
        if labels.min() < 0 or labels.max() >= self.n_classes:
            raise UserError(
                f"{self.cell}: {what} has labels {labels.min()} .. {labels.max()}, expected"
                f" 0 .. {self.n_classes - 1}"
            )

    def take(self, indices: Sequence[int]) -> "Candidates":
        """Select examples by index, in the given order."""
        columns = list(indices)
        ids = tuple(self.ids[column] for column in columns)
        predicted = self.predicted[:, columns]
        return replace(self, ids=ids, gold=self.gold[columns], predicted=predicted)

    def select_setting(self, setting: int) -> "Candidates":
        """Keep one setting, given by its index."""
        rows = self.seed_rows(setting)
        return replace(self, trials=self.trials[rows], predicted=self.predicted[rows])

    @cached_property
    def _scored(self) -> tuple[Values, Flags]:
        rows = [sum_counts(self.metric, self.gold, row, self.n_classes) for row in self.predicted]
        return self.metric.scores(np.stack(rows))

    @property
    def settings(self) -> int:
        """The number G of settings."""
        return len(self.trials) // self.seeds

    @cached_property
    def _means(self) -> Values:
        return np.asarray(self._scored[0].reshape(self.settings, self.seeds).mean(axis=1))

    @property
    def scores(self) -> Scores:
        """The mean score of every setting (G,); an undefined score counts as 0."""
        return Scores(cell=self.cell, values=self._means, design=self.design)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the settings (G,): the first trial of each."""
        return self.trials[:: self.seeds]

    @property
    def undefined(self) -> tuple[str, ...]:
        """Trials with an undefined score, which counts as 0: they predict a single class."""
        pairs = zip(self.trials, self._scored[1], strict=True)
        return tuple(name for name, flag in pairs if flag)

    @property
    def best(self) -> int:
        """The index of the setting with the highest mean; the first one if tied."""
        return int(np.argmax(self._means.round(DECIMALS)))

    def seed_rows(self, setting: int) -> slice:
        """Return the rows of `predicted` that belong to a setting."""
        return slice(setting * self.seeds, (setting + 1) * self.seeds)


def _refuse_duplicates(cell: str, what: str, names: tuple[str, ...]) -> None:
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise UserError(f"{cell}: {what} {quoted(name)} occurs {times} times, expected once")


def align_candidates(first: Candidates, second: Candidates) -> Candidates:
    """Return `second` with its examples in the order of `first`.

    Raises:
        UserError: metric, classes, examples or gold labels differ.
    """
    both = f"{first.cell} and {second.cell}"
    if (first.metric.name, first.n_classes) != (second.metric.name, second.n_classes):
        raise UserError(f"{both} were scored with different metrics or labels")
    try:
        return align(first, second)
    except UserError as error:
        raise UserError(f"{both} cannot be aligned: {error}") from error
