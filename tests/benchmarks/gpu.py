"""A training step on a GPU, and many small trials that share one: prints JSON.

    python -m tests.benchmarks.gpu

1. Standard and CAT steps of a randomly initialised RoBERTa-large in bf16, packed, taking turns on
   the same batches of 32: tokens a second, the share of the device's matrix peak (measured in the
   same run), their ratio, and peak memory; at BANKING77-like lengths and at 128 tokens each. On a
   GPU also how long the same step takes when it is replayed as a CUDA graph: what it takes beyond
   that, it waits for the host to launch its kernels.
2. Sweeps of small trials on the tiny encoder, with `--gpus-per-trial auto` and one at a time:
   trials an hour of the whole sweep, start-up included, and while the workers are warm.

`--device cpu --encoder small` runs the same code on a machine without a GPU.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import RobertaConfig, RobertaModel

from tests.benchmarks.contenders import settings_of
from tests.benchmarks.sweep import write_study
from tests.end_to_end.sweeps import COMMAND, environment
from trainers.encoders.batches import Batch, Inputs, collate
from trainers.encoders.classifier import Classifier
from trainers.encoders.dropout import RandomState
from trainers.encoders.machine import free_memory, peak_memory, reset_peak_memory
from trainers.methods import cat
from trainers.methods.load import get_step
from trainers.methods.step import Training
from trainers.optimizer import parameter_groups
from trainers.records.store import Store

BATCH, CLASSES, BATCHES, WARM_UP, REPLAYS = 32, 77, 8, 3, 12
METHODS_SHOWN = ("standard", "cat")
SHAPES = {
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16},
    "small": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
}
LENGTHS = {"intents": (6, 30), "128": (128, 128)}
PEAK_SIZE = {"cuda": 8192, "cpu": 512}


def encoder(size: str) -> RobertaModel:
    shape = SHAPES[size]
    config = RobertaConfig(
        vocab_size=50_265,
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
        intermediate_size=4 * shape["hidden_size"],
        **shape,
    )
    return RobertaModel(config, add_pooling_layer=False)


def random_batches(lengths: tuple[int, int], device: torch.device) -> Iterator[Batch]:
    """Yield the same few batches repeatedly, on the device."""
    rng = np.random.default_rng(0)
    n = BATCH * BATCHES
    sizes = rng.integers(lengths[0], lengths[1] + 1, n)
    inputs = Inputs(
        tokens_S=rng.integers(4, 50_000, sizes.sum()),
        types_S=np.zeros(sizes.sum(), dtype=np.int64),
        starts=np.concatenate([[0], np.cumsum(sizes)]),
        labels_N=rng.integers(0, CLASSES, n),
    )
    batches = [
        collate(inputs, np.arange(start, start + BATCH)).to(device) for start in range(0, n, BATCH)
    ]
    while True:
        yield from batches


def whole_step(
    method: str, size: str, device: torch.device, *, captured: bool = False
) -> Callable[[Batch], None]:
    """Return a whole training step, as `trainers.loop` takes it, in bf16.

    `captured`: use only operations that can be captured as a CUDA graph.
    """
    torch.manual_seed(0)
    settings = settings_of(method)
    add_gradients = get_step(method)
    with device:
        drawn = encoder(size)
    model = Classifier(drawn, n_classes=CLASSES, proj_dim=getattr(settings, "proj_dim", None))
    model.to(device).train()
    groups = parameter_groups(model, 0.01, decay_all=False)
    lr = torch.tensor(1e-5, device=device) if captured else 1e-5
    optimizer = torch.optim.AdamW(groups, lr=lr, fused=True, capturable=captured)
    training = Training(step=0, random=torch.Generator(), update=lambda: None)

    def step(batch: Batch) -> None:
        with torch.autocast(device.type, torch.bfloat16, cache_enabled=not captured):
            add_gradients(model, batch, settings, training)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def timed(run: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of a call, including the device's work."""
    start = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def matrix_peak(device: torch.device) -> float:
    """Return the operations per second of a large bf16 product, the median of ten."""
    size = PEAK_SIZE[device.type]
    left, right = (torch.randn(size, size, dtype=torch.bfloat16, device=device) for _ in range(2))
    seconds = [timed(lambda: left @ right, device) for _ in range(13)][3:]
    return 2 * size**3 / median(seconds)


Turns = dict[str, list[float]]


def take_turns(
    size: str, lengths: tuple[int, int], rounds: int, device: torch.device
) -> tuple[Turns, list[int]]:
    """Let both methods take turns; return the seconds of each, and the tokens of the batches."""
    steps = {method: whole_step(method, size, device) for method in METHODS_SHOWN}
    seconds: Turns = {method: [] for method in steps}
    tokens: list[int] = []
    for turn, batch in zip(range(WARM_UP + rounds), random_batches(lengths, device), strict=False):
        taken = {name: timed(lambda s=step, b=batch: s(b), device) for name, step in steps.items()}  # type: ignore[misc]
        if turn >= WARM_UP:
            tokens.append(len(batch.tokens_P))
            for name, value in taken.items():
                seconds[name].append(value)
    return seconds, tokens


def figures(
    step: Callable[[Batch], None],
    seconds: list[float],
    tokens: list[int],
    lengths: tuple[int, int],
    device: torch.device,
    peak: float,
) -> dict[str, float]:
    """Count the operations and memory of a step alone on the device; relate them to its time."""
    batch = next(random_batches(lengths, device))
    step(batch)  # The optimizer makes its state in its first update: no peak is before that.
    reset_peak_memory(device)
    with FlopCounterMode(display=False) as counter:
        step(batch)
    per_token = counter.get_total_flops() / len(batch.tokens_P)
    rate = median(n / each for n, each in zip(tokens, seconds, strict=True))
    return {
        "median_ms": round(1000 * median(seconds), 2),
        "tokens_per_second": round(rate),
        "share_of_matrix_peak": round(rate * per_token / peak, 3),
        "peak_GiB": round(peak_memory(device) / 2**30, 2),
    }


def replayed_ms(method: str, size: str, lengths: tuple[int, int], device: torch.device) -> float:
    """Capture a step on one batch as a CUDA graph; return the milliseconds of a replay."""
    step = whole_step(method, size, device, captured=True)
    batch = next(random_batches(lengths, device))
    masks = patch.object(cat, "save_random_state", _nowhere)  # Fresh ones: no stream is set back.
    aside, graph = torch.cuda.Stream(device), torch.cuda.CUDAGraph()  # type: ignore[no-untyped-call]
    torch.cuda.synchronize(device)
    with masks, torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            step(batch)
    torch.cuda.synchronize(device)
    with masks, torch.cuda.graph(graph):
        step(batch)
    return round(1000 * median(timed(graph.replay, device) for _ in range(REPLAYS)), 2)


def _nowhere(device: torch.device) -> RandomState:
    return RandomState(device=device, cpu=torch.get_rng_state(), cuda=None)


def steps_report(
    size: str, rounds: int, device: torch.device, peak: float
) -> dict[str, dict[str, object]]:
    """Time the steps in turns, then measure each one alone."""
    turns = {name: take_turns(size, each, rounds, device) for name, each in LENGTHS.items()}
    found: dict[str, dict[str, object]] = {}
    for name, (seconds, tokens) in turns.items():
        found[name] = {
            method: figures(
                whole_step(method, size, device), taken, tokens, LENGTHS[name], device, peak
            )
            for method, taken in seconds.items()
        }
        if device.type == "cuda":
            for method in seconds:
                alone = replayed_ms(method, size, LENGTHS[name], device)
                found[name][f"{method}_replayed_ms"] = alone
        ratio = median(seconds["cat"]) / median(seconds["standard"])
        found[name]["cat_to_standard"] = round(ratio, 3)
    return found


def sweep_report(trials: int, *options: str) -> dict[str, float]:
    """Run a sweep of small trials in an empty store; return the trials per hour."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = write_study(folder, trials, epochs=20, n_per_class=36)
        command = [*COMMAND, "run", str(path), "--store", str(folder / "store"), *options]
        start = time.perf_counter()
        subprocess.run(
            command, cwd=folder, env=environment(), capture_output=True, text=True, check=True
        )
        wall = time.perf_counter() - start
        store = Store(folder / "store", create=False)
        records = [store.record(name) for name in store.ended()]
    found = {"trials": trials, "seconds": round(wall, 1), "per_hour": round(trials * 3600 / wall)}
    taken = [(use.share, each.seconds) for each in records if (use := each.device_use)]
    if not taken:
        return found
    share = min(share for share, _ in taken)
    each = median(seconds for of, seconds in taken if of == share)
    return found | {
        "at_once": round(1 / share),
        "each_s": round(each, 2),
        "per_hour_warm": round(3600 / share / each),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--encoder", choices=tuple(SHAPES), default="large")
    parser.add_argument("--rounds", type=int, default=20, help="0: without 1.")
    parser.add_argument("--trials", type=int, default=64, help="0: without 2.")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU here (--device cpu --encoder small tries the code)")
    device = torch.device(options.device)
    report: dict[str, object] = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
    }
    if options.rounds:
        peak = matrix_peak(device)
        report["matrix_peak_tflops"] = round(peak / 1e12, 2)
        report["steps"] = steps_report(options.encoder, options.rounds, device, peak)
        free_memory(device)
    if options.trials:
        alone = ["--slots", "1"] if device.type == "cpu" else []
        report["sharing"] = sweep_report(options.trials, "--gpus-per-trial", "auto")
        report["one_at_a_time"] = sweep_report(max(1, options.trials // 4), *alone)
    print(json.dumps(report, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
