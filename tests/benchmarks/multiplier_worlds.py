"""How often M(kappa) and best against best call the best of many settings better: worlds, and rates.

Part of `python -m tests.benchmarks.calibration --multiplier 2000`. A world has N examples, a
baseline and a system with some settings of one seed each. An example is right for a setting where a
latent normal is positive: its difficulty, what the method makes of it, what the seed makes of
everything, and the rest. Without a gain the best settings of both sides are equally good. The others
are

- `equal`: as good as the best,
- `graded`: on both sides evenly spaced down to 4 points of accuracy below it,
- `led`: on the baseline's side all `LED` points below it, on the system's as good as the best. Here
  the baseline has one good setting, and settings that are nearly as good look like further ones.

Trials are alike (`strong`: two settings of a method differ on a tenth of the examples) or not
(`weak`: on a fifth).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final, Literal

import numpy as np
from scipy.stats import norm

from reports.statistics.best_vs_best import best_vs_best
from tests.benchmarks.multiplier import Null, sample
from tests.benchmarks.seed_worlds import LEVEL, POSITIVE, RIGHT
from tests.reports.cells import candidates
from trainers.records.metrics import Labels, Values

SHARES: Final = {"weak": (0.4, 0.05), "strong": (0.85, 0.05)}
"""Of the latent variance: the example's, and the method's on it."""
GRADED: Final = 0.04
LED: Final = 0.02
RESAMPLES: Final = 499
"""Of best against best."""

VARIANTS: Final[Mapping[str, Null]] = {
    "M(1)": Null(),
    "M(0)": Null(kappa=0),
    "M(2)": Null(kappa=2),
    "M(1), narrowed": Null(narrow=1),
    "M(1), estimated": Null(narrow=0),
    "M(1), signs": Null(signs=True),
}


@dataclass(frozen=True, kw_only=True)
class ManyWorld:
    """What is simulated: settings of baseline and system, their quality, and the system's gain."""

    n: int
    settings: tuple[int, int]
    metric: str = "accuracy"
    alike: Literal["weak", "strong"] = "weak"
    quality: Literal["equal", "graded", "led"] = "equal"
    led: float = LED
    spread: float = 0.0
    gain: float = 0.0

    def draw(self, generator: np.random.Generator) -> tuple[Labels, Labels, Labels]:
        """Return gold (N,) and the labels of the baseline (J, N) and of the system (I, N)."""
        gold = (generator.random(self.n) < POSITIVE).astype(np.int64)
        example, method = SHARES[self.alike]
        rest = np.sqrt(1 - example - method)
        difficulty = np.sqrt(example) * generator.normal(size=self.n)
        found = []
        for right in self._right():
            start = norm.ppf(right)
            start = start + self.spread / norm.pdf(start) * generator.normal(size=len(right))
            own = difficulty + np.sqrt(method) * generator.normal(size=self.n)
            other = rest * generator.standard_normal((len(right), self.n), dtype=np.float32)
            found.append(np.where(start[:, None] + own + other > 0, gold, 1 - gold))
        return gold, found[0], found[1]

    def _right(self) -> tuple[Values, Values]:
        """The expected accuracy of each setting of the baseline, and of the system."""
        baseline, system = (np.full(count, RIGHT) for count in self.settings)
        if self.quality == "graded":
            baseline -= np.linspace(0, GRADED, len(baseline))
            system -= np.linspace(0, GRADED, len(system))
        if self.quality == "led":
            baseline[1:] -= self.led
        return baseline, system + self.gain


def tails(
    world: ManyWorld,
    generator: np.random.Generator,
    variants: Mapping[str, Null],
) -> dict[str, tuple[float, float]]:
    """The one-sided p of a system ahead and of a baseline ahead, by each test, in one world."""
    gold, baseline, system = world.draw(generator)
    drawn = {
        signs: sample(gold, baseline, system, world.metric, generator, signs=signs)
        for signs in {null.signs for null in variants.values()}
    }
    found = {name: drawn[null.signs].tails(null) for name, null in variants.items()}
    ours = best_vs_best(
        candidates(gold, baseline, world.metric, cell="standard"),
        candidates(gold, system, world.metric),
        resamples=RESAMPLES,
        seed=int(generator.integers(2**31)),
    )
    return {**found, "best_vs_best": (ours.p_greater, ours.p_less)}


def rates(
    world: ManyWorld,
    worlds: int,
    start: int = 0,
    variants: Mapping[str, Null] = VARIANTS,
) -> dict[str, dict[str, float]]:
    """Return shares of worlds for each test; world k is drawn with seed k.

    `two_sided` has p < .05, twice the smaller tail; `ahead` has it with the system ahead, as a mark
    has, which is due to .025; `one_sided` has a one-sided p < .05 for the system.
    """
    every = [
        tails(world, np.random.default_rng(seed), variants)
        for seed in range(start, start + worlds)
    ]
    found = {}
    for name in every[0]:
        greater, less = np.array([one[name] for one in every]).T
        shares = {
            "two_sided": 2 * np.minimum(greater, less) < LEVEL,
            "ahead": 2 * greater < LEVEL,
            "one_sided": greater < LEVEL,
        }
        found[name] = {what: round(float(hit.mean()), 4) for what, hit in shares.items()}
    return found
