"""Statistics of selection, slowly: every swap, every subset and every bootstrap sample in a loop.

Shares nothing with the package; metrics and exact arithmetic are those of the randomization test's
reference.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product

from tests.references.randomization import SCORES, TIE

Row = Sequence[int]


def leads(
    metric: str, gold: Row, baselines: Sequence[Row], systems: Sequence[Row], coins: Sequence[bool]
) -> list[Fraction]:
    """Of each system trial, the smallest difference from a baseline trial after the swaps."""
    score, found = SCORES[metric], []
    n_classes = 1 + max(max(row) for row in [gold, *baselines, *systems])
    for system in systems:
        against = []
        for baseline in baselines:
            a, b = list(baseline), list(system)
            for place, coin in enumerate(coins):
                if coin:
                    a[place], b[place] = b[place], a[place]
            delta = Fraction(score(gold, b, n_classes)) - Fraction(score(gold, a, n_classes))
            against.append(delta)
        found.append(min(against))
    return found


def best_vs_best(
    metric: str, gold: Row, baselines: Sequence[Row], systems: Sequence[Row]
) -> tuple[Fraction, Fraction, list[Fraction]]:
    """P(T* >= T), P(T* <= T) and each system trial's step-down p, over all 2^N swaps."""
    still = [False] * len(gold)
    seen = leads(metric, gold, baselines, systems, still)
    outcomes = [
        leads(metric, gold, baselines, systems, coins)
        for coins in product((False, True), repeat=len(gold))
    ]
    greater = sum(max(lead) >= max(seen) - TIE for lead in outcomes)
    less = sum(max(lead) <= max(seen) + TIE for lead in outcomes)
    stepped = [_step(outcomes, seen, trial) for trial in range(len(systems))]
    adjusted = [
        max(p for other, p in enumerate(stepped) if seen[other] >= seen[trial] - TIE)
        for trial in range(len(systems))
    ]
    return Fraction(greater, len(outcomes)), Fraction(less, len(outcomes)), adjusted


def _step(outcomes: Sequence[Sequence[Fraction]], seen: Sequence[Fraction], trial: int) -> Fraction:
    """The share of outcomes in which a trial no better than this one reaches what it has."""
    worse = [place for place, lead in enumerate(seen) if lead <= seen[trial] + TIE]
    reached = sum(any(lead[w] >= seen[trial] - TIE for w in worse) for lead in outcomes)
    return Fraction(reached, len(outcomes))


def expected_best(scores: Sequence[Fraction], n: int) -> Fraction:
    """The mean, over all subsets of n scores, of the best."""
    best = [max(subset) for subset in combinations(scores, n)]
    return sum(best, Fraction(0)) / len(best)


def beats(scores: Sequence[Fraction], n: int, against: Fraction) -> Fraction:
    """The share of subsets of n scores whose best is above `against`."""
    best = [max(subset) for subset in combinations(scores, n)]
    return Fraction(sum(value > against for value in best), len(best))


def honest(
    metric: str, gold: Row, trials: Sequence[Row], samples: Sequence[Sequence[int]]
) -> Fraction:
    """Choose on each bootstrap sample of examples, score on those left out, and average."""
    score, found = SCORES[metric], []
    n_classes = 1 + max(max(row) for row in [gold, *trials])
    for sample in samples:
        inside = [
            score([gold[i] for i in sample], [row[i] for i in sample], n_classes) for row in trials
        ]
        chosen = inside.index(max(inside))
        out = [i for i in range(len(gold)) if i not in sample]
        if out:
            left = [gold[i] for i in out], [trials[chosen][i] for i in out]
            found.append(Fraction(score(*left, n_classes)))
    return sum(found, Fraction(0)) / len(found)
