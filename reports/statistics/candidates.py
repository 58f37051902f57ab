"""Candidates: the settings of a cell, one of which a table's number was chosen from.

In: every trial's labels on one split, and how the trials were drawn. Out: frozen, checked types
that the tests of selection take: `Candidates` with labels, `Scores` without.

A setting is a point of the grid; its trials differ in nothing but the seed. The best setting is the
one with the highest mean over its seeds: the luckiest seed represents nobody.

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
    """The scores (G,) of a cell's settings, means over their seeds, G > 0.

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
            raise UserError(f"{self.cell}: setting {wrong[0]} has the score {value}: no number")

    @property
    def budget(self) -> int:
        """All settings that were tried, those without a score too."""
        return self.values.size + self.design.failed


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """The settings of a cell on one split: `predicted` (M, N) against `gold` (N,).

    `trials` names the M trials, those of a setting one after the other, `seeds` of each, and `ids`
    the N examples, each once. Labels are 0 .. n_classes - 1.

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
    seeds: int = 1

    def __post_init__(self) -> None:
        if not self.trials or not self.ids:
            raise UserError(f"{self.cell}: expected trials and examples, got none")
        _once(self.cell, "trial", self.trials)
        _once(self.cell, "example", self.ids)
        if self.seeds < 1 or len(self.trials) % self.seeds:
            raise UserError(
                f"{self.cell}: {len(self.trials)} trials are not {self.seeds} of each setting"
            )
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
        if not self.metric.allows(self.n_classes):
            raise UserError(
                f"{self.cell}: {short_name(self.metric.name)} is not for {self.n_classes} classes"
            )

    def _check_labels(self, what: str, labels: Labels) -> None:
        if labels.min() < 0 or labels.max() >= self.n_classes:
            raise UserError(
                f"{self.cell}: {what} has labels {labels.min()} .. {labels.max()}, expected"
                f" 0 .. {self.n_classes - 1}"
            )

    def take(self, places: Sequence[int]) -> "Candidates":
        """Choose examples, in that order."""
        ids = tuple(self.ids[place] for place in places)
        chosen = list(places)
        predicted = self.predicted[:, chosen]
        return replace(self, ids=ids, gold=self.gold[chosen], predicted=predicted)

    def only(self, setting: int) -> "Candidates":
        """Leave out all other settings."""
        rows = self.rows_of(setting)
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
        """Every setting's mean score (G,), an undefined one as 0."""
        return Scores(cell=self.cell, values=self._means, design=self.design)

    @property
    def names(self) -> tuple[str, ...]:
        """What the settings (G,) are called by: the first trial of each."""
        return self.trials[:: self.seeds]

    @property
    def undefined(self) -> tuple[str, ...]:
        """Trials whose score is 0 only because it is undefined: they predict one class."""
        pairs = zip(self.trials, self._scored[1], strict=True)
        return tuple(name for name, flag in pairs if flag)

    @property
    def best(self) -> int:
        """The place of the highest mean among the settings; the earlier one wins a tie."""
        return int(np.argmax(self._means.round(DECIMALS)))

    def rows_of(self, setting: int) -> slice:
        """The rows of `predicted` that are a setting's seeds."""
        return slice(setting * self.seeds, (setting + 1) * self.seeds)


def _once(cell: str, what: str, names: tuple[str, ...]) -> None:
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise UserError(f"{cell}: {what} {quoted(name)} is there {times} times; each counts once")


def in_order_of(first: Candidates, second: Candidates) -> Candidates:
    """Return `second` with its examples in the order of `first`'s.

    Raises:
        UserError: the two differ in metric, classes, examples or gold labels.
    """
    both = f"{first.cell} and {second.cell}"
    if (first.metric.name, first.n_classes) != (second.metric.name, second.n_classes):
        raise UserError(f"{both} were not scored with the same metric and labels")
    try:
        return align(first, second)
    except UserError as error:
        raise UserError(f"{both} are misaligned: {error}") from error
