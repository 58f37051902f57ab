"""Statistics of selection, slowly: every swap, every subset and every bootstrap sample in a loop.

Shares nothing with the package; metrics and exact arithmetic are those of the randomization test's
reference.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, product
from math import log

from tests.references.randomization import SCORES, TIE

Row = Sequence[int]


def leads(
    metric: str, gold: Row, best: Row, trials: Sequence[Row], coins: Sequence[bool]
) -> list[Fraction]:
    """Of each trial, the difference from the other cell's best one after the swaps."""
    score, found = SCORES[metric], []
    n_classes = 1 + max(max(row) for row in [gold, best, *trials])
    for trial in trials:
        a, b = list(best), list(trial)
        for place, coin in enumerate(coins):
            if coin:
                a[place], b[place] = b[place], a[place]
        delta = Fraction(score(gold, b, n_classes)) - Fraction(score(gold, a, n_classes))
        found.append(delta)
    return found


def best_vs_best(
    metric: str, gold: Row, baselines: Sequence[Row], systems: Sequence[Row], seeds: int = 1
) -> tuple[Fraction, Fraction, list[Fraction]]:
    """One-sided p of the best system setting, the best baseline setting, and each system setting.

    Over all 2^N swaps; the p of the best settings are step-down ones as well. A setting is `seeds`
    rows, one after the other, and its score their mean.
    """
    sides = [settings(side, seeds) for side in (baselines, systems)]
    n_classes = 1 + max(max(row) for row in [gold, *baselines, *systems])
    scores = [
        [mean([SCORES[metric](gold, row, n_classes) for row in setting]) for setting in side]
        for side in sides
    ]
    best = [side.index(max(side)) for side in scores]
    ahead = _superior(metric, gold, sides[0][best[0]], sides[1], best[1])
    behind = _superior(metric, gold, sides[1][best[1]], sides[0], best[0])
    return ahead[best[1]], behind[best[0]], ahead


def settings(rows: Sequence[Row], seeds: int) -> list[Sequence[Row]]:
    """Cut rows into settings of so many seeds."""
    return [rows[start : start + seeds] for start in range(0, len(rows), seeds)]


def mean(values: Sequence[Fraction | Decimal]) -> Fraction:
    """The exact mean."""
    return sum([Fraction(value) for value in values], Fraction(0)) / len(values)


def _leads(
    metric: str,
    gold: Row,
    benchmark: Sequence[Row],
    trials: Sequence[Sequence[Row]],
    coins: Sequence[bool],
) -> list[Fraction]:
    """Of each setting: seed by seed against the benchmark's, averaged."""
    return [
        mean([leads(metric, gold, a, [b], coins)[0] for a, b in zip(benchmark, own, strict=True)])
        for own in trials
    ]


def _superior(
    metric: str, gold: Row, benchmark: Sequence[Row], trials: Sequence[Sequence[Row]], best: int
) -> list[Fraction]:
    """Step-down p of each setting against the benchmark; the clearly worse ones stay behind."""
    seen = _leads(metric, gold, benchmark, trials, [False] * len(gold))
    outcomes = [
        _leads(metric, gold, benchmark, trials, coins)
        for coins in product((False, True), repeat=len(gold))
    ]
    threshold = 2 * Fraction(log(log(max(3, len(gold)))))
    for trial, lead in enumerate(seen):
        variance = sum((outcome[trial] ** 2 for outcome in outcomes), Fraction(0)) / len(outcomes)
        if lead < 0 and lead**2 > threshold * variance and lead < seen[best]:
            for outcome in outcomes:
                outcome[trial] += lead
    stepped = [_step(outcomes, seen, trial) for trial in range(len(trials))]
    return [
        max(p for other, p in enumerate(stepped) if seen[other] >= seen[trial] - TIE)
        for trial in range(len(trials))
    ]


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
    metric: str,
    gold: Row,
    trials: Sequence[Row],
    samples: Sequence[Sequence[int]],
    seeds: int = 1,
) -> Fraction:
    """Choose a setting on each bootstrap sample of examples, score on those left out, average."""
    score, found = SCORES[metric], []
    n_classes = 1 + max(max(row) for row in [gold, *trials])
    for sample in samples:
        inside = [
            mean(
                [score([gold[i] for i in sample], [row[i] for i in sample], n_classes) for row in s]
            )
            for s in settings(trials, seeds)
        ]
        chosen = settings(trials, seeds)[inside.index(max(inside))]
        out = [i for i in range(len(gold)) if i not in sample]
        if out:
            kept = [gold[i] for i in out]
            left = [score(kept, [row[i] for i in out], n_classes) for row in chosen]
            found.append(mean(left))
    return sum(found, Fraction(0)) / len(found)
