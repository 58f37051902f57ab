"""How much of the variance of a cell's scores each axis explains.

In: a `Landscape`. Out: a frozen `Importance` that names its evaluator.

On a full grid the decomposition of the variance is exact and needs no model (functional ANOVA:
Sobol 2001, doi:10.1016/S0378-4754(00)00270-6; for hyperparameters Hutter et al. 2014). On an
incomplete grid a random forest fills the gaps (`fanova.py`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.page.fanova import fanova
from reports.page.landscape import Landscape
from search_spaces.errors import UserError
from trainers.records.metrics import Values

EXACT: Final = "exact ANOVA of the full grid"
FEWEST: Final = 4  # with fewer finished trials, shares are meaningless


@dataclass(frozen=True, kw_only=True)
class Share:
    """An axis's share of the variance: `alone`, and `together` with all its interactions.

    `together` is None if the evaluator does not compute it.
    """

    axis: str
    alone: float
    together: float | None


@dataclass(frozen=True, kw_only=True)
class Importance:
    """Shares by axis, the largest first, and `spread`, the standard deviation of the scores."""

    evaluator: str
    shares: tuple[Share, ...]
    spread: float


def compute_importance(landscape: Landscape) -> Importance:
    """Decompose the variance of a cell's scores.

    Caveats. The shares depend on the grid: an axis with two close values looks unimportant. Seeds
    count as an axis, whose share is that of chance.

    Raises:
        UserError: fewer than two axes vary, too few trials are finished, or all scores are equal.
    """
    if len(landscape.axes) < 2:
        what = f"only {landscape.axes[0].name}" if landscape.axes else "nothing"
        raise UserError(f"{landscape.title}: {what} varies; importance needs two axes that vary")
    if len(landscape.trials) < FEWEST and not landscape.is_full_grid:
        raise UserError(
            f"{landscape.title}: expected at least {FEWEST} finished trials, got"
            f" {len(landscape.trials)}"
        )
    spread = float(landscape.scores.std())
    if np.ptp(landscape.scores) == 0:
        raise UserError(f"{landscape.title}: all scores are equal")
    if landscape.is_full_grid:
        evaluator, shares = EXACT, anova(landscape)
    else:
        evaluator, alone = fanova(landscape)
        shares = [Share(axis=name, alone=share, together=None) for name, share in alone.items()]
    ordered = sorted(shares, key=lambda share: -share.alone)
    return Importance(evaluator=evaluator, shares=tuple(ordered), spread=spread)


def anova(landscape: Landscape) -> list[Share]:
    """Return each axis's first-order and total Sobol index over a full grid with equal weights.

    Alone: Var(E[score | axis]) / Var(score). Together: 1 - Var(E[score | all others]) / Var(score).
    """
    grid: Values = np.empty([len(axis.values) for axis in landscape.axes])
    grid[tuple(landscape.value_indices.T)] = landscape.scores
    whole, found = grid.var(), []
    for column, axis in enumerate(landscape.axes):
        others = tuple(other for other in range(grid.ndim) if other != column)
        alone = grid.mean(axis=others).var() / whole
        together = 1 - grid.mean(axis=column).var() / whole
        found.append(Share(axis=axis.name, alone=float(alone), together=float(together)))
    return found
