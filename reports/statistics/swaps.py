"""Swapping the predictions of many pairs of trials at once: one coin per example, shared by pairs.

In: the settings of a baseline's cell and of a system's, on the same examples, and coins. Out: how
far each stays ahead of the best one of the other cell when swapped examples change places: those of
a setting's seeds with those of the other's, seed by seed.

With two labels a score is a function of the true and the false positives, and a pair's are sums
over its two trials: of trial i against trial j, TP = TP_i - X_i + X_j, where X_i counts the swapped
examples of gold 1 that trial i calls 1. So one matrix product of predictions and coins serves all
pairs. It is exact in float32: all sums are below 2^24. The pairs of a block visit few distinct
(TP, FP); each of those is scored once, and looked up.

Accuracy, with any number of labels, is the case in which every gold label is 1 and "called 1" means
"right". Examples on which all trials agree cannot move a difference and take no part.

Shapes: J baseline and I system settings of S seeds, M = (J + I) S trials, N examples, n those that
can move, R coin tosses.
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
COINS: Final = 2**24  # coins at once: fewer tosses of many
LOOKUPS: Final = 2**15  # pairs per array while looking scores up: they stay in the cache
LARGEST_TABLE: Final = 2**22  # the most (TP, FP) that are scored ahead of the look-up


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """J baseline settings (the first rows), I system settings, each paired with the other's best.

    `best` are the best baseline and the best system setting, by place among all J + I. A setting
    has `seeds` rows. `ones` (M, n1) and
    `zeros` (M, n0) say which movable examples of gold 1 and of gold 0 a trial calls 1. `positives`
    (M, 2) are its TP and FP over all examples, `gold` how many of these are of gold 0 and of gold
    1.
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
        """The number n of examples on which some two trials differ."""
        return int(self.ones.shape[1] + self.zeros.shape[1])

    def scores(self, tp: Counts, fp: Counts) -> Values:
        """The metric from true and false positives (...), over all examples."""
        gold = np.array([0, 0, 1, 1])
        negative, false, missed, true = self.metric.counts(gold, np.array([0, 1, 0, 1]), 2)
        constant = self.gold[0] * negative + self.gold[1] * missed
        sums = constant + tp[..., None] * (true - missed) + fp[..., None] * (false - negative)
        return self.metric.scores(sums)[0]


def pair_up(baseline: Candidates, system: Candidates) -> Pairs:
    """Count what each trial calls 1, over two `Candidates` with the same examples in one order.

    Raises:
        UserError: the metric is neither accuracy nor of two labels, or the settings of one side
            have more seeds than those of the other.
    """
    if baseline.seeds != system.seeds:
        raise UserError(
            f"{baseline.cell} has {baseline.seeds} seeds of each setting, {system.cell}"
            f" {system.seeds}: best against best takes as many of both"
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
    """Gold labels (N,) and predictions (M, N) of 0 and 1, small: a large cell has many."""
    sides, gold = (baseline.predicted, system.predicted), baseline.gold
    if baseline.metric.test == "mcnemar":
        return np.ones_like(gold), np.vstack([(side == gold).view(np.int8) for side in sides])
    if baseline.n_classes != 2:
        raise UserError(
            f"{baseline.cell}: best against best takes accuracy, or a metric of two labels, not"
            f" {short_name(baseline.metric.name)} of {baseline.n_classes}"
        )
    return gold, np.vstack([side.astype(np.int8) for side in sides])


def toss(n: int, resamples: int, generator: np.random.Generator) -> Iterator[Floats]:
    """Yield fair coins in blocks (r, n) of 0 and 1; how they are cut does not change them."""
    words = max(1, -(-n // 64))
    rows = max(1, min(TOSSES, COINS // max(1, n)))
    for start in range(0, resamples, rows):
        shape = (min(rows, resamples - start), words)
        drawn = generator.integers(0, 2**64, size=shape, dtype=np.uint64)
        yield np.unpackbits(drawn.view(np.uint8), axis=1)[:, :n].astype(np.float32)


def every_toss(n: int) -> Iterator[Floats]:
    """Yield all 2^n outcomes of n coins in blocks (r, n)."""
    for start in range(0, 2**n, TOSSES):
        number = np.arange(start, min(start + TOSSES, 2**n))[:, None]
        yield (number >> np.arange(n) & 1).astype(np.float32)


def leads(pairs: Pairs, coins: Floats) -> tuple[Values, Values]:
    """Swapped differences: of each system setting from the best baseline one (I, r), and (J, r).

    The second are of each baseline setting from the best system one. All are means over seeds.
    """
    split = pairs.ones.shape[1]
    halves = (pairs.ones @ coins[:, :split].T, pairs.zeros @ coins[:, split:].T)
    moved = np.stack(halves).astype(np.int64)
    kept = pairs.positives.T[:, :, None] - moved
    grid = _Grid.over(pairs, kept, moved)
    found = np.empty((moved.shape[1] // pairs.seeds, moved.shape[2]))
    step = max(1, LOOKUPS // moved.shape[1])
    for start in range(0, len(coins), step):
        part = slice(start, start + step)
        found[:, part] = _ahead(pairs, grid, kept[..., part], moved[..., part])
    return found[pairs.baselines :], found[: pairs.baselines]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Grid:
    """The (TP, FP) that a block visits, numbered in reading order from `low`, `width` to a row."""

    pairs: Pairs
    low: Counts
    width: int
    table: Values | None

    @classmethod
    def over(cls, pairs: Pairs, kept: Counts, moved: Counts) -> "_Grid":
        """Span all sums of a kept (2, M, r) and a moved (2, M, r) count; score them if few."""
        low = kept.min(axis=(1, 2)) + moved.min(axis=(1, 2))
        height, width = (kept.max(axis=(1, 2)) + moved.max(axis=(1, 2)) - low + 1).tolist()
        # The corners of the span may lie beyond what any pair reaches.
        tp = np.minimum(low[0] + np.arange(height), pairs.gold[1])[:, None]
        fp = np.minimum(low[1] + np.arange(width), pairs.gold[0])
        few = height * width <= LARGEST_TABLE
        table = pairs.scores(*np.broadcast_arrays(tp, fp)).ravel() if few else None
        return cls(pairs=pairs, low=low, width=width, table=table)

    def numbers(self, kept: Counts, moved: Counts) -> tuple[Counts, Counts]:
        """Number counts (2, M, r): a kept and a moved one's (M, r) add up to their sum's."""
        above = kept - self.low[:, None, None]
        return above[0] * self.width + above[1], moved[0] * self.width + moved[1]

    def scores(self, number: Counts) -> Values:
        """The scores of such sums (...)."""
        if self.table is not None:
            return self.table.take(number)
        tp, fp = np.divmod(number, self.width)
        return self.pairs.scores(self.low[0] + tp, self.low[1] + fp)


def _ahead(pairs: Pairs, grid: _Grid, kept: Counts, moved: Counts) -> Values:
    """Each setting less the best one of the other cell, (J + I, r)."""
    shape = (-1, pairs.seeds, kept.shape[2])
    stays, goes = (numbers.reshape(shape) for numbers in grid.numbers(kept, moved))
    first, (baseline, system) = pairs.baselines, pairs.best
    found = np.empty((stays.shape[0], stays.shape[2]))
    for rows, other in ((slice(first, None), baseline), (slice(first), system)):
        swapped = grid.scores(goes[rows] + stays[other])
        ahead = grid.scores(stays[rows] + goes[other]) - swapped
        found[rows] = ahead[:, 0] if pairs.seeds == 1 else ahead.mean(axis=1)
    return found
