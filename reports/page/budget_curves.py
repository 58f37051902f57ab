"""Budget curves: the expected best of n settings of every method, with a confidence band.

In: the `Landscape`s of one task and encoder, and their cells. Out: a frozen `BudgetPicture`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.page.landscape import Landscape
from reports.results.cells import CellResult
from reports.statistics.budget import LEVEL, expected_best, expected_best_band
from reports.statistics.candidates import Scores
from reports.statistics.design import Design
from search_spaces.errors import UserError
from trainers.records.metrics import Labels, Values, get_metric

MOST_POINTS: Final = 60


@dataclass(frozen=True, kw_only=True, eq=False)
class BudgetCurve:
    """The curve of one method: `expected`, `low` and `high` at budgets `n`, each (B,)."""

    method: str
    n: Labels
    expected: Values
    low: Values
    high: Values


@dataclass(frozen=True, kw_only=True, eq=False)
class BudgetPicture:
    """The curves of one task and encoder; `refused` has the reasons for missing curves."""

    task: str
    encoder: str
    metric: str
    split: str
    level: float
    curves: tuple[BudgetCurve, ...]
    refused: tuple[str, ...]

    @property
    def banded(self) -> tuple[str, ...]:
        """The methods whose bands are drawn: the first (the baseline) and the best other method.

        More than two overlapping bands are hard to tell apart.
        """
        first, *others = [curve.method for curve in self.curves] or [""]
        ends = {curve.method: float(curve.expected[-1]) for curve in self.curves}
        return (first, *sorted(others, key=lambda method: -ends[method])[:1])


def build_budget_picture(
    landscapes: Sequence[Landscape], cells: Sequence[CellResult]
) -> BudgetPicture:
    """Compute the curves of all methods on one task with one encoder.

    See `reports.statistics.budget` for the caveats.
    """
    curves, refused = [], []
    for landscape, cell in zip(landscapes, cells, strict=True):
        try:
            curves.append(_curve(landscape, cell.design))
        except UserError as error:
            refused.append(str(error))
    first = landscapes[0]
    return BudgetPicture(
        task=first.task,
        encoder=first.encoder,
        metric=first.metric,
        split=first.split,
        level=LEVEL,
        curves=tuple(curves),
        refused=tuple(refused),
    )


def _curve(landscape: Landscape, design: Design) -> BudgetCurve:
    scores = Scores(cell=landscape.title, values=landscape.comparable, design=design)
    expected = expected_best(scores)
    low, high = expected_best_band(scores, get_metric(landscape.metric).lowest)
    rows = _thinned(scores.budget)
    return BudgetCurve(
        method=landscape.method, n=rows + 1, expected=expected[rows], low=low[rows], high=high[rows]
    )


def _thinned(budget: int) -> Labels:
    """Choose rows of 0 .. budget - 1: all, or log-spaced ones that include both ends."""
    if budget <= MOST_POINTS:
        return np.arange(budget)
    steps = np.geomspace(1, budget, MOST_POINTS)
    return np.unique(np.rint(steps).astype(np.int64)) - 1
