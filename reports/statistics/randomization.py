"""Fisher's randomization test on counts: the null distribution of a score difference.

In: a metric (`trainers.records.metrics.Metric`) and the labels that two systems predict for the
same examples. Out: the two-sided p-value, exact where that is cheap, otherwise by Monte Carlo.

Under the null the two predictions on an example are exchangeable. Only examples on which a swap
changes the metric's counts matter. Examples on which it changes them in the same way form a
category: the number of swaps among its n examples is Bin(n, 1/2), so that single examples need not
be simulated.

Shapes: K counts of the metric, M categories, B outcomes per block.
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
# The most numbers that enumeration may compute, at 20 ns each. With 150 classes an outcome takes
# 472 numbers: five million outcomes would take 10 s, where sampling takes 0.1 s.
MAX_NUMBERS: Final = 2**26
BLOCK: Final = 2**16  # numbers per array while enumerating or sampling: they stay in the cache
LEAST_ROWS: Final = 128  # outcomes per array: fewer would not be worth a matrix product


@dataclass(frozen=True, kw_only=True, eq=False)
class Swaps:
    """All outcomes of swapping: the system's sums are `start + k @ step`, 0 <= k <= size.

    The baseline's sums are `total` minus those. `step` (M, K) is the change in the system's sums
    when an example of the category gives it the first of the two predictions instead of the second;
    the first is the correct one if either is correct.
    """

    metric: Metric
    start: Counts
    total: Counts
    step: Counts
    size: Counts

    @property
    def discordant(self) -> int:
        """The number of examples on which a swap changes the counts."""
        return int(self.size.sum())

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of outcomes of each category; the product is the total number."""
        return tuple(int(n) + 1 for n in self.size)

    @property
    def width(self) -> int:
        """How many numbers an outcome consists of: its category counts and its sums."""
        return len(self.size) + len(self.start)

    @cached_property
    def _step(self) -> NDArray[np.floating]:
        """`step` as floats for BLAS; exact, as float32 represents all integers up to 2^24."""
        return self.step.astype(np.float32 if self.total.max() < 2**24 else np.float64)

    def deltas(self, k: NDArray[np.integer]) -> Values:
        """Return the system's score minus the baseline's, (B,), for outcomes k (B, M)."""
        change = k.astype(self._step.dtype) @ self._step
        system = self.start + change.astype(np.int64)
        values, _ = self.metric.scores(np.stack([system, self.total - system]))
        return np.asarray(values[0] - values[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Observed:
    """The observed scores and `undefined` flags (2,) of baseline and system, and their swaps."""

    scores: Values
    undefined: Flags
    swaps: Swaps

    @property
    def threshold(self) -> float:
        """The smallest |difference| that counts as at least as extreme as the observed one."""
        return float(abs(self.scores[1] - self.scores[0])) - TIE


def observe(
    metric: Metric, gold: Labels, baseline: Labels, system: Labels, n_classes: int
) -> Observed:
    """Score both systems (labels (N,)) and group their discordant examples into categories."""
    sums = np.stack([sum_counts(metric, gold, labels, n_classes) for labels in (baseline, system)])
    scores, undefined = metric.scores(sums)
    step, size, held = _categories(metric, gold, baseline, system, n_classes)
    swaps = Swaps(
        metric=metric, start=sums[1] - held @ step, total=sums.sum(axis=0), step=step, size=size
    )
    return Observed(scores=scores, undefined=undefined, swaps=swaps)


def _categories(
    metric: Metric, gold: Labels, baseline: Labels, system: Labels, n_classes: int
) -> tuple[Counts, Counts, Counts]:
    """Return step (M, K), size (M,) and how often the system has the first prediction (M,)."""
    g, b, s, weight = _discordant_triples(gold, baseline, system, n_classes)
    first = np.where(b == g, b, np.where(s == g, s, np.maximum(b, s)))
    steps = metric.counts(g, first, n_classes) - metric.counts(g, b + s - first, n_classes)
    step, member = np.unique(steps, axis=0, return_inverse=True)
    size = np.bincount(member.ravel(), weight, minlength=len(step)).astype(np.int64)
    held = np.bincount(member.ravel(), weight * (s == first), minlength=len(step)).astype(np.int64)
    moves = step.any(axis=1)
    return step[moves], size[moves], held[moves]


def _discordant_triples(
    gold: Labels, baseline: Labels, system: Labels, n_classes: int
) -> tuple[Labels, Labels, Labels, Counts]:
    """Return the distinct (gold, baseline, system) triples of discordant examples, with counts."""
    index = np.flatnonzero(baseline != system)
    codes = (gold[index] * n_classes + baseline[index]) * n_classes + system[index]
    code, weight = np.unique(codes, return_counts=True)
    pair = code // n_classes
    return pair // n_classes, pair % n_classes, code % n_classes, weight


def binomial(n: int) -> Values:
    """Return the probabilities of Bin(n, 1/2), shape (n + 1,).

    Ratios of neighbours are multiplied from the middle outwards, so that nothing overflows and the
    tails keep their relative precision down to 1e-308, below which they become 0.
    """
    middle = n // 2
    k = np.arange(middle + 1, n + 1)
    falling = np.cumprod((n - k + 1) / k)
    rising = falling[n - 2 * middle :][::-1]
    weights = np.concatenate([rising, [1.0], falling])
    return np.asarray(weights / weights.sum())


def is_exact(swaps: Swaps, n_classes: int) -> bool:
    """Return whether the p-value is summed over all outcomes rather than sampled."""
    return _is_grid(swaps, n_classes) or can_enumerate(swaps)


def can_enumerate(swaps: Swaps) -> bool:
    """Return whether all outcomes can be enumerated in about a second."""
    number = prod(swaps.shape)
    return number <= MAX_EXACT and number * swaps.width <= MAX_NUMBERS


def exact_p(observed: Observed, n_classes: int) -> float:
    """Sum the probability of every outcome at least as far from 0 as the observed one."""
    if observed.threshold <= 0:
        return 1.0
    grid = _is_grid(observed.swaps, n_classes)
    tail = _grid_tail(observed) if grid else _enumerated_tail(observed)
    # Exchanging the systems maps each outcome to one of equal probability and opposite sign.
    return float(min(1.0, max(2 * tail, np.finfo(np.float64).tiny)))


def _is_grid(swaps: Swaps, n_classes: int) -> bool:
    """Return whether there are two categories, and the difference increases with both counts.

    With two classes there is one category per gold label.
    """
    return swaps.metric.is_monotone and n_classes == 2 and len(swaps.size) == 2


def _grid_tail(observed: Observed) -> float:
    """Return P(delta >= threshold) over a grid of two categories.

    For each count in the smaller category, bisection finds the smallest count in the larger one
    that reaches the threshold: O(n log m) scores instead of n m.
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
    """Return P(|delta| >= threshold) / 2 over all outcomes.

    With outcomes numbered in mixed radix from 0 to L, the mirror image of outcome i is L - i, so
    the first half is enough; an outcome in the middle is its own mirror image and has delta 0.
    """
    blocks = enumerate_outcomes(observed.swaps, prod(observed.swaps.shape) // 2)
    extreme = (chance[np.abs(delta) >= observed.threshold] for delta, chance in blocks)
    return float(sum(chance.sum() for chance in extreme))


def enumerate_outcomes(swaps: Swaps, stop: int) -> Iterator[tuple[Values, Values]]:
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

    Bin(n, 1/2) is the number of ones among n random bits: one 64-bit word serves 64 examples.
    """
    split = _split_categories(swaps)
    masks = np.uint64(2**64 - 1) >> (64 - split.size).astype(np.uint64)
    for start, stop in _blocks(resamples, split.width):
        shape = (stop - start, len(masks))
        words = generator.integers(0, 2**64, size=shape, dtype=np.uint64)
        yield split.deltas(np.bitwise_count(words & masks))


def _split_categories(swaps: Swaps) -> Swaps:
    """Split categories into parts of at most 64 examples."""
    parts = -(-swaps.size // 64)
    size = np.full(parts.sum(), 64)
    size[np.cumsum(parts) - 1] = swaps.size - 64 * (parts - 1)
    return replace(swaps, step=np.repeat(swaps.step, parts, axis=0), size=size)


def sampled_p(observed: Observed, resamples: int, generator: np.random.Generator) -> float:
    """Return (1 + count) / (1 + resamples) over random outcomes."""
    blocks = sampled_deltas(observed.swaps, resamples, generator)
    count = sum(int((np.abs(delta) >= observed.threshold).sum()) for delta in blocks)
    return (1 + count) / (1 + resamples)


def _blocks(total: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of rows into which `total` rows of `width` numbers are split."""
    rows = max(LEAST_ROWS, BLOCK // width)
    for start in range(0, total, rows):
        yield start, min(start + rows, total)
