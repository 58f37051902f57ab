"""Rates at which tests call one method better than another, with varying seeds.

Part of `python -m tests.benchmarks.calibration --worlds 400`. A world has N examples, two methods
and S seeds of each. An example is classified correctly if a latent normal variable is positive: the
sum of its difficulty, an effect of the method on it, an effect of the seed on all examples, and a
rest. The seed's effect is scaled so that the standard deviation of a seed's accuracy is `spread`;
the expected accuracy is .86.

`crossed` is `method_test`. The common alternatives are: `one_seed`, McNemar's mid-p test
(Fisher's for F1 and MCC) of one trained model each; `pooled`, the same with every seed's
predictions as further examples; `welch`, Welch's t-test of the seeds' scores; `bootstrap`, the
pigeonhole bootstrap (Owen 2007), which draws seeds and examples anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, ttest_ind

from reports.statistics.method_test import method_test
from reports.statistics.significance import fisher_randomization, mcnemar
from trainers.records.metrics import get_metric, score, sum_counts

LEVEL: Final = 0.05
RIGHT: Final = 0.86
POSITIVE: Final = 0.69
SHARES: Final = (0.55, 0.1, 0.35)
"""Shares of the latent variance: example, method on the example, and the rest."""
RESAMPLES: Final = 499

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class World:
    """What is simulated: sizes, the SD of a seed's accuracy, and the gain of method A."""

    n: int
    seeds: int
    metric: str = "accuracy"
    spread: float = 0.008
    gain: float = 0.0

    def draw(self, generator: np.random.Generator) -> tuple[Labels, Labels, Labels]:
        """Return gold (N,) and the labels (S, N) that A and B predict."""
        gold = (generator.random(self.n) < POSITIVE).astype(np.int64)
        example, method, rest = np.sqrt(SHARES)
        difficulty = example * generator.normal(size=self.n)
        found = []
        for right in (RIGHT + self.gain, RIGHT):
            start = float(norm.ppf(right))
            seed = self.spread / norm.pdf(start) * generator.normal(size=(self.seeds, 1))
            latent = (
                start
                + difficulty
                + method * generator.normal(size=self.n)
                + seed
                + rest * generator.normal(size=(self.seeds, self.n))
            )
            found.append(np.where(latent > 0, gold, 1 - gold))
        return gold, found[0], found[1]


def _crossed(world: World, gold: Labels, a: Labels, b: Labels, _: np.random.Generator) -> float:
    return method_test(a, b, gold, world.metric).p_value


def _pair(world: World, gold: Labels, a: Labels, b: Labels) -> float:
    if world.metric == "accuracy":
        return mcnemar(gold, b, a, "mid-p").p_value
    return fisher_randomization(gold, b, a, world.metric, 2).p_value


def _one_seed(world: World, gold: Labels, a: Labels, b: Labels, _: np.random.Generator) -> float:
    return _pair(world, gold, a[0], b[0])


def _pooled(world: World, gold: Labels, a: Labels, b: Labels, _: np.random.Generator) -> float:
    return _pair(world, np.tile(gold, world.seeds), a.ravel(), b.ravel())


def _welch(world: World, gold: Labels, a: Labels, b: Labels, _: np.random.Generator) -> float:
    sides = [[score(world.metric, gold, row, 2).value for row in side] for side in (a, b)]
    return float(ttest_ind(*sides, equal_var=False).pvalue)


def _bootstrap(
    world: World, gold: Labels, a: Labels, b: Labels, generator: np.random.Generator
) -> float:
    """Return the two-sided p of a percentile interval; examples are weighted by their draws."""
    n = world.n
    times = generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    means = []
    for side in (a, b):
        chosen = generator.multinomial(
            world.seeds, np.full(world.seeds, 1 / world.seeds), size=RESAMPLES
        )
        means.append((chosen * _scores(world.metric, gold, side, times)).sum(axis=1) / world.seeds)
    deltas = means[0] - means[1]
    below = (1 + (deltas <= 0).sum()) / (1 + RESAMPLES)
    above = (1 + (deltas >= 0).sum()) / (1 + RESAMPLES)
    return float(min(1.0, 2 * min(below, above)))


def _scores(metric: str, gold: Labels, rows: Labels, times: Labels) -> npt.NDArray[np.float64]:
    """Return scores (R, S) of seeds on samples of examples, given the counts of draws (R, N)."""
    found = []
    for row in rows:
        counts = get_metric(metric).counts(gold, row, 2)
        found.append(get_metric(metric).scores(times @ counts)[0])
    return np.stack(found, axis=1)


Test = Callable[[World, Labels, Labels, Labels, np.random.Generator], float]
TESTS: Final[Mapping[str, Test]] = {
    "crossed": _crossed,
    "one_seed": _one_seed,
    "pooled": _pooled,
    "welch": _welch,
    "bootstrap": _bootstrap,
}


def rates(
    world: World, worlds: int, tests: Mapping[str, Test] = TESTS, start: int = 0
) -> dict[str, float]:
    """Return each test's share of worlds with a two-sided p < .05; world k is drawn with seed k.

    `gain` is the mean of the true difference that was drawn, in the metric, over the worlds.
    """
    called: dict[str, list[bool]] = {name: [] for name in tests}
    gains = []
    for seed in range(start, start + worlds):
        generator = np.random.default_rng(seed)
        gold, a, b = world.draw(generator)
        gains.append(_mean(world.metric, gold, a) - _mean(world.metric, gold, b))
        for name, test in tests.items():
            called[name].append(test(world, gold, a, b, generator) < LEVEL)
    return {name: fmean(found) for name, found in called.items()} | {"gain": fmean(gains)}


def _mean(metric: str, gold: Labels, rows: Labels) -> float:
    chosen = get_metric(metric)
    sums = np.stack([sum_counts(chosen, gold, row, 2) for row in rows])
    return float(chosen.scores(sums)[0].mean())


def error(worlds: int) -> float:
    """Return half the width of the 95 % interval of a rate of .05 over this number of worlds."""
    return float(1.96 * (LEVEL * (1 - LEVEL) / worlds) ** 0.5)


NULLS: Final = tuple(
    World(n=n, seeds=seeds, metric=metric, spread=spread)
    for metric, sizes in {"accuracy": (277, 1_043), "f1": (408,), "mcc": (1_043,)}.items()
    for n in sizes
    for seeds in (2, 3, 5, 10)
    for spread in (0.0, 0.008, 0.02)
)
GAINS: Final = tuple(
    World(n=n, seeds=seeds, metric=metric, gain=0.02)
    for metric, n in (("accuracy", 277), ("accuracy", 1_043), ("f1", 408), ("mcc", 1_043))
    for seeds in (2, 3, 5, 10)
)
