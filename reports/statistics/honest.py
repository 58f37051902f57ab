"""The honest score: a chosen setting's dev score, corrected for the choice of the best of many.

In: the `Candidates` of a cell. Out: a frozen `HonestScore`.

Shapes: G settings of S seeds each, N examples, B bootstrap samples, K counts of the metric.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reports.statistics.candidates import Candidates
from search_spaces.errors import UserError
from trainers.records.metrics import DECIMALS, Counts, Values

BLOCK: Final = 2**22  # numbers per array while resampling


@dataclass(frozen=True, kw_only=True)
class HonestScore:
    """The best setting's score as observed (`naive`) and bias-corrected (`honest`).

    `resamples` counts the bootstrap samples that leave at least one example out.
    """

    naive: float
    honest: float
    resamples: int
    seed: int

    @property
    def optimism(self) -> float:
        """The bias from choosing the best setting; sampling noise can make it negative."""
        return self.naive - self.honest


def honest_score(cell: Candidates, *, resamples: int = 1000, seed: int = 12345) -> HonestScore:
    """Compute the bootstrap bias-corrected score (BBC-CV, Tsamardinos et al. 2018).

    For each bootstrap sample of the examples, the setting with the highest mean over seeds is
    chosen again (the first one if tied) and scored on the examples left out. The honest score is
    the mean of these scores (doi:10.1007/s10994-018-5714-4). A sample that leaves no example out is
    discarded.

    Caveats. Use only the point estimate and the optimism; the spread of the samples is not a
    confidence interval. Each sample chooses on about 63 % of the examples, so with few examples the
    estimate is too low. It corrects for the choice among these trials, not for choosing an epoch on
    the same split, nor for designing the grid with this split. It holds for a finished grid or
    random draws, not for pruned or adaptive searches.

    Raises:
        UserError: the search is adaptive, pruned or unfinished, or no sample leaves an example out.
        ValueError: resamples < 1.
    """
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, got {resamples}")
    cell.design.require_fair(cell.cell, "the honest score")
    generator = np.random.default_rng(seed)
    samples = _bootstrap_counts(len(cell.ids), resamples, generator)
    scores = np.concatenate([_rescore(cell, counts) for counts in samples])
    if not scores.size:
        raise UserError(f"{cell.cell}: too few examples: no bootstrap sample leaves one out")
    naive = float(cell.scores.values[cell.best])
    return HonestScore(naive=naive, honest=float(scores.mean()), resamples=scores.size, seed=seed)


def _bootstrap_counts(n: int, resamples: int, generator: np.random.Generator) -> Iterator[Counts]:
    """Yield how often each bootstrap sample contains each example, in blocks (b, N)."""
    rows = max(1, BLOCK // n)
    for start in range(0, resamples, rows):
        indices = generator.integers(0, n, size=(min(rows, resamples - start), n))
        yield np.stack([np.bincount(row, minlength=n) for row in indices])


def _rescore(cell: Candidates, counts: Counts) -> Values:
    """Choose a setting on each sample (b, N), and score it on the examples left out, if any."""
    counts = counts[(counts == 0).any(axis=1)]
    inside = _weighted_scores(cell, counts.astype(np.float32))
    outside = _weighted_scores(cell, (counts == 0).astype(np.float32))
    return np.asarray(outside[np.arange(len(counts)), inside.round(DECIMALS).argmax(axis=1)])


def _weighted_scores(cell: Candidates, weights: NDArray[np.float32]) -> Values:
    """Score every setting on examples weighted by `weights` (b, N); the result is (b, G).

    The matrix product is exact in float32: every sum is a count below 2^24.
    """
    k = cell.metric.counts(cell.gold[:1], cell.gold[:1], cell.n_classes).shape[1]
    block_rows = max(1, BLOCK // (len(cell.ids) * k))
    blocks = []
    for start in range(0, len(cell.trials), block_rows):
        rows = cell.predicted[start : start + block_rows]
        counts = [cell.metric.counts(cell.gold, row, cell.n_classes) for row in rows]
        sums = weights @ np.concatenate(counts, axis=1).astype(np.float32)
        shaped = sums.astype(np.int64).reshape(len(weights), len(rows), k)
        blocks.append(cell.metric.scores(shaped)[0])
    trial_scores = np.concatenate(blocks, axis=1)
    return np.asarray(trial_scores.reshape(len(weights), cell.settings, cell.seeds).mean(axis=2))
