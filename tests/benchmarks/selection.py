"""Statistics of selection at the size of the paper's grid: prints JSON.

    python -m tests.benchmarks.selection --rounds 5

360 CAT and 3 standard trials of equal quality are made up at the size of the dev sets of MRPC, CoLA
and QQP. Times are wall and CPU seconds, medians of the rounds. `share_of_wanted` is relative to the
target of 2 s for 9,999 resamples at CoLA size. The honest score takes 1,000 bootstrap samples.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from statistics import median

from reports.statistics.best_vs_best import best_vs_best
from reports.statistics.honest import honest_score
from tests.reports.cells import exchangeable

TRIALS = (3, 360)
RESAMPLES = 9_999
WANTED = 2.0
SIZES = {"mrpc": (408, "f1"), "cola": (1_043, "mcc"), "qqp": (40_430, "accuracy")}
AT_COLA = ("accuracy", "f1", "mcc")


def seconds(rounds: int, call: Callable[[], object]) -> tuple[float, float]:
    """Return the median wall seconds and CPU seconds of a call."""
    taken, worked = [], []
    for _ in range(rounds):
        start, cpu = time.perf_counter(), time.process_time()
        call()
        taken.append(time.perf_counter() - start)
        worked.append(time.process_time() - cpu)
    return round(median(taken), 3), round(median(worked), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", nargs="*", default=["mrpc", "cola"], choices=[*SIZES])
    rounds = parser.parse_args().rounds
    sizes = parser.parse_args().sizes
    report: dict[str, object] = {"threads": os.environ.get("OMP_NUM_THREADS", "all")}
    for size in sizes:
        n, own = SIZES[size]
        for metric in AT_COLA if size == "cola" else (own,):
            baseline, system = exchangeable(n, TRIALS, metric, seed=0)
            test = seconds(rounds, lambda b=baseline, s=system: best_vs_best(b, s))  # type: ignore[misc]
            honest = seconds(rounds, lambda s=system: honest_score(s))  # type: ignore[misc]
            report[f"{size} {metric}"] = {
                "items": n,
                "best_vs_best_s": test[0],
                "best_vs_best_cpu_s": test[1],
                **({"share_of_wanted": round(test[0] / WANTED, 2)} if size == "cola" else {}),
                "honest_score_s": honest[0],
                "honest_score_cpu_s": honest[1],
            }
    print(json.dumps(report, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
