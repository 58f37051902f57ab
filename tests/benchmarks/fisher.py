"""The exact Fisher randomization test compared with scipy's resampling test: prints JSON.

    python -m tests.benchmarks.fisher --rounds 5

The labels are made up, with the size and the disagreement of the dev sets of MRPC, CoLA and QQP;
both tests get the same labels, and take turns. `scipy.stats.permutation_test` draws 9,999
resamples, in batches of `BATCH` numbers; at QQP size it is timed once. Times are in milliseconds,
medians of the rounds. `multi_class` times 9,999 binomial draws per category, used if there are too
many labels to enumerate, and the largest enumerations that are made; scipy has no counterpart to
these.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from scipy import stats

from reports.statistics.significance import Comparison, fisher_randomization
from tests.reports.pairs import Labels, Triple, pair
from trainers.records.metrics import Values

RESAMPLES = 9_999
BATCH = 2**22
WANTED_MS = {"qqp f1": 2.0, "qqp mcc": 2.0}
BINARY = {  # examples, discordant, share of gold 1
    "mrpc": (408, 55, 0.68),
    "cola": (1_043, 130, 0.69),
    "qqp": (40_430, 1_938, 0.37),
}
MULTI_CLASS = {  # examples, discordant, classes
    "mnli": (9_815, 900, 3),
    "banking77": (3_080, 199, 77),
    "banking77, weak systems": (3_080, 1_500, 77),
    "clinc150": (5_500, 300, 150),
    "clinc150, weak systems": (5_500, 2_500, 150),
}
ENUMERATED = {"3 classes": (9_815, 40, 3), "77 classes": (3_080, 17, 77), "150": (5_500, 16, 150)}


def binary_pair(n: int, d: int, positive: float) -> Triple:
    """Build two systems that are right on 9 of 10 examples and differ on d of n."""
    rng = np.random.default_rng(0)
    gold = (rng.random(n) < positive).astype(np.int64)
    baseline = np.where(rng.random(n) < 0.9, gold, 1 - gold)
    system, at = baseline.copy(), rng.choice(n, d, replace=False)
    system[at] = 1 - system[at]
    swapped = at[rng.random(d) < 0.52]
    baseline[swapped], system[swapped] = system[swapped], baseline[swapped].copy()
    return gold, baseline, system


def theirs(gold: Labels, baseline: Labels, system: Labels, metric: str) -> float:
    """Return p of `scipy.stats.permutation_test` on the paired labels."""
    score = {"f1": scipy_f1, "mcc": scipy_mcc}[metric]

    def delta(a: Labels, b: Labels, axis: int) -> Values:
        return np.asarray(score(gold, b, axis) - score(gold, a, axis))

    found = stats.permutation_test(
        [baseline, system],
        delta,
        permutation_type="samples",
        n_resamples=RESAMPLES,
        batch=max(1, BATCH // gold.size),
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def scipy_f1(gold: Labels, labels: Labels, axis: int) -> Values:
    tp, named = (labels * gold).sum(axis), labels.sum(axis)
    return np.asarray(2 * tp / (named + gold.sum()))


def scipy_mcc(gold: Labels, labels: Labels, axis: int) -> Values:
    tp, p, t, n = (labels * gold).sum(axis), labels.sum(axis), gold.sum(), gold.size
    return np.asarray((n * tp - p * t) / np.sqrt(1.0 * p * (n - p) * t * (n - t)))


def milliseconds(call: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - start))
    return round(median(taken), 2)


def both(name: str, metric: str, rounds: int) -> dict[str, float | int]:
    triple = binary_pair(*BINARY[name])
    ours_ms, their_ms, their_p = [], [], 0.0
    for _ in range(rounds if name != "qqp" else 1):
        ours_ms.append(milliseconds(lambda: fisher_randomization(*triple, metric), 20))
        start = time.perf_counter()
        their_p = theirs(*triple, metric)
        their_ms.append(1000 * (time.perf_counter() - start))
    found = fisher_randomization(*triple, metric)
    wanted = WANTED_MS.get(f"{name} {metric}")
    return {
        "N": found.n,
        "d": found.discordant,
        "ours_ms": round(median(ours_ms), 2),
        "scipy_ms": round(median(their_ms), 1),
        "ratio": round(median(their_ms) / median(ours_ms)),
        "ours_p": round(found.p_value, 5),
        "scipy_p": round(their_p, 5),
        **({"wanted_ms": wanted} if wanted else {}),
    }


def of_many_classes(n: int, d: int, n_classes: int, metric: str, rounds: int) -> dict[str, object]:
    triple = pair(n, d, n_classes, seed=0)

    def test() -> Comparison:
        return fisher_randomization(*triple, metric, n_classes, resamples=RESAMPLES)

    return {"classes": n_classes, "test": test().test, "ms": milliseconds(test, rounds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", nargs="*", default=[*BINARY], choices=[*BINARY])
    options = parser.parse_args()
    report: dict[str, object] = {
        f"{name} {metric}": both(name, metric, options.rounds)
        for name in options.sizes
        for metric in ("f1", "mcc")
    }
    for kind, sizes in (("multi_class", MULTI_CLASS), ("enumerated", ENUMERATED)):
        report[kind] = {
            f"{name} {metric}": of_many_classes(*size, metric, options.rounds)
            for name, size in sizes.items()
            for metric in ("mcc", "macro_f1")
        }
    print(json.dumps(report, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
