"""Rates at which marks of chosen settings call a method better, with varying seeds.

Part of `python -m tests.benchmarks.calibration --choices 400`. A world has two methods, each with
some settings of S seeds; all settings of a method have the same expected quality. Of each method,
the setting with the best mean over seeds on N examples is chosen. As in `seed_worlds`, an example
is classified correctly if a latent normal variable is positive: the sum of its difficulty, an
effect of method and setting on it, an effect of the seed on all examples, and a rest.

`asterisk` is the test of methods on the examples and seeds used for the choice, `best` is best
against best over means, `double_dagger` the larger p of both; `test` is the test of methods with
the same seeds on N other examples; `fresh` and `fresh_test` are a confirmation: equally many fresh
seeds of the chosen settings, on the same and on other examples. `one_seed` is best against best of
the first seeds alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from reports.statistics.best_vs_best import best_vs_best
from reports.statistics.candidates import Candidates
from reports.statistics.method_test import method_test
from tests.benchmarks.seed_worlds import LEVEL, POSITIVE, RIGHT
from tests.reports.cells import candidates

SHARES: Final = (0.55, 0.05, 0.05, 0.35)
"""Shares of the latent variance: example, method on it, setting on it, and the rest."""
RESAMPLES: Final = 999

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ChosenWorld:
    """What is simulated: `settings` of the baseline and of the method, and the method's gain."""

    n: int
    seeds: int
    settings: tuple[int, int] = (3, 12)
    metric: str = "accuracy"
    spread: float = 0.008
    gain: float = 0.0

    def draw(self, generator: np.random.Generator) -> tuple[Labels, list[Labels], list[Labels]]:
        """Return gold (2N,), and of either side the labels (I, S, 2N) of one set of seeds, twice.

        The first N examples choose. The lists are the seeds that choose, and fresh ones.
        """
        total = 2 * self.n
        gold = (generator.random(total) < POSITIVE).astype(np.int64)
        example, method, setting, rest = np.sqrt(SHARES)
        difficulty = example * generator.normal(size=total)
        chosen, fresh = list[Labels](), list[Labels]()
        for count, right in zip(self.settings, (RIGHT, RIGHT + self.gain), strict=True):
            start = float(norm.ppf(right))
            own = difficulty + method * generator.normal(size=total)
            own = own + setting * generator.normal(size=(count, 1, total))
            for kept in (chosen, fresh):
                shape = (count, self.seeds)
                luck = self.spread / norm.pdf(start) * generator.normal(size=(*shape, 1))
                latent = start + own + luck + rest * generator.normal(size=(*shape, total))
                kept.append(np.where(latent > 0, gold, 1 - gold))
        return gold, chosen, fresh


def p_values(world: ChosenWorld, generator: np.random.Generator) -> dict[str, float]:
    """Return the two-sided p of each mark in one world."""
    gold, chosen, fresh = world.draw(generator)
    n, metric = world.n, world.metric
    dev = gold[:n]
    sides = [_cell(dev, rows[..., :n], metric, name) for rows, name in _named(chosen)]
    places = [side.best for side in sides]
    base, best = (rows[place] for rows, place in zip(chosen, places, strict=True))
    other_base, other = (rows[place] for rows, place in zip(fresh, places, strict=True))
    first = [_cell(dev, rows[:, :1, :n], metric, name) for rows, name in _named(chosen)]
    found = {
        "asterisk": method_test(best[:, :n], base[:, :n], dev, metric).p_value,
        "best": best_vs_best(sides[0], sides[1], resamples=RESAMPLES).p_value,
        "test": method_test(best[:, n:], base[:, n:], gold[n:], metric).p_value,
        "fresh": method_test(other[:, :n], other_base[:, :n], dev, metric).p_value,
        "fresh_test": method_test(other[:, n:], other_base[:, n:], gold[n:], metric).p_value,
        "one_seed": best_vs_best(first[0], first[1], resamples=RESAMPLES).p_value,
    }
    return {**found, "double_dagger": max(found["asterisk"], found["best"])}


def _named(sides: list[Labels]) -> list[tuple[Labels, str]]:
    return list(zip(sides, ("standard", "cat"), strict=True))


def _cell(gold: Labels, rows: Labels, metric: str, name: str) -> Candidates:
    settings, seeds, n = rows.shape
    return candidates(gold, rows.reshape(settings * seeds, n), metric, cell=name, seeds=seeds)


def rates(world: ChosenWorld, worlds: int, start: int = 0) -> dict[str, float]:
    """Return each mark's share of worlds with p < .05; world k is drawn with seed k."""
    found: dict[str, int] = {}
    for seed in range(start, start + worlds):
        for name, p in p_values(world, np.random.default_rng(seed)).items():
            found[name] = found.get(name, 0) + (p < LEVEL)
    return {name: round(count / worlds, 4) for name, count in found.items()}


NULLS: Final = tuple(
    ChosenWorld(n=n, seeds=seeds, settings=settings, metric=metric, spread=spread)
    for metric, n in (("accuracy", 277), ("accuracy", 1_043), ("f1", 408), ("mcc", 1_043))
    for seeds in (3, 5)
    for settings in ((3, 12), (12, 12))
    for spread in (0.008, 0.02)
)
GAINS: Final = tuple(
    ChosenWorld(n=1_043, seeds=5, settings=settings, gain=0.02)
    for settings in ((1, 12), (3, 12), (12, 12))
)
WORLDS: Final[Mapping[str, tuple[ChosenWorld, ...]]] = {"nulls": NULLS, "gains": GAINS}
