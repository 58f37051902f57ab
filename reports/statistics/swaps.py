"""Swap the predictions of many pairs of trials at once, with one coin per example for all pairs.

In: the settings of a baseline's cell and of a system's cell, on the same examples, and coins. Out:
the lead of each setting over the best setting of the other cell after their predictions on the
chosen examples are swapped, seed by seed.

With two labels a score is a function of the true and false positives. After the swap of trial i
with trial j, TP = TP_i - X_i + X_j, where X_i counts the swapped examples with gold label 1 that
trial i predicts as 1. So one matrix product of predictions and coins serves all pairs. It is exact
in float32, since all sums are below 2^24. The pairs of a block take few distinct values of (TP,
FP); each is scored once and then looked up.

Accuracy, with any number of labels, is the special case in which every gold label is 1 and a
prediction is 1 if it is correct. Examples on which all trials agree cannot change a difference and
are left out.

Shapes: J baseline and I system settings with S seeds, M = (J + I) S trials, N examples, n examples
on which trials differ, R coin tosses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reports.statistics.candidates import Candidates
from search_spaces.errors import UserError
from trainers.records.metrics import Counts, Labels, Metric, Values, short_name

Floats = NDArray[np.float32]
TOSSES: Final = 1024  # coin tosses per matrix product
COINS: Final = 2**24  # coins per array: with many examples fewer tosses
LOOKUPS: Final = 2**15  # pairs per array while looking scores up: they stay in the cache
LARGEST_TABLE: Final = 2**22  # the most (TP, FP) that are scored in advance


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """J baseline settings (the first rows) and I system settings, paired with the other's best.

    `best` are the indices of the best baseline and the best system setting among all J + I. A
    setting has `seeds` rows. `ones` (M, n1) and `zeros` (M, n0) are each trial's predictions of
    label 1 on the movable examples with gold label 1 and 0. `positives` (M, 2) are its TP and FP
    over all examples, `gold` the numbers of examples with gold label 0 and 1.
    """

    metric: Metric
    baselines: int
    seeds: int
    best: tuple[int, int]
    ones: Floats
    zeros: Floats
    positives: Counts
    gold: tuple[int, int]

    @property
    def movable(self) -> int:
        """The number n of examples on which trials differ."""
        return int(self.ones.shape[1] + self.zeros.shape[1])

    def scores(self, tp: Counts, fp: Counts) -> Values:
        """Return the metric for true and false positives (...) over all examples."""
        gold = np.array([0, 0, 1, 1])
        negative, false, missed, true = self.metric.counts(gold, np.array([0, 1, 0, 1]), 2)
        constant = self.gold[0] * negative + self.gold[1] * missed
        sums = constant + tp[..., None] * (true - missed) + fp[..., None] * (false - negative)
        return self.metric.scores(sums)[0]


def pair_up(baseline: Candidates, system: Candidates) -> Pairs:
    """Collect the predictions of label 1 of two `Candidates` that are aligned by example.

    Raises:
        UserError: the metric is not accuracy and there are more than two labels, or the two sides
            have different numbers of seeds per setting.
    """
    if baseline.seeds != system.seeds:
        raise UserError(
            f"{baseline.cell} has {baseline.seeds} seeds of each setting, {system.cell}"
            f" {system.seeds}: best against best needs equally many"
        )
    gold, predicted = _as_binary(baseline, system)
    moves = (predicted != predicted[0]).any(axis=0)
    by_gold = [predicted[:, gold == label] for label in (1, 0)]
    return Pairs(
        metric=baseline.metric,
        baselines=baseline.settings,
        seeds=baseline.seeds,
        best=(baseline.best, baseline.settings + system.best),
        ones=predicted[:, moves & (gold == 1)].astype(np.float32),
        zeros=predicted[:, moves & (gold == 0)].astype(np.float32),
        positives=np.stack([part.sum(axis=1) for part in by_gold], axis=1),
        gold=(by_gold[1].shape[1], by_gold[0].shape[1]),
    )


def _as_binary(baseline: Candidates, system: Candidates) -> tuple[Labels, NDArray[np.int8]]:
    """Return gold labels (N,) and predictions (M, N) of 0 and 1, in bytes to save memory."""
    sides, gold = (baseline.predicted, system.predicted), baseline.gold
    if baseline.metric.test == "mcnemar":
        return np.ones_like(gold), np.vstack([(side == gold).view(np.int8) for side in sides])
    if baseline.n_classes != 2:
        raise UserError(
            f"{baseline.cell}: best against best supports accuracy, and other metrics with two"
            f" labels, not {short_name(baseline.metric.name)} with {baseline.n_classes}"
        )
    return gold, np.vstack([side.astype(np.int8) for side in sides])


def toss_coins(n: int, resamples: int, generator: np.random.Generator) -> Iterator[Floats]:
    """Yield fair coins in blocks (r, n) of 0 and 1; the block size does not affect them."""
    words = max(1, -(-n // 64))
    rows = max(1, min(TOSSES, COINS // max(1, n)))
    for start in range(0, resamples, rows):
        shape = (min(rows, resamples - start), words)
        bits = generator.integers(0, 2**64, size=shape, dtype=np.uint64)
        yield np.unpackbits(bits.view(np.uint8), axis=1)[:, :n].astype(np.float32)


def enumerate_tosses(n: int) -> Iterator[Floats]:
    """Yield all 2^n outcomes of n coins in blocks (r, n)."""
    for start in range(0, 2**n, TOSSES):
        number = np.arange(start, min(start + TOSSES, 2**n))[:, None]
        yield (number >> np.arange(n) & 1).astype(np.float32)


def swapped_leads(pairs: Pairs, coins: Floats) -> tuple[Values, Values]:
    """Return the leads after swapping, means over seeds.

    The first are those of each system setting over the best baseline setting (I, r), the second
    those of each baseline setting over the best system setting (J, r).
    """
    split = pairs.ones.shape[1]
    halves = (pairs.ones @ coins[:, :split].T, pairs.zeros @ coins[:, split:].T)
    given = np.stack(halves).astype(np.int64)
    kept = pairs.positives.T[:, :, None] - given
    grid = _Grid.over(pairs, kept, given)
    leads = np.empty((given.shape[1] // pairs.seeds, given.shape[2]))
    step = max(1, LOOKUPS // given.shape[1])
    for start in range(0, len(coins), step):
        part = slice(start, start + step)
        leads[:, part] = _leads(pairs, grid, kept[..., part], given[..., part])
    return leads[pairs.baselines :], leads[: pairs.baselines]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Grid:
    """The range of (TP, FP) in a block, numbered row by row from `low`, with `width` per row.

    A trial's positives are split into those `kept` and those `given` to its partner by the swap.
    `table` has the score of every number, or is None if there are too many.
    """

    pairs: Pairs
    low: Counts
    width: int
    table: Values | None

    @classmethod
    def over(cls, pairs: Pairs, kept: Counts, given: Counts) -> "_Grid":
        """Span all sums of `kept` and `given` counts (2, M, r)."""
        low = kept.min(axis=(1, 2)) + given.min(axis=(1, 2))
        height, width = (kept.max(axis=(1, 2)) + given.max(axis=(1, 2)) - low + 1).tolist()
        # The corners of the range may lie beyond what any pair reaches.
        tp = np.minimum(low[0] + np.arange(height), pairs.gold[1])[:, None]
        fp = np.minimum(low[1] + np.arange(width), pairs.gold[0])
        few = height * width <= LARGEST_TABLE
        table = pairs.scores(*np.broadcast_arrays(tp, fp)).ravel() if few else None
        return cls(pairs=pairs, low=low, width=width, table=table)

    def numbers(self, kept: Counts, given: Counts) -> tuple[Counts, Counts]:
        """Number counts (2, M, r); the numbers (M, r) of two summands add up to their sum's."""
        above = kept - self.low[:, None, None]
        return above[0] * self.width + above[1], given[0] * self.width + given[1]

    def scores(self, number: Counts) -> Values:
        """Return the scores of numbers (...)."""
        if self.table is not None:
            return self.table.take(number)
        tp, fp = np.divmod(number, self.width)
        return self.pairs.scores(self.low[0] + tp, self.low[1] + fp)


def _leads(pairs: Pairs, grid: _Grid, kept: Counts, given: Counts) -> Values:
    """Return each setting's swapped score minus that of the other cell's best, (J + I, r)."""
    shape = (-1, pairs.seeds, kept.shape[2])
    kept_number, given_number = (part.reshape(shape) for part in grid.numbers(kept, given))
    first, (baseline, system) = pairs.baselines, pairs.best
    leads = np.empty((kept_number.shape[0], kept_number.shape[2]))
    for rows, other in ((slice(first, None), baseline), (slice(first), system)):
        other_scores = grid.scores(given_number[rows] + kept_number[other])
        lead = grid.scores(kept_number[rows] + given_number[other]) - other_scores
        leads[rows] = lead[:, 0] if pairs.seeds == 1 else lead.mean(axis=1)
    return leads
