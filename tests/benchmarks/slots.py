"""Throughput by the number of slots and threads on a machine's cores: prints JSON.

    python -m tests.benchmarks.slots

The same trials of a real encoder run with as many slots as cores and one thread each (the default),
with one slot that has all threads, and with slots x threads = twice the cores.
"""

import argparse
import json
import os

from tests.benchmarks.sweep import timed_run

STUDY = """
name: slots
tasks: [library]
encoders: ['packaged:minilm']
methods: [standard]
axes: {{lr: [1e-4]}}
seeds: {seeds}
epochs: {epochs}
"""


def sweep(slots: int, threads: int, trials: int, epochs: int) -> dict[str, float]:
    """Run a new sweep; return time per trial, and trials per hour after start-up."""
    text = STUDY.format(seeds=[*range(trials)], epochs=epochs)
    wall, seconds = timed_run(text, "--slots", str(slots), "--threads", str(threads))
    return {
        "slots": slots,
        "threads": threads,
        "seconds_per_trial": round(seconds / trials, 1),
        "trials_per_hour": round(3600 * slots * trials / seconds),
        "wall_seconds": round(wall, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1, help="in which all take turns")
    options = parser.parse_args()
    cores = os.cpu_count() or 1
    cuts = [(cores, 1), (1, cores), (cores, 2)]
    report = [
        sweep(*cut, options.trials, options.epochs) for _ in range(options.rounds) for cut in cuts
    ]
    print(json.dumps(report, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
