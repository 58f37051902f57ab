"""Is the method better? A test of two methods whose seeds and examples are both samples.

In: what each method's seeds made of the same examples. Out: a frozen `MethodTest`, for the expected
score of one method less that of the other, over further seeds and further examples.

A paired test of two trained models takes the models as given. With one seed of each method, the
same method on both sides, it calls a difference significant in .10 to .40 of cases instead of .05,
the oftener the more seeds differ. Here seeds and examples are crossed random factors, as readers
and cases are in diagnostic studies: Obuchowski and Rockette 1995, Hillis 2007, Gallas et al. 2009;
for pretrained models Sellam et al. 2022 (MultiBERTs). Seeds belong to a method: the same number on
both sides pairs nothing.

Shapes: S seeds of a method, N examples, C classes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from reports.statistics.randomization import TIE
from search_spaces.errors import UserError, unknown_name
from trainers.records.metrics import (
    Labels,
    Metric,
    Values,
    check_classes,
    check_labels,
    get_metric,
    sum_counts,
)

LEVEL: Final = 0.95
FEWEST: Final = 2
"""Seeds of each method: one says nothing of how seeds differ."""


@dataclass(frozen=True, kw_only=True)
class Effects:
    """Parts of the variance of a difference of means, each as a variance of that difference.

    `examples` is V_i, from how the difference varies over examples; `seeds_a` and `seeds_b` are
    v_m, from how the seeds' scores vary. Each holds the residual as well, which is how a seed
    happens to do on an example: `residual_a` and `residual_b`, r_m.
    """

    examples: float
    seeds_a: float
    seeds_b: float
    residual_a: float
    residual_b: float

    @property
    def unbiased(self) -> float:
        """The sum, the residual counted once; it may be negative."""
        seeds, residual = self.seeds_a + self.seeds_b, self.residual_a + self.residual_b
        return self.examples + seeds - residual

    @property
    def variance(self) -> float:
        """V+: never surer than examples or seeds alone."""
        return max(self.unbiased, self.examples, self.seeds_a + self.seeds_b)

    def df(self, n: int, seeds: tuple[int, int]) -> float:
        """Degrees of freedom of the variance (Satterthwaite 1946); of seeds alone if it is 0."""
        parts = (
            self.examples**2 / (n - 1),
            self.seeds_a**2 / (seeds[0] - 1),
            self.seeds_b**2 / (seeds[1] - 1),
        )
        return self.variance**2 / sum(parts) if sum(parts) > 0 else float(sum(seeds) - 2)


@dataclass(frozen=True, kw_only=True)
class Gain:
    """An estimated difference, with its two-sided p-value and its interval at `level`."""

    delta: float
    standard_error: float
    df: float
    level: float = LEVEL

    @property
    def p_value(self) -> float:
        """Of Student's t, two-sided; where nothing varies 1 or, with a difference, 0.

        Up to `TIE` an error or a difference is that of floats, as of a mean of equal scores.
        """
        if self.standard_error < TIE:
            return float(abs(self.delta) < TIE)
        return float(2 * stdtr(self.df, -abs(self.delta) / self.standard_error))

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.interval(self.level)[0]

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.interval(self.level)[1]

    def interval(self, level: float) -> tuple[float, float]:
        """Return the two-sided interval at any level."""
        reach = float(stdtrit(self.df, (1 + level) / 2)) * self.standard_error
        return self.delta - reach, self.delta + reach


@dataclass(frozen=True, kw_only=True)
class MethodTest(Gain):
    """The gain of method A on method B.

    `score_a` and `score_b` are means over seeds. `seeds` counts those of A and of B, `deviations`
    are the standard deviations (n - 1) of their scores, `n` counts examples.
    """

    metric: str
    n: int
    seeds: tuple[int, int]
    score_a: float
    score_b: float
    deviations: tuple[float, float]
    effects: Effects

    def signature(self) -> str:
        """What was tested and how, for the note under a table."""
        parts = {
            "metric": self.metric.replace("_", "-"),
            "test": "crossed-t",
            "alt": "two",
            "N": self.n,
            "seeds": f"{self.seeds[0]}-vs-{self.seeds[1]}",
            "df": f"{self.df:.4g}",
            "se": f"{self.standard_error:.4g}",
            "p": f"{self.p_value:.4g}",
        }
        return "|".join(f"{name}:{value}" for name, value in parts.items())


def method_test(
    a: ArrayLike,
    b: ArrayLike,
    gold: ArrayLike | None = None,
    metric: str | Metric = "accuracy",
    n_classes: int | None = None,
    *,
    labels: Sequence[str] | None = None,
    level: float = LEVEL,
) -> MethodTest:
    """Test whether method A's expected score is that of method B, over seeds and examples.

    Without `gold`, `a` (S_A, N) and `b` (S_B, N) say what is right: 1 or 0. With `gold` (N,) they
    are predicted labels, and `metric` is any; one that is no mean over examples enters by its
    delete-one pseudo-values n M - (n - 1) M(-i), from counts. The examples are the same, in the
    same order; seeds need not be as many on both sides.

    Labels are numbers from 0, or names: `labels` lists the names in order (f1 is of the second),
    and without it they are those of `gold`, sorted, which is enough for accuracy and mcc.

    The variance is V+ = max(V_i + v_A + v_B - r_A - r_B, V_i, v_A + v_B), and t = delta / sqrt(V+)
    is compared with Student's t at Satterthwaite's degrees of freedom. Where nothing varies at all
    p is 1 without a difference, and 0 with one.

    Caveats. Of trained models it knows the given ones: seeds that chose a setting are lucky seeds,
    and the test is then too sure; train further ones. With two or three seeds it is conservative.

    Raises:
        UserError: a method has fewer than two seeds, no metric or label has that name, or an entry
            is NaN.
        ValueError: shapes that do not fit, entries that are neither 0 nor 1 without `gold`, labels
            out of range, macro_f1 without `n_classes`, or a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
    chosen = get_metric(metric)
    if gold is None:
        if chosen.test != "mcnemar":
            raise ValueError(f"{chosen.name} needs the gold labels: pass gold, and predictions")
        values = tuple(_right(given, name) for given, name in ((a, "a"), (b, "b")))
        scores = tuple(given.mean(axis=1) for given in values)
    else:
        if labels is not None or np.asarray(gold).dtype.kind not in "iu":
            gold, a, b, n_classes = _numbered(chosen, gold, a, b, labels)
        given = (check_labels(gold, "gold"), _rows(a, "a"), _rows(b, "b"))
        classes = _classes(chosen, given, n_classes)
        sides = [_values(chosen, given[0], rows, classes) for rows in given[1:]]
        values, scores = tuple(side[0] for side in sides), tuple(side[1] for side in sides)
    _refuse_one_seed(values)
    return _test(chosen.name, values, scores, level)


def _numbered(
    metric: Metric, gold: ArrayLike, a: ArrayLike, b: ArrayLike, labels: Sequence[str] | None
) -> tuple[ArrayLike, ArrayLike, ArrayLike, int]:
    """Put numbers for the names of labels; return how many names there are, too."""
    arrays = [np.asarray(given, dtype=object) for given in (gold, a, b)]
    if labels is None:
        if metric.needs_positive or metric.name == "macro_f1":
            raise ValueError(f"{metric.name} needs labels: the names in order")
        labels = sorted({str(name) for name in arrays[0].ravel()})
    numbers = {name: number for number, name in enumerate(labels)}
    for what, array in zip(("gold", "a", "b"), arrays, strict=True):
        for name in {str(name) for name in array.ravel()} - numbers.keys():
            raise unknown_name(f"label of {what}", name, labels)
    number = np.vectorize(lambda name: numbers[str(name)], otypes=[np.int64])
    found = [number(array) for array in arrays]
    return found[0], found[1], found[2], len(labels)


def _test(
    metric: str, values: tuple[Values, ...], scores: tuple[Values, ...], level: float
) -> MethodTest:
    first, second = values
    n, seeds = first.shape[1], (len(first), len(second))
    effects = effects_of(first, second)
    return MethodTest(
        metric=metric,
        n=n,
        seeds=seeds,
        score_a=float(scores[0].mean()),
        score_b=float(scores[1].mean()),
        deviations=(float(scores[0].std(ddof=1)), float(scores[1].std(ddof=1))),
        delta=float(scores[0].mean() - scores[1].mean()),
        standard_error=math.sqrt(effects.variance),
        df=effects.df(n, seeds),
        level=level,
        effects=effects,
    )


def effects_of(a: Values, b: Values) -> Effects:
    """Divide the variance of the difference of two means, of values (S_A, N) and (S_B, N)."""
    n = a.shape[1]
    differences = a.mean(axis=0) - b.mean(axis=0)
    (seeds_a, residual_a), (seeds_b, residual_b) = (_of_method(values) for values in (a, b))
    return Effects(
        examples=float(differences.var(ddof=1)) / n,
        seeds_a=seeds_a,
        seeds_b=seeds_b,
        residual_a=residual_a,
        residual_b=residual_b,
    )


def _of_method(values: Values) -> tuple[float, float]:
    """Return v_m and r_m of one method's values (S, N)."""
    seeds, n = values.shape
    by_seed = values.mean(axis=1)
    left = values - by_seed[:, None] - values.mean(axis=0) + values.mean()
    residual = float((left**2).sum()) / ((seeds - 1) * (n - 1))
    return float(by_seed.var(ddof=1)) / seeds, residual / (seeds * n)


def _values(
    metric: Metric, gold: Labels, rows: NDArray[np.int64], n_classes: int
) -> tuple[Values, Values]:
    """Return what is right, or pseudo-values (S, N), and scores (S,).

    Pseudo-values come from the counts with and without an example: examples with the same gold and
    predicted label have the same one.
    """
    if metric.test == "mcnemar":
        right = (rows == gold).astype(np.float64)
        return right, np.asarray(right.mean(axis=1))
    n = gold.size
    found, scores = np.empty(rows.shape), np.empty(len(rows))
    for place, predicted in enumerate(rows):
        sums = sum_counts(metric, gold, predicted, n_classes)
        kinds, which = np.unique(gold * n_classes + predicted, return_inverse=True)
        counts = metric.counts(kinds // n_classes, kinds % n_classes, n_classes)
        values, _ = metric.scores(np.concatenate([sums[None], sums - counts]))
        scores[place] = values[0]
        found[place] = (n * values[0] - (n - 1) * values[1:])[which.ravel()]
    return found, scores


def _right(given: ArrayLike, name: str) -> Values:
    """Return what is right (S, N) as numbers."""
    array = np.asarray(given, dtype=np.float64)
    _check_shape(array, name)
    if np.isnan(array).any():
        seed, example = np.argwhere(np.isnan(array))[0].tolist()
        raise UserError(f"{name}: seed {seed} has NaN for example {example}")
    if not np.isin(array, (0.0, 1.0)).all():
        raise ValueError(f"{name}: expected 1 (right) or 0, or pass gold and labels")
    return array


def _rows(given: ArrayLike, name: str) -> NDArray[np.int64]:
    """Return labels (S, N)."""
    array = np.asarray(given)
    _check_shape(array, name)
    return np.stack([check_labels(row, f"{name}, seed {place}") for place, row in enumerate(array)])


def _check_shape(array: NDArray[np.generic], name: str) -> None:
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name}: expected an array (seeds, examples), got shape {array.shape}")


def _classes(
    metric: Metric, labels: tuple[Labels, NDArray[np.int64], NDArray[np.int64]], given: int | None
) -> int:
    """Return the number of classes: by default the fewest that fit, two at least."""
    gold, a, b = labels
    if given is None and metric.name == "macro_f1":
        raise ValueError("macro_f1 averages over the task's label list: pass n_classes")
    n_classes = given or max(2, *(int(rows.max()) + 1 for rows in labels))
    for name, rows in (("a", a), ("b", b)):
        for place, row in enumerate(rows):
            check_classes(metric, n_classes, {"gold": gold, f"{name}, seed {place}": row})
    return n_classes


def _refuse_one_seed(values: tuple[Values, ...]) -> None:
    a, b = values
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"a has {a.shape[1]} examples and b {b.shape[1]}: expected the same ones")
    if a.shape[1] < 2:
        raise ValueError("expected two examples or more, got one")
    for name, rows in (("a", a), ("b", b)):
        if len(rows) < FEWEST:
            raise UserError(
                f"{name} has one seed: how seeds differ, and so whether a method is better, takes"
                f" {FEWEST} at least of both"
            )
