"""Milliseconds per training step beside busy processes, by OpenMP's wait policy: prints JSON.

    python -m tests.benchmarks.neighbours --rounds 5

Each policy has processes of its own, which take steps in turn, so that disturbances of the machine
affect all alike: one trial with a thread per core, and as many trials of one thread as there are
cores. `--nice 15` runs the trials at the priority that Ray gives its workers by default.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from statistics import median

from tests.benchmarks.step import batches, make_bench

SPINS = (0, 100, 1_000, 10_000, 100_000)
WAITING = {"libgomp's own": {}, "passive": {"OMP_WAIT_POLICY": "passive"}} | {
    f"spins {spins}": {"GOMP_SPINCOUNT": str(spins)} for spins in SPINS
}
BUSY = "while True: pass"


@contextmanager
def python(code: Sequence[str], **variables: str) -> Iterator["subprocess.Popen[str]"]:
    started = subprocess.Popen(
        [sys.executable, *code],
        env=os.environ | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


class Trials:
    """Trials that run at the same time, each a process that takes steps on request."""

    def __init__(self, stack: ExitStack, waiting: str, threads: int, nice: int) -> None:
        self.waiting, self.threads = waiting, threads
        variables = WAITING[waiting] | {"OMP_NUM_THREADS": str(threads)}
        code = ["-m", "tests.benchmarks.neighbours", *sys.argv[1:], "--threads", str(threads)]
        self.processes = [
            stack.enter_context(python([*code, "--child", str(nice)], **variables))
            for _ in range((os.cpu_count() or 1) // threads)
        ]
        for started in self.processes:
            assert started.stdout
            started.stdout.readline()

    def step(self, seconds: float) -> list[float]:
        """Let all train for this time; return the milliseconds of the steps of each."""
        for started in self.processes:
            assert started.stdin
            started.stdin.write(f"{seconds}\n")
            started.stdin.flush()
        taken = []
        for started in self.processes:
            assert started.stdout
            taken += json.loads(started.stdout.readline())
        return taken


def train_when_told(options: argparse.Namespace) -> None:
    """Run one trial: take steps on request."""
    os.nice(options.child)
    import torch

    from tests.benchmarks.contenders import contenders

    torch.set_num_threads(options.threads)
    bench = make_bench(options)
    (step,) = contenders(bench, [options.method]).values()
    rows = batches(bench)
    step(next(rows))
    print("ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        taken, end = list[float](), time.monotonic() + float(line)
        while not taken or time.monotonic() < end:
            start = time.perf_counter()
            step(next(rows))
            taken.append(round(1000 * (time.perf_counter() - start), 1))
        print(json.dumps(taken), flush=True)  # noqa: T201


def idle_part(seconds: float) -> float:
    """Return the idle share of the machine's cores (Linux)."""

    def times() -> list[int]:
        return [int(ticks) for ticks in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]

    before = times()
    time.sleep(seconds)
    spent = [after - earlier for after, earlier in zip(times(), before, strict=True)]
    return spent[3] / sum(spent[:8])


def measure(options: argparse.Namespace) -> list[dict[str, object]]:
    cores = os.cpu_count() or 1
    kinds = [(how, cores) for how in options.waiting]
    kinds.append(("libgomp's own", 1))  # One thread waits for nobody.
    found: dict[tuple[str, int, int], list[float]] = {}
    with ExitStack() as stack:
        trials = [Trials(stack, how, threads, options.nice) for how, threads in kinds]
        for _, busy in product(range(options.rounds), options.busy):
            while options.when_idle and idle_part(2.0) < 0.9:
                pass
            with ExitStack() as neighbours:
                for _ in range(busy):
                    neighbours.enter_context(python(["-c", BUSY]))
                for one in trials:
                    key = (one.waiting, one.threads, busy)
                    found.setdefault(key, []).append(median(one.step(options.seconds)))
    return [
        {
            "waiting": how,
            "trials": cores // threads,
            "threads": threads,
            "busy": busy,
            "ms": round(median(taken)),
            "rounds_ms": [round(ms) for ms in taken],
        }
        for (how, threads, busy), taken in found.items()
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="library")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--encoder", default="packaged:minilm")
    parser.add_argument("--method", default="cat")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each way in a round")
    parser.add_argument("--busy", type=int, nargs="*", default=[0, 1, 2], help="processes")
    parser.add_argument("--waiting", nargs="*", choices=WAITING, default=list(WAITING))
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--when-idle", action="store_true", help="wait until nothing else runs")
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    if options.child is not None:
        train_when_told(options)
    else:
        print(json.dumps(measure(options), indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
