"""Seeds: how far a chosen setting's score moves when nothing but the seed changes.

In: the scores of one setting, by seed. Out: a frozen `SeedSpread`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from statistics import fmean, stdev

from search_spaces.errors import UserError


@dataclass(frozen=True, kw_only=True)
class SeedSpread:
    """Mean and standard deviation (n - 1) over `seeds` seeds, beside a difference `delta`."""

    seeds: int
    mean: float
    deviation: float
    delta: float

    @property
    def ratio(self) -> float | None:
        """The difference in standard deviations; None where the seeds do not differ at all."""
        return self.delta / self.deviation if self.deviation > 0 else None


def seed_spread(scores: Mapping[int, float], delta: float) -> SeedSpread:
    """Put a difference beside the spread over seeds of the setting that shows it.

    A paired test takes the two models as given: it speaks of other examples, not of other seeds.
    Seeds are counted here and never pooled there, as more examples or otherwise: the same examples
    predicted by five seeds are not five times as many.

    Caveats. A description, no test. From few seeds a standard deviation is itself vague: of five,
    its 95 % interval reaches from .6 to 2.9 times. Where a setting was chosen by one seed's score,
    that seed is a lucky one: the others' mean is lower.

    Raises:
        UserError: there are fewer than two seeds, or a score or the difference is not finite.
    """
    if len(scores) < 2:
        raise UserError(f"spread over seeds: expected at least two seeds, got {len(scores)}")
    for seed, value in scores.items():
        if not isfinite(value):
            raise UserError(f"spread over seeds: the score of seed {seed} is {value}: no number")
    if not isfinite(delta):
        raise UserError(f"spread over seeds: the difference is {delta}: no number")
    values = [*scores.values()]
    return SeedSpread(seeds=len(values), mean=fmean(values), deviation=stdev(values), delta=delta)
