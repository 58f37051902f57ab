"""The numbers of a heatmap: scores over two axes, in panels and pages.

In: a `Landscape`. Out: a frozen `Heatmap`, or None where nothing varies.

Shapes: P pages, T panels, Y rows, X columns.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.page.landscape import Axis, Landscape
from trainers.records.metrics import Labels, Values

# The roles (x, y, panel, page) that the paper's axes have; other axes fill the free roles.
ROLES: Final = ("epsilon", "lambda", "tau", "lr")
NEVER_SHOWN: Final = "seed"


@dataclass(frozen=True, kw_only=True, eq=False)
class Heatmap:
    """Mean scores (P, T, Y, X), NaN without a trial, and the number of trials behind each mean.

    `y`, `panel` and `page` are None if the cell has no axis left for them; `averaged` names the
    axes, including seeds, that each number is a mean over.
    """

    landscape: Landscape
    x: Axis
    y: Axis | None
    panel: Axis | None
    page: Axis | None
    averaged: tuple[str, ...]
    scores: Values
    counts: Labels


def build_heatmap(landscape: Landscape) -> Heatmap | None:
    """Assign epsilon to x, lambda to y, tau to panels and lr to pages, as far as they vary.

    A free role goes to the next axis that varies; axes beyond four, and seeds, are averaged.
    """
    chosen = _assign_roles([axis.name for axis in landscape.axes])
    if chosen[0] is None:
        return None
    columns = {axis.name: column for column, axis in enumerate(landscape.axes)}
    roles = [landscape.axes[columns[name]] if name else None for name in chosen]
    shape = tuple(len(axis.values) if axis else 1 for axis in reversed(roles))
    index = tuple(
        landscape.value_indices[:, columns[name]]
        if name
        else np.zeros(len(landscape.trials), dtype=np.int64)
        for name in reversed(chosen)
    )
    sums, counts = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    np.add.at(sums, index, landscape.scores)
    np.add.at(counts, index, 1)
    scores = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    x, y, panel, page = roles
    assert x is not None
    averaged = tuple(name for name in columns if name not in chosen)
    return Heatmap(
        landscape=landscape,
        x=x,
        y=y,
        panel=panel,
        page=page,
        averaged=averaged,
        scores=scores,
        counts=counts,
    )


def _assign_roles(names: list[str]) -> list[str | None]:
    """Return the axes of x, y, panels and pages; x and y are assigned before the others."""
    roles: list[str | None] = [name if name in names else None for name in ROLES]
    free = [name for name in names if name not in roles and name != NEVER_SHOWN]
    for role in range(2):
        if roles[role] is None and free:
            roles[role] = free.pop(0)
        elif roles[role] is None:
            taken = next((other for other in (3, 2) if roles[other]), None)
            if taken is not None:
                roles[role], roles[taken] = roles[taken], None
    if roles[0] is None:
        roles[0], roles[1] = roles[1], None
    for role in (2, 3):
        if roles[role] is None and free:
            roles[role] = free.pop(0)
    return roles
