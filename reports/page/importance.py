"""How much of the spread of a cell's scores each axis explains.

In: a `Landscape`. Out: a frozen `Importance`, with the evaluator named, or the reason for none.

On a full grid the decomposition of the variance is exact and needs no model (functional ANOVA:
Sobol 2001, doi:10.1016/S0378-4754(00)00270-6; Hutter et al. 2014 for settings). Elsewhere a forest
fills the gaps (`fanova.py`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.page.fanova import fanova
from reports.page.landscape import Landscape
from search_spaces.errors import UserError
from trainers.records.metrics import Values

EXACT: Final = "exact ANOVA of the full grid"
FEWEST: Final = 4  # finished trials without which a share means nothing


@dataclass(frozen=True, kw_only=True)
class Share:
    """An axis's share of the variance: `alone`, and with all `interactions` it takes part in.

    `together` is None where the evaluator does not give it.
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


def importance(of: Landscape) -> Importance:
    """Decompose the variance of a cell's scores.

    Caveats. These are shares of the spread over this grid: an axis with two close values looks
    unimportant. Seeds count as an axis, so their share is that of chance.

    Raises:
        UserError: fewer than two axes vary, too few trials are finished, or all scores are equal.
    """
    if len(of.axes) < 2:
        what = f"only {of.axes[0].name}" if of.axes else "nothing"
        raise UserError(f"{of.title}: {what} varies, and importance compares settings")
    if len(of.trials) < FEWEST and not of.is_full_grid:
        raise UserError(f"{of.title}: {len(of.trials)} finished trials are too few")
    spread = float(of.scores.std())
    if np.ptp(of.scores) == 0:
        raise UserError(f"{of.title}: all scores are equal")
    if of.is_full_grid:
        evaluator, shares = EXACT, anova(of)
    else:
        evaluator, alone = fanova(of)
        shares = [Share(axis=name, alone=share, together=None) for name, share in alone.items()]
    ordered = sorted(shares, key=lambda share: -share.alone)
    return Importance(evaluator=evaluator, shares=tuple(ordered), spread=spread)


def anova(of: Landscape) -> list[Share]:
    """Return each axis's first-order and total Sobol index over a full grid, all values weighed 1.

    Alone: Var(E[score | axis]) / Var(score). Together: 1 - Var(E[score | all others]) / Var(score).
    """
    grid: Values = np.empty([len(axis.values) for axis in of.axes])
    grid[tuple(of.places.T)] = of.scores
    whole, found = grid.var(), []
    for column, axis in enumerate(of.axes):
        others = tuple(other for other in range(grid.ndim) if other != column)
        alone = grid.mean(axis=others).var() / whole
        together = 1 - grid.mean(axis=column).var() / whole
        found.append(Share(axis=axis.name, alone=float(alone), together=float(together)))
    return found
