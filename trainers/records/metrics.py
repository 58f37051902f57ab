"""Metrics: each is a count per example and a score of the summed counts.

In: gold and predicted labels, integer arrays of shape (N,) with values in 0 .. C-1.
Out: a `Score`, or the counts themselves, from which a paired test builds its null distribution
without going through the examples again.

Shapes: N examples, C classes, K counts per example, ... any leading axes.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search_spaces.errors import unknown_name

Labels = NDArray[np.int64]
Counts = NDArray[np.int64]
Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

DECIMALS: Final = 12
"""Means over seeds are compared to this many decimals: equal means may differ in the last bits."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A metric's value in [-1, 1]; `undefined` means that it is 0 only because of a 0/0."""

    value: float
    undefined: bool


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric: what it counts on each example, and the score it computes from the sums.

    `title` is its name in tables; `test` is the paired test to use: McNemar's for the share of
    correct predictions, Fisher's randomization test otherwise.

    `counts(gold (N,), predicted (N,), C)` returns (N, K) and treats each example by itself.
    `scores(sums (..., K))` returns values (...) from `lowest` to 1, and flags (...): 0.0 and True
    where the score is undefined. With two classes, correcting a wrong prediction must never lower
    the score, because the exact randomization test bisects on it; `is_monotone` is false otherwise.

    `needs_positive`: it scores label 1 against all others, so with more than two labels it needs a
    task that names its positive label.
    """

    name: str
    title: str
    counts: Callable[[Labels, Labels, int], Counts]
    scores: Callable[[Counts], tuple[Values, Flags]]
    test: Literal["mcnemar", "fisher"] = "fisher"
    max_classes: int | None = None
    needs_positive: bool = False
    lowest: float = 0.0
    is_monotone: bool = True

    def allows(self, n_classes: int) -> bool:
        """Return whether the metric is defined for this number of classes."""
        return self.max_classes is None or n_classes <= self.max_classes

    def is_usual(self, n_classes: int) -> bool:
        """Return whether every task with this number of classes is scored with it, unasked."""
        return self.allows(n_classes) and not (self.needs_positive and n_classes > 2)


def _one_hot(labels: Labels, n_classes: int) -> Counts:
    return np.asarray(labels[:, None] == np.arange(n_classes), dtype=np.int64)


def _ratio(above: NDArray[np.generic], below: NDArray[np.generic]) -> Values:
    """Divide; the result is 0 where the divisor is 0."""
    safe = np.where(below == 0, 1, below)
    return np.asarray(np.where(below == 0, 0.0, above / safe), dtype=np.float64)


def _accuracy_counts(gold: Labels, predicted: Labels, _n_classes: int) -> Counts:
    """[right, 1]."""
    right = (gold == predicted).astype(np.int64)
    return np.stack([right, np.ones_like(right)], axis=1)


def _accuracy_scores(sums: Counts) -> tuple[Values, Flags]:
    total = sums[..., 1]
    return _ratio(sums[..., 0], total), total == 0


def _f1_counts(gold: Labels, predicted: Labels, _n_classes: int) -> Counts:
    """[true positive, predicted positive, gold positive]; label 1 is positive."""
    named, true = predicted == 1, gold == 1
    return np.stack([named & true, named, true], axis=1).astype(np.int64)


def _f1_scores(sums: Counts) -> tuple[Values, Flags]:
    """F1 = 2 TP / (predicted + gold); precision is 0/0 without predictions, recall without gold."""
    tp, predicted, gold = sums[..., 0], sums[..., 1], sums[..., 2]
    return _ratio(2 * tp, predicted + gold), (predicted == 0) | (gold == 0)


def _mcc_counts(gold: Labels, predicted: Labels, n_classes: int) -> Counts:
    """[right, predicted as 0 .. C-1, gold 0 .. C-1]."""
    right = (gold == predicted).astype(np.int64)[:, None]
    return np.concatenate(
        [right, _one_hot(predicted, n_classes), _one_hot(gold, n_classes)], axis=1
    )


def _dot(a: Counts, b: Counts) -> Counts:
    return np.asarray(np.einsum("...c,...c->...", a, b), dtype=np.int64)


def _mcc_scores(sums: Counts) -> tuple[Values, Flags]:
    """R_K = (c s - p.t) / sqrt((s^2 - p.p)(s^2 - t.t)), Gorodkin 2004."""
    n_classes = sums.shape[-1] // 2
    right, p, t = sums[..., 0], sums[..., 1 : 1 + n_classes], sums[..., 1 + n_classes :]
    total = t.sum(axis=-1)
    spread_p, spread_t = total**2 - _dot(p, p), total**2 - _dot(t, t)
    # In float64 the product cannot overflow, and the root of a perfect square stays exact.
    below = np.sqrt(spread_p.astype(np.float64) * spread_t)
    return _ratio(right * total - _dot(p, t), below), below == 0


def _macro_f1_counts(gold: Labels, predicted: Labels, n_classes: int) -> Counts:
    """[true 0 .. C-1, predicted as 0 .. C-1, gold 0 .. C-1]."""
    hot_p, hot_t = _one_hot(predicted, n_classes), _one_hot(gold, n_classes)
    return np.concatenate([hot_p * hot_t, hot_p, hot_t], axis=1)


def _macro_f1_scores(sums: Counts) -> tuple[Values, Flags]:
    """Mean of the F1 of all C classes; a class never gold or predicted counts 0 and is flagged."""
    per_class = sums.reshape(*sums.shape[:-1], 3, -1).swapaxes(-1, -2)
    values, flags = _f1_scores(per_class)
    return np.asarray(values.mean(axis=-1)), np.asarray(flags.any(axis=-1))


METRICS: Final[dict[str, Metric]] = {
    "accuracy": Metric(
        name="accuracy",
        title="accuracy",
        counts=_accuracy_counts,
        scores=_accuracy_scores,
        test="mcnemar",
    ),
    "f1": Metric(name="f1", title="F1", counts=_f1_counts, scores=_f1_scores, needs_positive=True),
    "mcc": Metric(name="mcc", title="MCC", counts=_mcc_counts, scores=_mcc_scores, lowest=-1.0),
    "macro_f1": Metric(
        name="macro_f1", title="macro-F1", counts=_macro_f1_counts, scores=_macro_f1_scores
    ),
}


OWN_METRICS: Final[dict[str, Metric]] = {}
"""Users' own metrics that this process has loaded, by name and code (`own_metrics.py`)."""

OWN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*@[0-9a-f]{16}")


def get_metric(metric: str | Metric) -> Metric:
    """Return the metric of that name, or the metric itself.

    Raises:
        UserError: no metric has that name.
    """
    if isinstance(metric, Metric):
        return metric
    if metric in OWN_METRICS:
        return OWN_METRICS[metric]
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    return METRICS[metric]


def short_name(metric: str) -> str:
    """Return a metric's name without its code."""
    return metric.partition("@")[0]


def check_labels(labels: ArrayLike, what: str) -> Labels:
    """Return labels as int64 of shape (N,), N > 0, none negative; errors call them `what`.

    Raises:
        ValueError: another shape or type, no label at all, or a negative one.
    """
    array = np.asarray(labels)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{what}: expected a non-empty list of labels, got shape {array.shape}")
    if array.dtype.kind not in "iu":
        raise ValueError(f"{what}: expected integer labels, got {array.dtype}")
    if array.min() < 0:
        raise ValueError(f"{what}: expected labels from 0 up, got {array.min()}")
    return array.astype(np.int64, copy=False)


def check_classes(metric: Metric, n_classes: int, labels: dict[str, Labels]) -> None:
    """Check that label arrays, by name, fit each other, the number of classes and the metric.

    Raises:
        ValueError: lengths differ, a label is out of range, or the metric does not allow C classes.
    """
    if len({array.size for array in labels.values()}) > 1:
        sizes = ", ".join(f"{what} {array.size}" for what, array in labels.items())
        raise ValueError(f"expected one label per example in each list, got {sizes}")
    if not metric.allows(n_classes):
        raise ValueError(f"{metric.name} is for {metric.max_classes} classes, got {n_classes}")
    for what, array in labels.items():
        if array.max() >= n_classes:
            raise ValueError(f"{what}: expected labels below {n_classes}, got {array.max()}")


def sum_counts(metric: Metric, gold: Labels, predicted: Labels, n_classes: int) -> Counts:
    """Sum the metric's counts over all examples, (K,), by way of the confusion matrix."""
    confusion = np.bincount(gold * n_classes + predicted, minlength=n_classes**2)
    pairs = np.flatnonzero(confusion)
    counts = metric.counts(pairs // n_classes, pairs % n_classes, n_classes)
    return np.asarray(confusion[pairs] @ counts, dtype=np.int64)


def score(metric: str | Metric, gold: ArrayLike, predicted: ArrayLike, n_classes: int) -> Score:
    """Score predictions (N,) against gold (N,); `n_classes` is the length of the task's label list.

    Shipped metrics: accuracy; f1 (of label 1); mcc (R_K of Gorodkin 2004, which is Matthews'
    coefficient with two classes); macro_f1 (mean over the whole label list, not only over labels
    that occur). A score that a constant prediction leaves undefined is 0.0 and flagged.

    Raises:
        UserError: no metric has that name.
        ValueError: labels are empty, negative, not integers, out of range, or differ in length.
    """
    chosen = get_metric(metric)
    labels = {"gold": check_labels(gold, "gold"), "predicted": check_labels(predicted, "predicted")}
    check_classes(chosen, n_classes, labels)
    sums = sum_counts(chosen, labels["gold"], labels["predicted"], n_classes)
    value, undefined = chosen.scores(sums)
    return Score(value=float(value), undefined=bool(undefined))
