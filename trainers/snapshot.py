"""A trial's checkpoint: one safetensors file from which it continues bit for bit.

In: a TrialRun between two steps. Out: a file with weights, optimizer state, random state, running
sums, the tensors that the method carries on and, as metadata, the progress and a checksum over
everything. The data order needs no state: it follows from the seed and the epoch.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from xxhash import xxh3_128

from search_spaces.text import one_line
from trainers.encoders.machine import ran_out_of_memory
from trainers.loop import TrainingState, TrialRun, load_parameters
from trainers.records.files import Unreadable, replace_file
from trainers.records.outcome import EpochRecord


class UnusableSnapshot(Exception):
    """A trial cannot continue from this file; the run it was read for may be half restored."""


def save_snapshot(run: TrialRun, path: Path) -> None:
    """Write the trial's state to a temporary file, sync it, and rename it to `path`.

    Raises:
        StoreFull: no space is left; an earlier snapshot is unchanged.
    """
    tensors = _collect_tensors(run)
    meta = {
        "config": run.config.canonical_json(),
        "place": json.dumps(dataclasses.asdict(run.progress)),
        "fingerprints": json.dumps(dict(run.prepared.fingerprints)),
    }
    with replace_file(path) as temporary:
        save_file(tensors, temporary, metadata=meta | {"checksum": _checksum(tensors, meta)})


def _collect_tensors(run: TrialRun) -> dict[str, Tensor]:
    tensors = {f"model.{name}": p.detach() for name, p in run.model.named_parameters()}
    for name, parameter in run.model.named_parameters():
        for key, value in run.optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = value
    tensors |= {f"best.{name}": value for name, value in (run.best or {}).items()}
    tensors |= {f"losses.{name}": value for name, value in run.loss_sums.items()}
    tensors |= {f"carried.{name}": value for name, value in run.carried.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    tensors["random.method"] = run.random.get_state()
    if run.device.type == "cuda":
        tensors["random.cuda"] = torch.cuda.get_rng_state(run.device)
    return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}


def _checksum(tensors: Mapping[str, Tensor], meta: Mapping[str, str]) -> str:
    """Hash names, types, shapes and bytes of all tensors, and the metadata."""
    digest = xxh3_128(json.dumps(sorted(meta.items())).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_snapshot(run: TrialRun, path: Path) -> bool:
    """Restore a run from `path`; return whether there was a snapshot.

    Raises:
        UnusableSnapshot: it is not an intact snapshot of this trial; start with a new run.
        Unreadable: the system does not let this process read it.
        MemoryError, RuntimeError: it does not fit in memory.
    """
    try:
        with path.open("rb"):  # Safetensors reports a file that it may not read as missing.
            pass
    except FileNotFoundError:
        return False
    except IsADirectoryError as error:
        raise UnusableSnapshot(one_line(error)) from error
    except OSError as error:
        raise Unreadable(path, error) from error
    try:
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        _check(meta, tensors, run)
        _restore(run, tensors, TrainingState(**json.loads(meta["place"])))
    except Exception as error:
        if ran_out_of_memory(error):
            raise
        raise UnusableSnapshot(one_line(error)) from error
    return True


def _check(meta: dict[str, str], tensors: Mapping[str, Tensor], run: TrialRun) -> None:
    checksum = meta.pop("checksum", None)
    if checksum is None:
        raise ValueError("it has no checksum: an older catsweep wrote it")
    if checksum != _checksum(tensors, meta):
        raise ValueError("it does not match its checksum")
    if meta["config"] != run.config.canonical_json():
        raise ValueError("it belongs to another trial")
    if json.loads(meta["fingerprints"]) != run.prepared.fingerprints:
        raise ValueError("it was trained on other data or another encoder")


def _restore(run: TrialRun, tensors: Mapping[str, Tensor], progress: TrainingState) -> None:
    def part(prefix: str) -> dict[str, Tensor]:
        return {
            name.removeprefix(prefix): value.to(run.device)
            for name, value in tensors.items()
            if name.startswith(prefix)
        }

    for epoch in progress.curve:
        EpochRecord.model_validate(epoch)
    load_parameters(run.model, part("model."))
    named = dict(run.model.named_parameters())
    for entry, value in part("optimizer.").items():
        key, name = entry.split(".", 1)
        if value.shape not in {named[name].shape, torch.Size([])}:
            raise ValueError(f"{entry} has another shape than its parameter")
        run.optimizer.state[named[name]][key] = value
    run.best = part("best.") or None
    run.loss_sums, run.carried = part("losses."), part("carried.")
    torch.set_rng_state(tensors["random.cpu"])
    run.random.set_state(tensors["random.method"])
    if "random.cuda" in tensors and run.device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random.cuda"], run.device)
    run.progress = dataclasses.replace(progress, resumed=progress.resumed + 1)
