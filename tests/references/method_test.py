"""The crossed test by sums over cells of the ANOVA table, and pseudo-values by leaving one out.

Written from SEEDS' formulas and the papers, in exact fractions; nothing here is vectorised.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

Rows = Sequence[Sequence[Fraction]]


def mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def variance(values: Sequence[Fraction]) -> Fraction:
    middle = mean(values)
    return sum(((value - middle) ** 2 for value in values), Fraction(0)) / (len(values) - 1)


def parts(a: Rows, b: Rows) -> dict[str, Fraction]:
    """V_i, v_A, v_B, r_A, r_B, their sum and V+; a and b are (seeds, examples)."""
    n = len(a[0])
    by_example = [mean([row[i] for row in a]) - mean([row[i] for row in b]) for i in range(n)]
    found = {"examples": variance(by_example) / n}
    for name, rows in (("a", a), ("b", b)):
        seeds = len(rows)
        found[f"seeds_{name}"] = variance([mean(row) for row in rows]) / seeds
        total = Fraction(0)
        whole = mean([mean(row) for row in rows])
        for row in rows:
            for i in range(n):
                total += (row[i] - mean(row) - mean([other[i] for other in rows]) + whole) ** 2
        found[f"residual_{name}"] = total / ((seeds - 1) * (n - 1)) / (seeds * n)
    seeds_sum = found["seeds_a"] + found["seeds_b"]
    found["unbiased"] = found["examples"] + seeds_sum - found["residual_a"] - found["residual_b"]
    found["variance"] = max(found["unbiased"], found["examples"], seeds_sum)
    return found


def pseudo_values(
    score: Callable[[Sequence[int], Sequence[int], int], Fraction | float],
    gold: Sequence[int],
    predicted: Sequence[int],
    n_classes: int,
) -> list[Fraction]:
    """n M - (n - 1) M(-i), each by scoring the others."""
    n = len(gold)
    whole = Fraction(score(gold, predicted, n_classes))
    found = []
    for left_out in range(n):
        kept = [i for i in range(n) if i != left_out]
        rest = score([gold[i] for i in kept], [predicted[i] for i in kept], n_classes)
        found.append(n * whole - (n - 1) * Fraction(rest))
    return found
