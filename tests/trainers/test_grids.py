"""Grids of examples of like length: nothing is lost on them, and no cheaper ones exist."""

from itertools import combinations, pairwise

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers.encoders.grids import COST, cheapest_cuts, lay_out

CPU = torch.device("cpu")
lengths = st.lists(st.integers(1, 90), min_size=1, max_size=9)


@settings(max_examples=100, deadline=None)
@given(lengths)
def test_a_row_laid_out_is_gathered_as_it_was(drawn: list[int]) -> None:
    row_HPd = torch.randn(2, sum(drawn), 3)
    grids = lay_out(np.array(drawn), CPU)
    spread = grids.spread(row_HPd)
    assert [tuple(grid.shape) for grid in spread] == [(2, *shape, 3) for shape in grids.shapes]
    assert torch.equal(grids.gather(spread), row_HPd)
    ours = iter(grids.order_B.tolist())
    examples = torch.split(row_HPd, drawn, dim=1)
    for grid, mask in zip(spread, grids.masks, strict=True):
        for place in range(grid.shape[1]):
            example = examples[next(ours)]
            assert torch.equal(grid[:, place, mask[0, place, 0]], example)
            assert int(mask[0, place].sum()) == example.shape[1]
            assert not grid[:, place, ~mask[0, place, 0]].any()


@settings(max_examples=50, deadline=None)
@given(lengths)
def test_one_token_of_each_example_meets_that_example_s_tokens(drawn: list[int]) -> None:
    grids = lay_out(np.array(drawn), CPU)
    numbers = torch.arange(1.0, len(drawn) + 1)
    dealt = grids.deal(numbers[None, :, None])
    assert torch.equal(grids.collect(dealt)[0, :, 0], numbers)
    of_tokens = grids.spread(numbers.repeat_interleave(torch.tensor(drawn))[None, :, None])
    for one, all_of_it, mask in zip(dealt, of_tokens, grids.masks, strict=True):
        same = one.expand_as(all_of_it) == all_of_it
        assert torch.equal(same[0, ..., 0], mask[0, :, 0])


def cost(ordered: list[int], cuts: tuple[int, ...]) -> int:
    return sum((end - start) * ordered[end - 1] ** 2 + COST for start, end in pairwise(cuts))


@settings(max_examples=100, deadline=None)
@given(lengths)
def test_no_cuts_are_cheaper(drawn: list[int]) -> None:
    ordered, n = sorted(drawn), len(drawn)
    inner = (cuts for k in range(n) for cuts in combinations(range(1, n), k))
    cheapest = min(cost(ordered, (0, *cuts, n)) for cuts in inner)
    found = cheapest_cuts(np.array(ordered))
    assert (found[0], found[-1]) == (0, n)
    assert cost(ordered, tuple(found)) == cheapest


def test_one_long_example_does_not_make_the_others_long() -> None:
    grids = lay_out(np.array([14] * 20 + [80] + [10] * 11), CPU)
    assert grids.shapes == [(31, 14), (1, 80)]


def test_like_lengths_lie_on_one_grid() -> None:
    assert lay_out(np.array([12, 10, 11, 12]), CPU).shapes == [(4, 12)]
