"""Scores over two axes, in panels and pages: the numbers of a heatmap.

In: a `Landscape`. Out: a frozen `Heatmap`, or None where nothing varies.

Shapes: P pages, T panels, Y rows, X columns.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.page.landscape import Axis, Landscape
from trainers.records.metrics import Labels, Values

# The paper's axes in the places where a reader looks for them; others fill what stays free.
ROLES: Final = ("epsilon", "lambda", "tau", "lr")
NEVER_SHOWN: Final = "seed"


@dataclass(frozen=True, kw_only=True, eq=False)
class Heatmap:
    """Mean scores (P, T, Y, X), NaN where no trial is, and how many trials each is the mean of.

    `x`, `y`, `panel` and `page` are None where the cell has no axis left for them; `averaged` names
    the axes that each number is a mean over, the seeds among them.
    """

    of: Landscape
    x: Axis
    y: Axis | None
    panel: Axis | None
    page: Axis | None
    averaged: tuple[str, ...]
    scores: Values
    counts: Labels


def heatmap(of: Landscape) -> Heatmap | None:
    """Put epsilon on x, lambda on y, tau on panels and lr on pages, as far as they vary.

    A free place goes to the next axis that varies; axes beyond four, and seeds, are averaged.
    """
    chosen = _roles([axis.name for axis in of.axes])
    if chosen[0] is None:
        return None
    columns = {axis.name: column for column, axis in enumerate(of.axes)}
    roles = [of.axes[columns[name]] if name else None for name in chosen]
    shape = tuple(len(axis.values) if axis else 1 for axis in reversed(roles))
    index = tuple(
        of.places[:, columns[name]] if name else np.zeros(len(of.trials), dtype=np.int64)
        for name in reversed(chosen)
    )
    sums, counts = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    np.add.at(sums, index, of.scores)
    np.add.at(counts, index, 1)
    scores = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    x, y, panel, page = roles
    assert x is not None
    averaged = tuple(name for name in columns if name not in chosen)
    return Heatmap(
        of=of, x=x, y=y, panel=panel, page=page, averaged=averaged, scores=scores, counts=counts
    )


def _roles(names: list[str]) -> list[str | None]:
    """Return the axes of x, y, panels and pages; x and y are filled before the others."""
    roles: list[str | None] = [name if name in names else None for name in ROLES]
    free = [name for name in names if name not in roles and name != NEVER_SHOWN]
    for place in range(2):
        if roles[place] is None and free:
            roles[place] = free.pop(0)
        elif roles[place] is None:
            taken = next((other for other in (3, 2) if roles[other]), None)
            if taken is not None:
                roles[place], roles[taken] = roles[taken], None
    if roles[0] is None:
        roles[0], roles[1] = roles[1], None
    for place in (2, 3):
        if roles[place] is None and free:
            roles[place] = free.pop(0)
    return roles
