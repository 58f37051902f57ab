"""A test of two methods that treats both seeds and examples as samples.

In: the predictions of several seeds of each method on the same examples. Out: a frozen
`MethodTest` of the difference between the expected scores, over further seeds and examples.

A paired test of two trained models treats the models as fixed. If the same method is trained with
one seed on each side, such a test rejects in .10 to .40 of cases instead of .05, more often the
more seeds differ. Here seeds and examples are crossed random factors, like readers and cases in
diagnostic studies: Obuchowski and Rockette 1995, Hillis 2007, Gallas et al. 2009; for pretrained
models Sellam et al. 2022 (MultiBERTs). Seeds are nested in methods: seed 1 of one method is not
paired with seed 1 of the other.

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
"""Seeds that each method needs: one seed says nothing about the variance between seeds."""


@dataclass(frozen=True, kw_only=True)
class Effects:
    """Components of the variance of a difference of means.

    `examples` is V_i, the variance of the difference over examples; `seeds_a` and `seeds_b` are
    v_m, the variance of the seeds' scores. Each of these includes the residual (seed x example)
    variance `residual_a` or `residual_b`, r_m.
    """

    examples: float
    seeds_a: float
    seeds_b: float
    residual_a: float
    residual_b: float

    @property
    def unbiased(self) -> float:
        """The sum with the residual counted once; it may be negative."""
        seeds, residual = self.seeds_a + self.seeds_b, self.residual_a + self.residual_b
        return self.examples + seeds - residual

    @property
    def variance(self) -> float:
        """V+: at least the variance due to examples alone and to seeds alone."""
        return max(self.unbiased, self.examples, self.seeds_a + self.seeds_b)

    def df(self, n: int, seeds: tuple[int, int]) -> float:
        """Return the degrees of freedom (Satterthwaite 1946); those of seeds if nothing varies."""
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
        """The two-sided p-value of Student's t.

        With a standard error of 0 it is 1 if the difference is 0, and 0 otherwise. Values below
        `TIE` count as 0, because means of equal scores may differ by rounding.
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
        half_width = float(stdtrit(self.df, (1 + level) / 2)) * self.standard_error
        return self.delta - half_width, self.delta + half_width


@dataclass(frozen=True, kw_only=True)
class MethodTest(Gain):
    """The gain of method A over method B.

    `score_a` and `score_b` are means over seeds. `seeds` are the numbers of seeds of A and B,
    `deviations` the standard deviations (n - 1) of their scores, `n` the number of examples.
    """

    metric: str
    n: int
    seeds: tuple[int, int]
    score_a: float
    score_b: float
    deviations: tuple[float, float]
    effects: Effects

    def signature(self) -> str:
        """Return one machine-readable line on what was tested and how."""
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
    """Test whether two methods have the same expected score, over seeds and examples.

    Without `gold`, `a` (S_A, N) and `b` (S_B, N) are 1 for a correct prediction and 0 otherwise.
    With `gold` (N,) they are predicted labels, for any `metric`; a metric that is not a mean over
    examples enters through its delete-one pseudo-values n M - (n - 1) M(-i). Both methods have the
    same examples in the same order; their numbers of seeds may differ.

    Labels are numbers from 0, or names. `labels` lists the names in order (the second one is
    positive for f1); by default they are the sorted names in `gold`, which suffices for accuracy
    and mcc.

    The variance is V+ = max(V_i + v_A + v_B - r_A - r_B, V_i, v_A + v_B); t = delta / sqrt(V+) is
    compared with Student's t with Satterthwaite's degrees of freedom. If nothing varies, p is 1
    without a difference and 0 with one.

    Caveats. If the given seeds were used to choose a setting, they are the lucky ones and the test
    rejects too often: train fresh seeds. With two or three seeds the test is conservative.

    Raises:
        UserError: a method has fewer than two seeds, a metric or label is unknown, or an entry is
            NaN.
        ValueError: shapes do not match, entries are neither 0 nor 1 without `gold`, labels are out
            of range, macro_f1 has no `n_classes`, or the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
    chosen = get_metric(metric)
    if gold is None:
        if chosen.test != "mcnemar":
            raise ValueError(f"{chosen.name} needs gold labels: pass gold and predicted labels")
        values = tuple(_check_correct(side, name) for side, name in ((a, "a"), (b, "b")))
        scores = tuple(side.mean(axis=1) for side in values)
    else:
        if labels is not None or np.asarray(gold).dtype.kind not in "iu":
            gold, a, b, n_classes = _number_labels(chosen, gold, a, b, labels)
        checked = (check_labels(gold, "gold"), _check_rows(a, "a"), _check_rows(b, "b"))
        classes = _count_classes(chosen, checked, n_classes)
        sides = [_example_values(chosen, checked[0], rows, classes) for rows in checked[1:]]
        values, scores = tuple(side[0] for side in sides), tuple(side[1] for side in sides)
    _check_seeds(values)
    return _test(chosen.name, values, scores, level)


def _number_labels(
    metric: Metric, gold: ArrayLike, a: ArrayLike, b: ArrayLike, labels: Sequence[str] | None
) -> tuple[ArrayLike, ArrayLike, ArrayLike, int]:
    """Replace label names by numbers; return gold, a, b and the number of labels."""
    arrays = [np.asarray(array, dtype=object) for array in (gold, a, b)]
    if labels is None:
        if metric.needs_positive or metric.name == "macro_f1":
            raise ValueError(f"{metric.name} needs the label names in order: pass labels")
        labels = sorted({str(name) for name in arrays[0].ravel()})
    numbers = {name: number for number, name in enumerate(labels)}
    for what, array in zip(("gold", "a", "b"), arrays, strict=True):
        for name in {str(name) for name in array.ravel()} - numbers.keys():
            raise unknown_name(f"label of {what}", name, labels)
    to_number = np.vectorize(lambda name: numbers[str(name)], otypes=[np.int64])
    numbered = [to_number(array) for array in arrays]
    return numbered[0], numbered[1], numbered[2], len(labels)


def _test(
    metric: str, values: tuple[Values, ...], scores: tuple[Values, ...], level: float
) -> MethodTest:
    first, second = values
    n, seeds = first.shape[1], (len(first), len(second))
    effects = estimate_effects(first, second)
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


def estimate_effects(a: Values, b: Values) -> Effects:
    """Estimate the variance components of the difference of means of (S_A, N) and (S_B, N)."""
    n = a.shape[1]
    differences = a.mean(axis=0) - b.mean(axis=0)
    (seeds_a, residual_a), (seeds_b, residual_b) = map(_seed_variances, (a, b))
    return Effects(
        examples=float(differences.var(ddof=1)) / n,
        seeds_a=seeds_a,
        seeds_b=seeds_b,
        residual_a=residual_a,
        residual_b=residual_b,
    )


def _seed_variances(values: Values) -> tuple[float, float]:
    """Return v_m and r_m of one method's values (S, N)."""
    seeds, n = values.shape
    seed_means = values.mean(axis=1)
    residuals = values - seed_means[:, None] - values.mean(axis=0) + values.mean()
    variance = float((residuals**2).sum()) / ((seeds - 1) * (n - 1))
    return float(seed_means.var(ddof=1)) / seeds, variance / (seeds * n)


def _example_values(
    metric: Metric, gold: Labels, rows: NDArray[np.int64], n_classes: int
) -> tuple[Values, Values]:
    """Return correctness or pseudo-values (S, N), and scores (S,).

    A pseudo-value follows from the counts with and without an example, so examples with the same
    gold and predicted label share it.
    """
    if metric.test == "mcnemar":
        correct = (rows == gold).astype(np.float64)
        return correct, np.asarray(correct.mean(axis=1))
    n = gold.size
    pseudo, scores = np.empty(rows.shape), np.empty(len(rows))
    for seed, predicted in enumerate(rows):
        sums = sum_counts(metric, gold, predicted, n_classes)
        pairs, pair_index = np.unique(gold * n_classes + predicted, return_inverse=True)
        counts = metric.counts(pairs // n_classes, pairs % n_classes, n_classes)
        values, _ = metric.scores(np.concatenate([sums[None], sums - counts]))
        scores[seed] = values[0]
        pseudo[seed] = (n * values[0] - (n - 1) * values[1:])[pair_index.ravel()]
    return pseudo, scores


def _check_correct(correct: ArrayLike, name: str) -> Values:
    """Return correctness (S, N) as 0.0 and 1.0."""
    array = np.asarray(correct, dtype=np.float64)
    _check_shape(array, name)
    if np.isnan(array).any():
        seed, example = np.argwhere(np.isnan(array))[0].tolist()
        raise UserError(f"{name}: seed {seed} has NaN for example {example}")
    if not np.isin(array, (0.0, 1.0)).all():
        raise ValueError(f"{name}: expected 1 (correct) or 0; for labels, pass gold as well")
    return array


def _check_rows(labels: ArrayLike, name: str) -> NDArray[np.int64]:
    """Return labels (S, N)."""
    array = np.asarray(labels)
    _check_shape(array, name)
    return np.stack([check_labels(row, f"{name}, seed {seed}") for seed, row in enumerate(array)])


def _check_shape(array: NDArray[np.generic], name: str) -> None:
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name}: expected an array (seeds, examples), got shape {array.shape}")


def _count_classes(
    metric: Metric, labels: tuple[Labels, NDArray[np.int64], NDArray[np.int64]], given: int | None
) -> int:
    """Check the labels and return the number of classes, by default the largest label + 1, >= 2."""
    gold, a, b = labels
    if given is None and metric.name == "macro_f1":
        raise ValueError("macro_f1 averages over the task's label list: pass n_classes")
    n_classes = given or max(2, *(int(rows.max()) + 1 for rows in labels))
    for name, rows in (("a", a), ("b", b)):
        for seed, row in enumerate(rows):
            check_classes(metric, n_classes, {"gold": gold, f"{name}, seed {seed}": row})
    return n_classes


def _check_seeds(values: tuple[Values, ...]) -> None:
    a, b = values
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"a has {a.shape[1]} examples and b {b.shape[1]}: expected the same ones")
    if a.shape[1] < 2:
        raise ValueError("expected at least two examples, got one")
    for name, rows in (("a", a), ("b", b)):
        if len(rows) < FEWEST:
            raise UserError(
                f"{name} has one seed: testing a method takes at least {FEWEST} seeds of each"
                " method, to estimate the variance between seeds"
            )
