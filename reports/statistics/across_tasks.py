"""Beyond one p-value: average gains, replicability across tasks, win probability, equivalence.

In: method tests of several tasks, or scores of runs. Out: frozen results.

Shapes: T tasks, S runs of a method.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from reports.statistics.method_test import LEVEL, Gain, MethodTest
from search_spaces.errors import UserError
from trainers.records.metrics import Values

MEANINGFUL: Final = 0.75
"""The probability of winning from which a difference matters in practice (Bouthillier et al.
2021)."""


@dataclass(frozen=True, kw_only=True)
class AverageGain(Gain):
    """A method's gain averaged over `tasks` tasks."""

    tasks: int


def average_gain(tests: Sequence[MethodTest], *, level: float = LEVEL) -> AverageGain:
    """Average the gains on T tasks; the tasks are fixed, not a sample of further tasks.

    The variance is that of a mean of independent gains, with Satterthwaite's degrees of freedom.
    Tasks are independent even when their trials share seeds: a seed has no meaning across tasks.

    Raises:
        UserError: `tests` is empty.
    """
    if not tests:
        raise UserError("average gain: expected tests of at least one task, got none")
    variances = np.array([test.standard_error**2 for test in tests])
    denominator = sum(v**2 / test.df for v, test in zip(variances, tests, strict=True))
    df = float(min(test.df for test in tests))
    if denominator > 0:
        df = float(variances.sum() ** 2 / denominator)
    return AverageGain(
        tasks=len(tests),
        delta=float(np.mean([test.delta for test in tests])),
        standard_error=math.sqrt(variances.sum()) / len(tests),
        df=df,
        level=level,
    )


def replicability(p_values: Sequence[float], *, level: float = 1 - LEVEL) -> int:
    """Return a lower bound on the number of tasks with a gain (partial conjunction, Bonferroni).

    `p_values` are one-sided, one per task. The p-value of "a gain on at least u of T tasks" is
    (T - u + 1) p_(u), made non-decreasing in u; the result is the largest u whose p-value is at
    most `level`. It overstates the number of tasks with probability at most `level`, under any
    dependence between the tasks (Benjamini and Heller 2008; Dror et al. 2017).

    Raises:
        ValueError: a value is NaN or outside [0, 1].
    """
    values = np.sort(np.asarray(p_values, dtype=np.float64))
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p_values: expected numbers from 0 to 1, got {list(p_values)}")
    conjunctions = np.maximum.accumulate(np.arange(len(values), 0, -1) * values)
    return int((conjunctions <= level).sum())


@dataclass(frozen=True, kw_only=True)
class WinProbability:
    """P(a run of A beats a run of B), ties counted half, with a bootstrap interval over runs."""

    value: float
    level: float
    low: float
    high: float
    resamples: int
    seed: int

    @property
    def verdict(self) -> Literal["not shown", "shown", "shown and meaningful"]:
        """`shown` if the interval is above 0.5; `meaningful` if it also reaches 0.75."""
        if self.low <= 0.5:
            return "not shown"
        return "shown and meaningful" if self.high > MEANINGFUL else "shown"


def win_probability(
    a: ArrayLike,
    b: ArrayLike,
    *,
    level: float = LEVEL,
    resamples: int = 9999,
    seed: int = 12345,
) -> WinProbability:
    """Estimate P(a run of A scores higher than a run of B) from scores (S_A,) and (S_B,).

    The estimate is Mann and Whitney's U / (S_A S_B); the percentile bootstrap resamples the runs of
    each method.

    Raises:
        UserError: a method has fewer than two runs, or a score is not finite.
    """
    runs = (_check_scores(a, "a"), _check_scores(b, "b"))
    generator = np.random.default_rng(seed)
    samples = [run[generator.integers(0, run.size, (resamples, run.size))] for run in runs]
    low, high = np.quantile(_win_shares(*samples), [(1 - level) / 2, (1 + level) / 2])
    return WinProbability(
        value=float(_win_shares(runs[0][None], runs[1][None])[0]),
        level=level,
        low=float(low),
        high=float(high),
        resamples=resamples,
        seed=seed,
    )


def _win_shares(a: Values, b: Values) -> Values:
    """Return the share of pairs (..., S_A) x (..., S_B) in which A is ahead; ties count half."""
    ahead = a[..., :, None] - b[..., None, :]
    return np.asarray((0.5 * (np.sign(ahead) + 1)).mean(axis=(-2, -1)))


def _check_scores(scores: ArrayLike, name: str) -> Values:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or values.size < 2:
        raise UserError(f"{name}: expected the scores of two runs or more, got {values.tolist()}")
    if not np.isfinite(values).all():
        raise UserError(f"{name}: a score is not finite: {values.tolist()}")
    return values


Equivalence = Literal["better", "as good", "no gain worth it", "not settled"]


def equivalence(gain: Gain, worth: float) -> Equivalence:
    """Return what a test settles about `worth`, the smallest gain that matters (0 .. 1).

    Two one-sided tests at .05, that is, the 90 % interval of the gain (Schuirmann 1987): "better"
    if the interval lies above `worth`, "as good" if it lies within (-worth, worth), "no gain worth
    it" if it lies below `worth`, and "not settled" otherwise.

    Raises:
        ValueError: `worth` is not positive.
    """
    if not worth > 0:
        raise ValueError(f"worth: expected more than 0, got {worth}")
    low, high = gain.interval(0.9)
    if low > worth:
        return "better"
    if high < worth:
        return "as good" if low > -worth else "no gain worth it"
    return "not settled"
