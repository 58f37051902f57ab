"""Fisher's randomization test, slowly: every one of the 2^d swaps, in exact arithmetic.

Shares nothing with the package: metrics are written from their textbook definitions, accuracy and
F1 as fractions, Matthews' coefficient with 60 decimal digits.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import product

Number = Fraction | Decimal
TIE = Fraction(1, 10**12)


def accuracy(gold: Sequence[int], predicted: Sequence[int], n_classes: int) -> Fraction:
    return Fraction(sum(g == p for g, p in zip(gold, predicted, strict=True)), len(gold))


def f1_of(label: int, gold: Sequence[int], predicted: Sequence[int]) -> Fraction:
    pairs = list(zip(gold, predicted, strict=True))
    tp = sum(g == label and p == label for g, p in pairs)
    fp = sum(g != label and p == label for g, p in pairs)
    fn = sum(g == label and p != label for g, p in pairs)
    return Fraction(2 * tp, 2 * tp + fp + fn) if tp else Fraction(0)


def f1(gold: Sequence[int], predicted: Sequence[int], n_classes: int) -> Fraction:
    return f1_of(1, gold, predicted)


def macro_f1(gold: Sequence[int], predicted: Sequence[int], n_classes: int) -> Fraction:
    return sum((f1_of(k, gold, predicted) for k in range(n_classes)), Fraction(0)) / n_classes


def mcc(gold: Sequence[int], predicted: Sequence[int], n_classes: int) -> Decimal:
    """The correlation of the two one-hot matrices (Gorodkin 2004), from covariances."""
    n = len(gold)
    p = [[int(y == k) for y in predicted] for k in range(n_classes)]
    t = [[int(y == k) for y in gold] for k in range(n_classes)]

    def covariance(a: list[list[int]], b: list[list[int]]) -> int:
        pairs = zip(a, b, strict=True)
        return sum(n * sum(map(int.__mul__, x, y)) - sum(x) * sum(y) for x, y in pairs)

    spread = covariance(p, p) * covariance(t, t)
    with localcontext() as context:
        context.prec = 60
        return Decimal(covariance(p, t)) / Decimal(spread).sqrt() if spread else Decimal(0)


SCORES: dict[str, Callable[[Sequence[int], Sequence[int], int], Number]] = {
    "accuracy": accuracy,
    "f1": f1,
    "mcc": mcc,
    "macro_f1": macro_f1,
}


def _difference(a: Number, b: Number) -> Fraction:
    return Fraction(a) - Fraction(b)


def brute_force_p(
    metric: str,
    gold: Sequence[int],
    baseline: Sequence[int],
    system: Sequence[int],
    n_classes: int,
) -> Fraction:
    """The share of all swaps whose |delta| reaches the observed one, ties included."""
    score = SCORES[metric]
    seen = _difference(score(gold, system, n_classes), score(gold, baseline, n_classes))
    differ = [i for i, (b, s) in enumerate(zip(baseline, system, strict=True)) if b != s]
    count = 0
    for coins in product((False, True), repeat=len(differ)):
        a, b = list(baseline), list(system)
        for i, coin in zip(differ, coins, strict=True):
            if coin:
                a[i], b[i] = b[i], a[i]
        delta = _difference(score(gold, b, n_classes), score(gold, a, n_classes))
        count += abs(delta) >= abs(seen) - TIE
    return Fraction(count, 2 ** len(differ))
