"""Rates at which M(kappa) and best against best call the best of many settings better.

Part of `python -m tests.benchmarks.calibration --multiplier 2000`. A world has N examples, and a
baseline and a system with some settings of one seed each. A setting classifies an example correctly
if a latent normal variable is positive: the sum of its difficulty, an effect of the method on it,
an effect of the seed on all examples, and a rest. Without a gain, the best settings of both sides
are equally good. The others are

- `equal`: as good as the best,
- `graded`: on both sides, evenly spaced down to 4 points of accuracy below the best,
- `led`: on the baseline's side all `led` below the best, on the system's side as good as the best.
  Here the baseline has one good setting, and others that look nearly as good: 2 points worse, and
  `FAR` standard errors worse, which is the least favourable to M(1) in the normal limit. There the
  lead of the best setting is underestimated as often as overestimated, and one standard error no
  longer compensates for the effect of the lead on a maximum of many.

Trials are strongly correlated (`strong`: two settings of a method differ on a tenth of the
examples) or weakly (`weak`: on a fifth).

The variant was chosen on worlds 0 to 299: if the gaps of the side ahead are estimated, or narrowed
by one standard error, marks are wrong in up to .22 and .08 of worlds without a gain instead of
.025, and with kappa = 0 in up to .11; random signs are as good as normal weights. So M(1) uses gaps
of 0 on the side ahead. The rates are those of other worlds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal

import numpy as np
from scipy.stats import norm

from reports.statistics.best_vs_best import best_vs_best
from tests.benchmarks.multiplier import Null, sample
from tests.benchmarks.seed_worlds import LEVEL, POSITIVE, RIGHT
from tests.reports.cells import candidates
from trainers.records.metrics import Labels, Values

Alike = Literal["weak", "strong"]
Quality = Literal["equal", "graded", "led"]
SHARES: Final = {"weak": (0.4, 0.05), "strong": (0.85, 0.05)}
"""Shares of the latent variance: example, and method on it."""
GRADED: Final = 0.04
LED: Final = 0.02
FAR: Final = 3.5
"""Least favourable to M(1) where scores are normal: so many own standard errors behind the best."""
DISCORDANT: Final = {"weak": 0.19, "strong": 0.1}
"""The share of examples on which two settings of a method differ."""
RESAMPLES: Final = 499
"""Of best against best."""
FRESH: Final = 10_000
"""The variant was chosen on worlds 0 to 299."""

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
    """A simulated world: settings of baseline and system, their quality, and the system's gain."""

    n: int
    settings: tuple[int, int]
    metric: str = "accuracy"
    alike: Alike = "weak"
    quality: Quality = "equal"
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

    @property
    def own_error(self) -> float:
        """Return the standard error of a setting's accuracy that other settings do not share."""
        return float(np.sqrt(DISCORDANT[self.alike] / 2 / self.n))

    def _right(self) -> tuple[Values, Values]:
        """Return the expected accuracy of each setting of the baseline, and of the system."""
        baseline, system = (np.full(count, RIGHT) for count in self.settings)
        if self.quality == "graded":
            baseline -= np.linspace(0, GRADED, len(baseline))
            system -= np.linspace(0, GRADED, len(system))
        if self.quality == "led":
            baseline[1:] -= self.led
        return baseline, system + self.gain


Tails = tuple[float, float]
"""The one-sided p of a system ahead, and of a baseline ahead."""
Rates = dict[str, dict[str, float]]


def _by_swaps(world: ManyWorld, generator: np.random.Generator) -> Tails:
    gold, baseline, system = world.draw(generator)
    sides = (
        candidates(gold, baseline, world.metric, cell="standard"),
        candidates(gold, system, world.metric),
    )
    found = best_vs_best(*sides, resamples=RESAMPLES, seed=int(generator.integers(2**31)))
    return found.p_greater, found.p_less


def _shares(tails: Sequence[Tails]) -> dict[str, float]:
    """`two_sided`: p < .05, twice the smaller tail; `ahead`: so, with the system ahead, as a mark
    has it, which is due to .025; `one_sided`: a one-sided p < .05 for the system."""
    greater, less = np.array(tails).T
    hits = {
        "two_sided": 2 * np.minimum(greater, less) < LEVEL,
        "ahead": 2 * greater < LEVEL,
        "one_sided": greater < LEVEL,
    }
    return {name: round(float(hit.mean()), 4) for name, hit in hits.items()}


def variant_rates(
    world: ManyWorld, worlds: int, nulls: Mapping[str, Null] = VARIANTS, start: int = 0
) -> dict[str, dict[str, float]]:
    """Return the share of worlds that each variant marks; world k is drawn with seed k."""
    found: dict[str, list[Tails]] = {name: [] for name in nulls}
    for seed in range(start, start + worlds):
        generator = np.random.default_rng(seed)
        drawn = world.draw(generator)
        for signs in sorted({null.signs for null in nulls.values()}):
            disturbed = sample(*drawn, world.metric, generator, signs=signs)
            for name, null in nulls.items():
                if null.signs == signs:
                    found[name].append(disturbed.tails(null))
    return {name: _shares(tails) for name, tails in found.items()}


def rates(world: ManyWorld, worlds: int, beside: int, start: int = FRESH) -> Rates:
    """Return the share of worlds that M(1) marks, and best against best in the first `beside`."""
    swaps = [_by_swaps(world, np.random.default_rng(seed)) for seed in range(start, start + beside)]
    chosen = {"M(1)": VARIANTS["M(1)"]}
    return {**variant_rates(world, worlds, chosen, start), "best_vs_best": _shares(swaps)}


SIZES: Final = (("accuracy", 277), ("accuracy", 1_043), ("f1", 408), ("mcc", 277), ("mcc", 1_043))
SETTINGS: Final = ((1, 12), (3, 12), (12, 12), (6, 60))
ALIKE: Final[tuple[Alike, ...]] = ("weak", "strong")
KINDS: Final = tuple(
    ManyWorld(n=n, settings=settings, metric=metric, alike=alike)
    for metric, n in SIZES
    for settings in SETTINGS
    for alike in ALIKE
)
MANY: Final = tuple(replace(kind, settings=(36, 36)) for kind in KINDS if kind.settings == (12, 12))


def _least_favourable(kind: ManyWorld) -> ManyWorld:
    return replace(kind, quality="led", led=round(FAR * kind.own_error, 4))


NULLS: Final = (
    *(_least_favourable(kind) for kind in (*KINDS, *MANY) if kind.settings[0] > 1),
    *(replace(kind, quality="led", led=LED) for kind in KINDS if kind.settings[0] > 1),
    *KINDS,
    *(replace(kind, quality="graded") for kind in KINDS),
)
GAINS: Final = tuple(replace(kind, gain=0.02) for kind in KINDS)
SEEDS: Final = tuple(replace(kind, spread=0.008) for kind in KINDS if kind.alike == "weak")


def rates_of_all(worlds: int) -> dict[str, object]:
    """Rates in every kind of world: a quarter of the worlds where power or seeds are looked at.

    So many are also those that best against best sees everywhere, which is slower.
    """
    few = -(-worlds // 4)
    kinds = {"nulls": (NULLS, worlds), "gains": (GAINS, few), "seeds": (SEEDS, few)}
    found = {
        name: [{**asdict(kind), **rates(kind, count, few)} for kind in kept]
        for name, (kept, count) in kinds.items()
    }
    return {"worlds": worlds, "few": few, **found}
