"""The expected best of n settings of every method, with its band: numbers of a budget picture.

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
    """Of one method: `expected`, `low` and `high` at budgets `n`, all of shape (B,)."""

    method: str
    n: Labels
    expected: Values
    low: Values
    high: Values


@dataclass(frozen=True, kw_only=True, eq=False)
class BudgetPicture:
    """All methods of one task and encoder; `refused` says of which there is no curve, and why."""

    task: str
    encoder: str
    metric: str
    split: str
    level: float
    curves: tuple[BudgetCurve, ...]
    refused: tuple[str, ...]

    @property
    def banded(self) -> tuple[str, ...]:
        """The methods whose bands are drawn: the first, which is the baseline, and the best other.

        More than two bands that overlap cannot be told apart.
        """
        first, *others = [curve.method for curve in self.curves] or [""]
        ends = {curve.method: float(curve.expected[-1]) for curve in self.curves}
        return (first, *sorted(others, key=lambda method: -ends[method])[:1])


def budget_picture(of: Sequence[Landscape], cells: Sequence[CellResult]) -> BudgetPicture:
    """Draw up the curves of the methods of one task and encoder.

    `reports.statistics.budget` has the caveats.
    """
    curves, refused = [], []
    for landscape, cell in zip(of, cells, strict=True):
        try:
            curves.append(_curve(landscape, cell.design))
        except UserError as error:
            refused.append(str(error))
    first = of[0]
    return BudgetPicture(
        task=first.task,
        encoder=first.encoder,
        metric=first.metric,
        split=first.split,
        level=LEVEL,
        curves=tuple(curves),
        refused=tuple(refused),
    )


def _curve(of: Landscape, design: Design) -> BudgetCurve:
    scores = Scores(cell=of.title, values=of.comparable, design=design)
    expected = expected_best(scores)
    low, high = expected_best_band(scores, get_metric(of.metric).lowest)
    rows = _thinned(scores.budget)
    return BudgetCurve(
        method=of.method, n=rows + 1, expected=expected[rows], low=low[rows], high=high[rows]
    )


def _thinned(budget: int) -> Labels:
    """Choose rows of 0 .. budget - 1: all, or denser at small budgets with both ends among them."""
    if budget <= MOST_POINTS:
        return np.arange(budget)
    steps = np.geomspace(1, budget, MOST_POINTS)
    return np.unique(np.rint(steps).astype(np.int64)) - 1
