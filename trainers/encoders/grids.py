"""Grids of examples with similar lengths, so that attention computes little padding.

On a CPU, attention computes every cell of a grid, including padding: with one long example among
short ones, a single grid would be mostly padding. A GPU computes a batch's cells in less time than
it takes to launch the kernels, so it uses a single grid.

In: the lengths of a batch's examples. Out: `Grids`, whose cells are concatenated.
Legend: B examples, P packed tokens, G grids, n examples of one grid, T the longest of them, C cells
of all grids, H heads, d head width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trainers.encoders.machine import to_device

Ints = npt.NDArray[np.int64]
COST = 2_000
"""The cost of one more grid, in pairs of tokens; the time of a step is not sensitive to it."""


@dataclass(frozen=True, kw_only=True)
class Grids:
    """The layout of a batch's tokens and examples on G grids.

    Attributes:
        shapes: (n, T) of each grid.
        masks: for each grid, True where it has a token: (1, n, 1, T), as attention takes it.
        cells_P: each token's index among the C cells.
        order_B: the examples in the order of the grids.
        ranks_B: each example's index in that order.
    """

    shapes: Sequence[tuple[int, int]]
    masks: Sequence[Tensor]
    cells_P: Tensor
    order_B: Tensor
    ranks_B: Tensor

    def spread(self, row_HPd: Tensor) -> list[Tensor]:
        """Lay a packed row out: (H, P, d) -> G grids (H, n, T, d), with zeros as padding."""
        heads, _, width = row_HPd.shape
        sizes = [n * longest for n, longest in self.shapes]
        cells_HCd = row_HPd.new_zeros(heads, sum(sizes), width)
        cells_HCd = cells_HCd.index_copy(1, self.cells_P, row_HPd)
        parts = torch.split(cells_HCd, sizes, dim=1)
        return [
            part.view(heads, *shape, width) for part, shape in zip(parts, self.shapes, strict=True)
        ]

    def gather(self, grids: Sequence[Tensor]) -> Tensor:
        """Undo `spread`: G grids (H, n, T, d) -> (H, P, d)."""
        return _join_grids(grids).index_select(1, self.cells_P)

    def deal(self, row_HBd: Tensor) -> list[Tensor]:
        """Lay one token of each example out: (H, B, d) -> G grids (H, n, 1, d)."""
        dealt_HBd = row_HBd.index_select(1, self.order_B)
        sizes = [n for n, _ in self.shapes]
        return [part[:, :, None] for part in torch.split(dealt_HBd, sizes, dim=1)]

    def collect(self, grids: Sequence[Tensor]) -> Tensor:
        """Undo `deal`: G grids (H, n, 1, d) -> (H, B, d)."""
        return _join_grids(grids).index_select(1, self.ranks_B)


def _join_grids(grids: Sequence[Tensor]) -> Tensor:
    """(H, n, T, d) of each grid -> (H, C, d)."""
    return torch.cat([grid.flatten(1, 2) for grid in grids], dim=1)


def lay_out(lengths_B: Ints, device: torch.device) -> Grids:
    """Lay B examples out on the cheapest grids, in the order of their lengths.

    The copies to a GPU do not wait for it.
    """
    order = np.argsort(lengths_B, kind="stable")
    cuts = [0, len(order)] if device.type == "cuda" else cheapest_cuts(lengths_B[order])
    lengths = [lengths_B[order[start:end]] for start, end in pairwise(cuts)]
    shapes = [(len(grid), int(grid[-1])) for grid in lengths]
    masks = [np.arange(grid[-1]) < grid[:, None] for grid in lengths]
    ranks = np.argsort(order)
    widths = np.repeat([longest for _, longest in shapes], [n for n, _ in shapes])
    firsts = (np.cumsum(widths) - widths)[ranks]
    ends = np.cumsum(lengths_B)
    within = np.arange(ends[-1]) - np.repeat(ends - lengths_B, lengths_B)
    return Grids(
        shapes=shapes,
        masks=[to_device(torch.from_numpy(mask)[None, :, None], device) for mask in masks],
        cells_P=to_device(torch.from_numpy(np.repeat(firsts, lengths_B) + within), device),
        order_B=to_device(torch.from_numpy(order), device),
        ranks_B=to_device(torch.from_numpy(ranks), device),
    )


def cheapest_cuts(lengths: Ints) -> list[int]:
    """Cut examples, in ascending order of length, into grids; returns the cuts from 0 to N.

    A grid costs n T^2 pairs of tokens plus `COST`. Dynamic programming finds the cheapest
    cuts: those of the first examples are the cheapest cuts of fewer examples, and one more grid.
    """
    starts = np.arange(len(lengths))
    cheapest = np.zeros(len(lengths) + 1)
    last_start = np.zeros(len(lengths) + 1, dtype=np.int64)
    for end, longest in enumerate(lengths, start=1):
        costs = cheapest[:end] + (end - starts[:end]) * float(longest) ** 2
        last_start[end] = costs.argmin()
        cheapest[end] = costs[last_start[end]] + COST
    cuts = [len(lengths)]
    while cuts[-1]:
        cuts.append(int(last_start[cuts[-1]]))
    return cuts[::-1]
