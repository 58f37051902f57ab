"""What a study can show: the smallest gain of a method that the test of methods finds.

In: examples, seeds, and how predictions vary. Out: a gain, or the seeds or examples that one takes.
The variance of a gain over N examples and S seeds of both methods is that of `method_test`:

    V = c d / N + (1 - c) d / (N S) + 2 s^2 / S

with d the variance of the difference of two trained models on an example (the share of examples on
which one alone is right), c its part that repeats with other seeds, and s the standard deviation of
a seed's score.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Self

from scipy.special import nctdtr, nctdtrinc, stdtrit

from reports.statistics.method_test import MethodTest
from search_spaces.errors import UserError

POWER: Final = 0.8
LEVEL: Final = 0.05
MOST_SEEDS: Final = 1_000
MOST_EXAMPLES: Final = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How predictions vary, in scores from 0 to 1; by default as fine-tuned encoders were seen to.

    `discordant` is d, `repeated` c and `seed_deviation` s.
    """

    discordant: float = 0.15
    repeated: float = 0.15
    seed_deviation: float = 0.008

    @classmethod
    def of(cls, test: MethodTest) -> Self:
        """Measure it in a finished test of two methods."""
        effects, n = test.effects, test.n
        s_a, s_b = test.seeds
        rest_a, rest_b = effects.residual_a * s_a * n, effects.residual_b * s_b * n
        repeated = max(0.0, effects.examples * n - rest_a / s_a - rest_b / s_b)
        seeds = max(0.0, effects.seeds_a - effects.residual_a) * s_a
        seeds += max(0.0, effects.seeds_b - effects.residual_b) * s_b
        whole = repeated + rest_a + rest_b
        return cls(
            discordant=whole,
            repeated=repeated / whole if whole else 0.0,
            seed_deviation=(seeds / 2) ** 0.5,
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Two methods of `seeds` seeds each, compared on `examples` examples."""

    examples: int
    seeds: int
    variation: Variation = Variation()

    def __post_init__(self) -> None:
        if self.examples < 2 or self.seeds < 2:
            raise UserError(
                f"a gain of a method takes 2 seeds and 2 examples at least, got {self.seeds} and"
                f" {self.examples}"
            )

    @property
    def variance(self) -> float:
        """V."""
        return self._examples + 2 * self._seeds

    @property
    def _examples(self) -> float:
        of, n = self.variation, self.examples
        return of.discordant / n * (of.repeated + (1 - of.repeated) / self.seeds)

    @property
    def _seeds(self) -> float:
        return self.variation.seed_deviation**2 / self.seeds

    @property
    def df(self) -> float:
        """Degrees of freedom as the test will have them: seeds' means hold the residual, too."""
        of, n, s = self.variation, self.examples, self.seeds
        seeds = self._seeds + (1 - of.repeated) * of.discordant / (2 * n * s)
        below = self._examples**2 / (n - 1) + 2 * seeds**2 / (s - 1)
        return self.variance**2 / below if below > 0 else 2 * s - 2

    def power(self, gain: float) -> float:
        """Return how often the two-sided test finds a gain, in the gain's direction."""
        if self.variance == 0:
            return float(gain > 0)
        noncentrality = gain / self.variance**0.5
        return float(1 - nctdtr(self.df, noncentrality, self._critical))

    @property
    def _critical(self) -> float:
        return float(stdtrit(self.df, 1 - LEVEL / 2))

    def smallest_gain(self, power: float = POWER) -> float:
        """Return the smallest gain that is found with a power.

        Raises:
            ValueError: the power is not between the test's level and 1.
        """
        if not LEVEL < power < 1:
            raise ValueError(f"power: expected a number between {LEVEL} and 1, got {power}")
        if self.variance == 0:
            return 0.0
        return float(nctdtrinc(self.df, 1 - power, self._critical) * self.variance**0.5)


def seeds_for(plan: Plan, gain: float, power: float = POWER) -> int | None:
    """Return the fewest seeds of each method with which a gain is found; None if none will do."""
    return _fewest(lambda seeds: replace(plan, seeds=seeds), gain, power, MOST_SEEDS)


def examples_for(plan: Plan, gain: float, power: float = POWER) -> int | None:
    """Return the fewest examples with which a gain is found; None if none will do."""
    return _fewest(lambda n: replace(plan, examples=n), gain, power, MOST_EXAMPLES)


def _fewest(plan_of: Callable[[int], Plan], gain: float, power: float, most: int) -> int | None:
    """Bisect: a plan that is larger finds smaller gains."""
    if not gain > 0:
        raise ValueError(f"gain: expected more than 0, got {gain}")
    low, high = 2, most
    if plan_of(high).power(gain) < power:
        return None
    while low < high:
        middle = (low + high) // 2
        if plan_of(middle).power(gain) >= power:
            high = middle
        else:
            low = middle + 1
    return low
