"""The honest score of a chosen trial: what choosing the best of many adds to a dev score.

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
    """The best trial's score as it stands, bias-corrected, and the `optimism` between the two.

    `resamples` counts the bootstrap samples that left some example out; `seed` drew them.
    """

    naive: float
    honest: float
    resamples: int
    seed: int

    @property
    def optimism(self) -> float:
        """How much the choice flatters the score; sampling noise can push it below 0."""
        return self.naive - self.honest


def honest_score(cell: Candidates, *, resamples: int = 1000, seed: int = 12345) -> HonestScore:
    """Bootstrap bias-corrected score, as in the BBC-CV of Tsamardinos et al. 2018.

    On each bootstrap sample of the examples the best setting is chosen again, by its mean over
    seeds (the earlier one wins a tie), and scored on the examples left out; the honest score is the
    mean of those scores (doi:10.1007/s10994-018-5714-4). A sample that leaves nothing out counts
    for nothing.

    Caveats. Only the point estimate and the optimism are meant to be used, not an interval from the
    samples' spread. Each sample chooses on some 63 % of the examples, so with few examples it errs
    on the low side. It corrects for the choice among these trials, not for the choice of an epoch
    on the same split, nor for the grid having been set up with this split in sight. It holds for
    a finished grid or random draws, not for pruned or adaptive searches.

    Raises:
        UserError: the search is adaptive, pruned or unfinished, or no sample leaves an example out.
        ValueError: resamples < 1.
    """
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, got {resamples}")
    cell.design.require_fair(cell.cell, "the honest score")
    generator = np.random.default_rng(seed)
    found = [_rescore(cell, drawn) for drawn in _draws(len(cell.ids), resamples, generator)]
    scores = np.concatenate(found)
    if not scores.size:
        raise UserError(f"{cell.cell}: too few examples to leave one out of a bootstrap sample")
    naive = float(cell.scores.values[cell.best])
    return HonestScore(naive=naive, honest=float(scores.mean()), resamples=scores.size, seed=seed)


def _draws(n: int, resamples: int, generator: np.random.Generator) -> Iterator[Counts]:
    """Yield how often each bootstrap sample draws each example, in blocks (b, N)."""
    rows = max(1, BLOCK // n)
    for start in range(0, resamples, rows):
        drawn = generator.integers(0, n, size=(min(rows, resamples - start), n))
        yield np.stack([np.bincount(row, minlength=n) for row in drawn])


def _rescore(cell: Candidates, drawn: Counts) -> Values:
    """Choose on each sample (b, N) and score on what it leaves out, unless that is nothing."""
    drawn = drawn[(drawn == 0).any(axis=1)]
    inside = _scores(cell, drawn.astype(np.float32))
    outside = _scores(cell, (drawn == 0).astype(np.float32))
    return np.asarray(outside[np.arange(len(drawn)), inside.round(DECIMALS).argmax(axis=1)])


def _scores(cell: Candidates, weights: NDArray[np.float32]) -> Values:
    """Score every setting on examples taken `weights` (b, N) times each: (b, G).

    A matrix product in float32 is exact: every sum is a count below 2^24.
    """
    k = cell.metric.counts(cell.gold[:1], cell.gold[:1], cell.n_classes).shape[1]
    at_once = max(1, BLOCK // (len(cell.ids) * k))
    found = []
    for start in range(0, len(cell.trials), at_once):
        rows = cell.predicted[start : start + at_once]
        counts = [cell.metric.counts(cell.gold, row, cell.n_classes) for row in rows]
        sums = weights @ np.concatenate(counts, axis=1).astype(np.float32)
        shaped = sums.astype(np.int64).reshape(len(weights), len(rows), k)
        found.append(cell.metric.scores(shaped)[0])
    of_trials = np.concatenate(found, axis=1)
    return np.asarray(of_trials.reshape(len(weights), cell.settings, cell.seeds).mean(axis=2))
