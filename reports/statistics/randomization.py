"""Fisher's randomization test on counts: the null distribution of a score difference.

In: a metric (`trainers.records.metrics.Metric`) and the labels that two systems gave to the same
examples.
Out: the two-sided p-value, exact where that is cheap and by Monte Carlo elsewhere.

Under the null the two predictions on an example may change places. Only examples where that moves
the metric's counts matter, and those that move them alike form a category: the number of swaps in
a category of n examples is Bin(n, 1/2), so no example is looked at twice.

Shapes: K counts of the metric, M categories, B swaps at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainers.records.metrics import Counts, Flags, Labels, Metric, Values, sum_counts

TIE: Final = 1e-12  # a difference this close to the observed one counts as equal to it
MAX_EXACT: Final = 5_000_000  # the most outcomes that are enumerated instead of sampled
# The most numbers that this may take, at 20 ns each: with 150 classes an outcome is 472 of them,
# and five million outcomes would be 10 s for what sampling does in 0.1 s.
MAX_NUMBERS: Final = 2**26
BLOCK: Final = 2**16  # numbers per array while enumerating or sampling: they stay in the cache
LEAST_ROWS: Final = 128  # but enough outcomes at once that a product is worth its call


@dataclass(frozen=True, kw_only=True, eq=False)
class Swaps:
    """Every outcome of swapping: the system's sums are `start + k @ step`, 0 <= k <= size.

    The baseline's sums are `total` less those. `step` (M, K) is what a category's example adds
    when the system gets its first prediction rather than its second; the first is the right one
    where one of them is right.
    """

    metric: Metric
    start: Counts
    total: Counts
    step: Counts
    size: Counts

    @property
    def discordant(self) -> int:
        """The number of examples on which a swap moves the counts."""
        return int(self.size.sum())

    @property
    def shape(self) -> tuple[int, ...]:
        """How many outcomes each category has; their product is the number of all outcomes."""
        return tuple(int(n) + 1 for n in self.size)

    @property
    def width(self) -> int:
        """The numbers that an outcome takes: its category counts and its sums."""
        return len(self.size) + len(self.start)

    @cached_property
    def _step(self) -> NDArray[np.floating]:
        """Floats, for a product by BLAS, and exact: float32 has all whole numbers up to 2^24."""
        return self.step.astype(np.float32 if self.total.max() < 2**24 else np.float64)

    def deltas(self, k: NDArray[np.integer]) -> Values:
        """System less baseline for outcomes k (B, M), shape (B,)."""
        moved = k.astype(self._step.dtype) @ self._step
        system = self.start + moved.astype(np.int64)
        values, _ = self.metric.scores(np.stack([system, self.total - system]))
        return np.asarray(values[0] - values[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Observed:
    """What was seen: scores and flags (2,) of baseline and system, and the swaps they allow."""

    scores: Values
    undefined: Flags
    swaps: Swaps

    @property
    def threshold(self) -> float:
        """The smallest absolute difference that counts as at least as large as the observed."""
        return float(abs(self.scores[1] - self.scores[0])) - TIE


def observe(
    metric: Metric, gold: Labels, baseline: Labels, system: Labels, n_classes: int
) -> Observed:
    """Score both systems (labels of shape (N,)) and sort discordant examples into categories."""
    sums = np.stack([sum_counts(metric, gold, labels, n_classes) for labels in (baseline, system)])
    scores, undefined = metric.scores(sums)
    step, size, taken = _categories(metric, gold, baseline, system, n_classes)
    swaps = Swaps(
        metric=metric, start=sums[1] - taken @ step, total=sums.sum(axis=0), step=step, size=size
    )
    return Observed(scores=scores, undefined=undefined, swaps=swaps)


def _categories(
    metric: Metric, gold: Labels, baseline: Labels, system: Labels, n_classes: int
) -> tuple[Counts, Counts, Counts]:
    """Return step (M, K), size (M,) and how often the system holds the first prediction (M,)."""
    g, b, s, weight = _discordant_triples(gold, baseline, system, n_classes)
    first = np.where(b == g, b, np.where(s == g, s, np.maximum(b, s)))
    steps = metric.counts(g, first, n_classes) - metric.counts(g, b + s - first, n_classes)
    step, member = np.unique(steps, axis=0, return_inverse=True)
    size = np.bincount(member.ravel(), weight, minlength=len(step)).astype(np.int64)
    taken = np.bincount(member.ravel(), weight * (s == first), minlength=len(step)).astype(np.int64)
    moves = step.any(axis=1)
    return step[moves], size[moves], taken[moves]


def _discordant_triples(
    gold: Labels, baseline: Labels, system: Labels, n_classes: int
) -> tuple[Labels, Labels, Labels, Counts]:
    """Return the distinct (gold, baseline, system) labels of discordant examples, and how many."""
    at = np.flatnonzero(baseline != system)
    codes = (gold[at] * n_classes + baseline[at]) * n_classes + system[at]
    code, weight = np.unique(codes, return_counts=True)
    pair = code // n_classes
    return pair // n_classes, pair % n_classes, code % n_classes, weight


def binomial(n: int) -> Values:
    """The probabilities of Bin(n, 1/2), shape (n + 1,).

    Ratios of neighbours are multiplied from the middle outwards: nothing overflows, and the tails
    keep their relative precision down to 1e-308, where they become 0.
    """
    middle = n // 2
    k = np.arange(middle + 1, n + 1)
    falling = np.cumprod((n - k + 1) / k)
    rising = falling[n - 2 * middle :][::-1]
    weights = np.concatenate([rising, [1.0], falling])
    return np.asarray(weights / weights.sum())


def is_exact(swaps: Swaps, n_classes: int) -> bool:
    """Say whether the p-value is summed over all outcomes rather than sampled."""
    return _is_grid(swaps, n_classes) or are_few(swaps)


def are_few(swaps: Swaps) -> bool:
    """Say whether all outcomes can be enumerated in about a second."""
    outcomes = prod(swaps.shape)
    return outcomes <= MAX_EXACT and outcomes * swaps.width <= MAX_NUMBERS


def exact_p(observed: Observed, n_classes: int) -> float:
    """Sum the probability of every outcome at least as far from 0 as the observed one."""
    if observed.threshold <= 0:
        return 1.0
    grid = _is_grid(observed.swaps, n_classes)
    tail = _grid_tail(observed) if grid else _enumerated_tail(observed)
    # Exchanging the systems maps each outcome to one of equal probability and opposite sign.
    return float(min(1.0, max(2 * tail, np.finfo(np.float64).tiny)))


def _is_grid(swaps: Swaps, n_classes: int) -> bool:
    """Two classes leave two categories, one per gold label, and the difference rises in both."""
    return swaps.metric.is_monotone and n_classes == 2 and len(swaps.size) == 2


def _grid_tail(observed: Observed) -> float:
    """P(delta >= threshold) over a grid of two categories.

    For each k in the smaller one, bisection finds the least k in the larger one that reaches the
    threshold: O(n log m) scores instead of n m.
    """
    swaps = observed.swaps
    short, long = np.argsort(swaps.size, kind="stable")
    n_short, n_long = int(swaps.size[short]), int(swaps.size[long])
    k = np.zeros((n_short + 1, 2), dtype=np.int64)
    k[:, short] = np.arange(n_short + 1)
    least, most = np.zeros(n_short + 1, dtype=np.int64), np.full(n_short + 1, n_long + 1)
    for _ in range((n_long + 1).bit_length()):
        middle = (least + most) // 2
        k[:, long] = np.minimum(middle, n_long)
        reached = swaps.deltas(k) >= observed.threshold
        most = np.where(reached, middle, most)
        least = np.where(reached, least, np.minimum(middle + 1, most))
    beyond = np.append(np.cumsum(binomial(n_long)[::-1])[::-1], 0.0)
    return float(binomial(n_short) @ beyond[most])


def _enumerated_tail(observed: Observed) -> float:
    """P(|delta| >= threshold) / 2 over all outcomes.

    Read as a mixed-radix number, an outcome's mirror image is the last number less it, so the
    first half of the numbers is enough; a middle one is its own mirror, and its difference is 0.
    """
    blocks = outcomes(observed.swaps, prod(observed.swaps.shape) // 2)
    far = (chance[np.abs(delta) >= observed.threshold] for delta, chance in blocks)
    return float(sum(chance.sum() for chance in far))


def outcomes(swaps: Swaps, stop: int) -> Iterator[tuple[Values, Values]]:
    """Yield differences (b,) and probabilities (b,) of the first `stop` outcomes, in blocks."""
    weights = [binomial(int(n)) for n in swaps.size]
    for start, end in _blocks(stop, swaps.width):
        numbers = np.arange(start, end)
        digits = np.unravel_index(numbers, swaps.shape) if weights else ()
        k = np.stack([np.zeros_like(numbers), *digits], axis=1)[:, 1:]
        chance = np.ones(len(numbers))
        for weight, digit in zip(weights, digits, strict=True):
            chance *= weight[digit]
        yield swaps.deltas(k), chance


def sampled_deltas(
    swaps: Swaps, resamples: int, generator: np.random.Generator
) -> Iterator[Values]:
    """Yield differences (b,) of random outcomes in blocks.

    Bin(n, 1/2) is the number of ones among n random bits: a 64-bit word draws for 64 examples.
    """
    cut = _in_words(swaps)
    bits = np.uint64(2**64 - 1) >> (64 - cut.size).astype(np.uint64)
    for start, stop in _blocks(resamples, cut.width):
        shape = (stop - start, len(bits))
        words = generator.integers(0, 2**64, size=shape, dtype=np.uint64)
        yield cut.deltas(np.bitwise_count(words & bits))


def _in_words(swaps: Swaps) -> Swaps:
    """Cut categories into parts of at most 64 examples."""
    parts = -(-swaps.size // 64)
    size = np.full(parts.sum(), 64)
    size[np.cumsum(parts) - 1] = swaps.size - 64 * (parts - 1)
    return replace(swaps, step=np.repeat(swaps.step, parts, axis=0), size=size)


def sampled_p(observed: Observed, resamples: int, generator: np.random.Generator) -> float:
    """p = (1 + count) / (1 + resamples), over random outcomes."""
    blocks = sampled_deltas(observed.swaps, resamples, generator)
    count = sum(int((np.abs(delta) >= observed.threshold).sum()) for delta in blocks)
    return (1 + count) / (1 + resamples)


def _blocks(total: int, width: int) -> Iterator[tuple[int, int]]:
    """Cut 0 .. total into ranges of rows that keep `width` columns within a block."""
    rows = max(LEAST_ROWS, BLOCK // width)
    for start in range(0, total, rows):
        yield start, min(start + rows, total)
