"""Time and memory of whole commands on large, finished studies: prints JSON.

    python -m tests.benchmarks.scale

The results are made up, but the files are real: four tasks with dev sets of the size of CoLA's
(1,043 examples). Wall seconds, CPU seconds and peak memory are those of `catsweep` as a process of
its own: medians of three runs.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from search_spaces.study import parse_study
from tests.results import finished
from trainers.records.store import Store

ITEMS = 1043
STUDY = """
name: scale
tasks: [{tasks}]
encoders: [tiny]
methods: [standard, cat]
axes:
  lr: {lr}
  epsilon: [1e-4, 1e-3, 5e-3, 2e-2]
  tau: {tau}
  lambda: [0.1, 0.2, 0.3, 0.4, 0.5]
seeds: {seeds}
"""
SIZES = {
    100: {"tasks": "cola", "lr": [1e-5], "tau": [0.05, 0.06, 0.07, 0.08, 0.1], "seeds": [0]},
    1_000: {
        "tasks": "cola",
        "lr": [1e-5, 2e-5],
        "tau": [0.05, 0.06, 0.07, 0.08, 0.1],
        "seeds": [*range(5)],
    },
    10_080: {
        "tasks": "cola, mrpc, rte, library",
        "lr": [1e-5, 2e-5, 3e-5],
        "tau": [0.05, 0.06, 0.07, 0.08, 0.09, 0.1],
        "seeds": [*range(7)],
    },
}
COMMANDS = ("plan", "status", "report", "export --to csv", "export --to optuna")
COMMAND = """
import atexit, sys
from pathlib import Path
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    sys.stderr.write(next("PEAK " + line.split()[1] for line in lines if "VmHWM" in line))
atexit.register(peak)
from orchestrator.cli import main
main(sys.argv[1:])
"""


def fill(store: Store, text: str) -> int:
    """Commit a made-up result for every trial of the study; return their number."""
    trials = parse_study(text, source="benchmark").trials()
    rights = np.random.default_rng(0).integers(ITEMS // 2, ITEMS, size=len(trials))
    for trial, right in zip(trials, rights, strict=True):
        store.commit(trial, finished(trial, {"dev": int(right)}, n=ITEMS))
    return len(trials)


def measure(command: str, study: Path, store: Store) -> dict[str, float]:
    """Run a command three times; return medians of seconds, CPU seconds and peak MiB."""
    seconds, worked, peaks = [], [], []
    for _ in range(3):
        shutil.rmtree(store.root / "exports", ignore_errors=True)
        words = [*command.split(), str(study), "--store", str(store.root)]
        start, before = time.perf_counter(), _cpu_of_children()
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *words],
            capture_output=True,
            text=True,
            check=True,
        )
        seconds.append(time.perf_counter() - start)
        worked.append(_cpu_of_children() - before)
        peaks.append(int(done.stderr.rsplit("PEAK ", 1)[1]) / 1024)
    return {
        "seconds": round(median(seconds), 2),
        "cpu_seconds": round(median(worked), 2),
        "peak_MiB": round(median(peaks)),
    }


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[*SIZES], choices=[*SIZES])
    options = parser.parse_args()
    vars(os)["fsync"] = os.fstat  # Made-up results need not survive a power cut.
    report = {}
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            study, store = Path(scratch) / "scale.yaml", Store(Path(scratch) / "s", create=True)
            study.write_text(STUDY.format(**SIZES[size]))
            trials = fill(store, study.read_text())
            report[trials] = {c: measure(c, study, store) for c in COMMANDS}
    print(json.dumps(report, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
