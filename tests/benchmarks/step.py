"""Time, operations and memory of a training step, ours and others': prints JSON.

    python -m tests.benchmarks.step --data DATA --rounds 20 --threads 2 --precision fp32

All contenders take turns on the same batches in one process, so that disturbances of the machine
affect all alike; times are medians over the rounds. A ratio is the median of the ratios on the same
batch, measured one after the other. Peak memory is measured in a separate process per contender.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import torch
from torch.utils.flop_counter import FlopCounterMode

from search_spaces.trial import TrialConfig
from tests.benchmarks.contenders import Bench, Step, contenders
from trainers.encoders.batches import Ints, collate, training_order
from trainers.encoders.classifier import Classifier
from trainers.encoders.machine import peak_memory
from trainers.prepared import prepare

BATCH = 32
WARM_UP = 2
WEIGHTED = (torch.ops.aten.addmm, torch.ops.aten.mm)
RATIOS = (
    ("cat", "standard", 2.45),
    ("at", "standard", None),
    ("cat@one-grid", "cat", None),
    ("literal-cat", "cat", None),
    ("standard", "trainer-longest", 0.55),
    ("cat", "trainer-longest", 1.0),
    ("cat@bf16", "trainer-longest", 0.65),
    ("cat", "trainer-128", 0.45),
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="banking77")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--encoder", default="packaged:minilm")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--only", nargs="*", default=[], help="these contenders")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    found = parser.parse_args()
    if found.rounds < 2:
        parser.error("--rounds: at least 2")
    return found


def make_bench(options: argparse.Namespace) -> Bench:
    config = TrialConfig.model_validate(
        {
            "task": options.task,
            "encoder": options.encoder,
            "method": {"name": "standard"},
            "lr": 1e-4,
            "select_on": "heldout",
            "n_per_class": 10,
        }
    )
    return Bench(prepared=prepare(config, options.data), precision=options.precision)


def batches(bench: Bench) -> Iterator[Ints]:
    """Yield full batches without end, epoch after epoch."""
    epoch = 0
    while True:
        size = len(bench.prepared.inputs["train"])
        yield from training_order(size, BATCH, (0, 0, epoch), drop_last=True)
        epoch += 1


def measure(bench: Bench, steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Give every contender each batch in turn, starting with a different one each time."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    names = list(steps)
    for turn, rows in zip(range(WARM_UP + rounds), batches(bench), strict=False):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = time.perf_counter()
            steps[name](rows)
            if turn >= WARM_UP:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def operations(bench: Bench, steps: dict[str, Step]) -> dict[str, float]:
    """Count multiplications with weights, relative to a packed forward pass on the same batch."""
    rows = next(batches(bench))
    batch = collate(bench.prepared.inputs["train"], rows)
    encoder = bench.prepared.encoder.fresh()
    model = Classifier(encoder, n_classes=len(bench.prepared.labels)).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(batch)
    forward = weighted(counter)
    counted = {}
    for name, step in steps.items():
        with FlopCounterMode(display=False) as counter:
            step(rows)
        counted[name] = weighted(counter) / forward
    return counted


def weighted(counter: FlopCounterMode) -> float:
    counts = counter.get_flop_counts()["Global"]
    return float(sum(counts.get(operation, 0) for operation in WEIGHTED))


def peak_mebibytes(name: str) -> float:
    """Take three steps in a separate process; return its peak memory."""
    command = [sys.executable, "-m", "tests.benchmarks.step", *sys.argv[1:], "--memory-of", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def take_three_steps(bench: Bench, name: str) -> None:
    (step,) = contenders(bench, [name]).values()
    for _, rows in zip(range(3), batches(bench), strict=False):
        step(rows)
    print(peak_memory(torch.device("cpu")) / 2**20)  # noqa: T201


def ratios(seconds: dict[str, list[float]]) -> list[dict[str, object]]:
    return [
        {"of": of, "to": to, "ratio": round(ratio(seconds[of], seconds[to]), 3), "wanted": wanted}
        for of, to, wanted in RATIOS
        if of in seconds and to in seconds
    ]


def ratio(ours: list[float], theirs: list[float]) -> float:
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    bench = make_bench(options)
    if options.memory_of:
        take_three_steps(bench, options.memory_of)
        return
    steps = contenders(bench, options.only)
    seconds = measure(bench, steps, options.rounds)
    counted = operations(bench, steps)
    medians = {name: median(taken) for name, taken in seconds.items()}
    report = {
        "machine": f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}",
        "task": options.task,
        "encoder": options.encoder,
        "precision": options.precision,
        "batch": BATCH,
        "rounds": options.rounds,
        "steps": {
            name: {
                "median_ms": round(1000 * medians[name], 1),
                "quartiles_ms": [round(1000 * q, 1) for q in quantiles(taken, n=4)[::2]],
                "forward_passes": round(counted[name], 2),
                "peak_MiB": round(peak_mebibytes(name)),
            }
            for name, taken in seconds.items()
        },
        "ratios": ratios(seconds),
    }
    print(json.dumps(report, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
