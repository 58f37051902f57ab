"""Shares of variance over a full grid, as the law of total variance writes them.

In: axes' sizes and a score for every combination of places. Out: each axis's share alone, and with
its interactions. Loops over conditions and their members, in exact fractions; no arrays.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product

Point = tuple[int, ...]


def variance(values: Sequence[Fraction]) -> Fraction:
    mean = sum(values, Fraction(0)) / len(values)
    return sum(((value - mean) ** 2 for value in values), Fraction(0)) / len(values)


def explained(sizes: Sequence[int], scores: Mapping[Point, Fraction], known: set[int]) -> Fraction:
    """Var(E[score | the places of the known axes]), all points equally likely."""
    groups: dict[Point, list[Fraction]] = {}
    for point in product(*(range(size) for size in sizes)):
        groups.setdefault(tuple(point[axis] for axis in sorted(known)), []).append(scores[point])
    means = [sum(group, Fraction(0)) / len(group) for group in groups.values()]
    return variance(means)


def shares(
    sizes: Sequence[int], scores: Mapping[Point, Fraction]
) -> list[tuple[Fraction, Fraction]]:
    """Return (alone, together) by axis."""
    axes = set(range(len(sizes)))
    whole = explained(sizes, scores, axes)
    return [
        (
            explained(sizes, scores, {axis}) / whole,
            1 - explained(sizes, scores, axes - {axis}) / whole,
        )
        for axis in sorted(axes)
    ]
