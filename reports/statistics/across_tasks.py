"""A method on several tasks, and beyond yes or no: averages, replicability, how often, how much.

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
"""A probability above which one run is better than another often enough to matter (Bouthillier et
al. 2021)."""


@dataclass(frozen=True, kw_only=True)
class AverageGain(Gain):
    """The mean over `tasks` tasks of a method's gain."""

    tasks: int


def average_gain(tests: Sequence[MethodTest], *, level: float = LEVEL) -> AverageGain:
    """Average the gains of T tasks, which are these very tasks, and no sample of others.

    The variance is that of the mean of independent gains, with Satterthwaite's degrees of freedom.
    Tasks whose trials share seeds are independent all the same: a seed means nothing across tasks.

    Raises:
        UserError: there is no task.
    """
    if not tests:
        raise UserError("an average over tasks: there is none")
    variances = np.array([test.standard_error**2 for test in tests])
    below = sum(v**2 / test.df for v, test in zip(variances, tests, strict=True))
    df = float(variances.sum() ** 2 / below) if below > 0 else float(min(t.df for t in tests))
    return AverageGain(
        tasks=len(tests),
        delta=float(np.mean([test.delta for test in tests])),
        standard_error=math.sqrt(variances.sum()) / len(tests),
        df=df,
        level=level,
    )


def replicability(p_values: Sequence[float], *, level: float = 1 - LEVEL) -> int:
    """Return on at least how many of the tasks there is a gain: partial conjunction, Bonferroni.

    `p_values` are one-sided, a task each. The p of "at least u tasks" is (T - u + 1) p_(u), as
    large at least as that of u - 1; the result is the largest u with a p of `level` at most. It is
    too large with that probability at most, however the tasks depend on each other (Benjamini and
    Heller 2008; Dror et al. 2017).

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
    """How often a run of A beats a run of B, ties half, with a bootstrap interval over runs."""

    value: float
    level: float
    low: float
    high: float
    resamples: int
    seed: int

    @property
    def verdict(self) -> Literal["not shown", "shown", "shown and meaningful"]:
        """What the interval says: from where chance is left behind, and whether it matters."""
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

    Mann and Whitney's U over S_A S_B; the interval draws the runs of each method anew.

    Raises:
        UserError: a method has fewer than two runs, or a score is not finite.
    """
    runs = (_scores(a, "a"), _scores(b, "b"))
    generator = np.random.default_rng(seed)
    drawn = [of[generator.integers(0, of.size, (resamples, of.size))] for of in runs]
    low, high = np.quantile(_wins(*drawn), [(1 - level) / 2, (1 + level) / 2])
    return WinProbability(
        value=float(_wins(runs[0][None], runs[1][None])[0]),
        level=level,
        low=float(low),
        high=float(high),
        resamples=resamples,
        seed=seed,
    )


def _wins(a: Values, b: Values) -> Values:
    """Share of pairs (..., S_A) x (..., S_B) in which A is ahead, ties half."""
    ahead = a[..., :, None] - b[..., None, :]
    return np.asarray((0.5 * (np.sign(ahead) + 1)).mean(axis=(-2, -1)))


def _scores(given: ArrayLike, name: str) -> Values:
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != 1 or values.size < 2:
        raise UserError(f"{name}: expected the scores of two runs or more, got {values.tolist()}")
    if not np.isfinite(values).all():
        raise UserError(f"{name}: a score is not finite: {values.tolist()}")
    return values


Worth = Literal["better", "as good", "no gain worth it", "not settled"]


def equivalence(gain: Gain, worth: float) -> Worth:
    """Say what a test settles about a gain of `worth`, the smallest that matters (0 .. 1).

    By two one-sided tests at .05, which is the 90 % interval (Schuirmann 1987): wholly above
    `worth` "better"; within it on both sides "as good"; below it "no gain worth it"; else "not
    settled".

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
