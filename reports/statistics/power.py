"""Power of the test of two methods: the smallest gain that a study can detect.

In: numbers of examples and seeds, and how predictions vary. Out: a gain, or the numbers of seeds or
examples needed to detect one. The variance of a gain over N examples and S seeds of each method is
that of `method_test`:

    V = c d / N + (1 - c) d / (N S) + 2 s^2 / S

where d is the variance of the difference between two trained models on an example (the share of
examples on which exactly one of them is correct), c is the part of d that repeats with other seeds,
and s is the standard deviation of a seed's score.
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
    """How predictions vary, on scores from 0 to 1; the defaults are typical of fine-tuned encoders.

    `discordant` is d, `repeated` is c and `seed_deviation` is s.
    """

    discordant: float = 0.15
    repeated: float = 0.15
    seed_deviation: float = 0.008

    @classmethod
    def from_test(cls, test: MethodTest) -> Self:
        """Estimate it from a finished test of two methods."""
        effects, n = test.effects, test.n
        s_a, s_b = test.seeds
        residual_a, residual_b = effects.residual_a * s_a * n, effects.residual_b * s_b * n
        repeated = max(0.0, effects.examples * n - residual_a / s_a - residual_b / s_b)
        seeds = max(0.0, effects.seeds_a - effects.residual_a) * s_a
        seeds += max(0.0, effects.seeds_b - effects.residual_b) * s_b
        discordant = repeated + residual_a + residual_b
        return cls(
            discordant=discordant,
            repeated=repeated / discordant if discordant else 0.0,
            seed_deviation=(seeds / 2) ** 0.5,
        )


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A comparison of two methods with `seeds` seeds each on `examples` examples."""

    examples: int
    seeds: int
    variation: Variation = Variation()

    def __post_init__(self) -> None:
        if self.examples < 2 or self.seeds < 2:
            raise UserError(
                f"expected at least 2 seeds and 2 examples, got {self.seeds} seeds and"
                f" {self.examples} examples"
            )

    @property
    def variance(self) -> float:
        """V, the variance of the estimated gain."""
        return self._example_variance + 2 * self._seed_variance

    @property
    def _example_variance(self) -> float:
        d, c = self.variation.discordant, self.variation.repeated
        return d / self.examples * (c + (1 - c) / self.seeds)

    @property
    def _seed_variance(self) -> float:
        return self.variation.seed_deviation**2 / self.seeds

    @property
    def df(self) -> float:
        """The test's degrees of freedom; the variance of seeds' means includes the residual."""
        d, c = self.variation.discordant, self.variation.repeated
        n, s = self.examples, self.seeds
        seed_means = self._seed_variance + (1 - c) * d / (2 * n * s)
        denominator = self._example_variance**2 / (n - 1) + 2 * seed_means**2 / (s - 1)
        return self.variance**2 / denominator if denominator > 0 else 2 * s - 2

    def power(self, gain: float) -> float:
        """Return the probability that the two-sided test detects a true gain, with its sign."""
        if self.variance == 0:
            return float(gain > 0)
        noncentrality = gain / self.variance**0.5
        return float(1 - nctdtr(self.df, noncentrality, self._critical_t))

    @property
    def _critical_t(self) -> float:
        return float(stdtrit(self.df, 1 - LEVEL / 2))

    def smallest_gain(self, power: float = POWER) -> float:
        """Return the smallest true gain that is detected with the given power.

        Raises:
            ValueError: the power is not between the test's level and 1.
        """
        if not LEVEL < power < 1:
            raise ValueError(f"power: expected a number between {LEVEL} and 1, got {power}")
        if self.variance == 0:
            return 0.0
        return float(nctdtrinc(self.df, 1 - power, self._critical_t) * self.variance**0.5)


def find_seeds(experiment: Experiment, gain: float, power: float = POWER) -> int | None:
    """Return the fewest seeds per method that detect a gain; None above MOST_SEEDS."""
    return _find_fewest(lambda seeds: replace(experiment, seeds=seeds), gain, power, MOST_SEEDS)


def find_examples(experiment: Experiment, gain: float, power: float = POWER) -> int | None:
    """Return the fewest examples that detect a gain; None above MOST_EXAMPLES."""
    return _find_fewest(lambda n: replace(experiment, examples=n), gain, power, MOST_EXAMPLES)


def _find_fewest(
    make_experiment: Callable[[int], Experiment], gain: float, power: float, most: int
) -> int | None:
    """Bisect the size of a experiment: power grows with it."""
    if not gain > 0:
        raise ValueError(f"gain: expected more than 0, got {gain}")
    low, high = 2, most
    if make_experiment(high).power(gain) < power:
        return None
    while low < high:
        middle = (low + high) // 2
        if make_experiment(middle).power(gain) >= power:
            high = middle
        else:
            low = middle + 1
    return low
