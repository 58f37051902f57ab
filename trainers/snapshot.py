"""A trial's checkpoint: one safetensors file from which it continues bit for bit.

In: a TrialRun between two steps. Out: a file with weights, optimizer state, random state, running
sums, what the method carries on and, as metadata, the place in the epochs. The data order needs no
state: it follows from the seed and the epoch.
"""

import dataclasses
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from search_spaces.trial import TrialConfig
from trainers.files import NO_SPACE, StoreFull, sync_to_disk
from trainers.loop import Place, TrialRun, load_parameters


def save_snapshot(run: TrialRun, path: Path) -> None:
    """Write the trial's state to `path`: to a temporary name first, synced, then renamed.

    Raises:
        StoreFull: no space is left; an earlier snapshot stays as it was.
    """
    meta = {
        "config": run.config.canonical_json(),
        "place": json.dumps(dataclasses.asdict(run.place)),
        "fingerprints": json.dumps(dict(run.prepared.fingerprints)),
    }
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        save_file(_tensors(run), temporary, metadata=meta)
        sync_to_disk(temporary)
    except (SafetensorError, OSError) as error:
        temporary.unlink(missing_ok=True)
        if _means_full(error):
            raise StoreFull(f"no space left to write {path}: free some and run again") from error
        raise
    temporary.replace(path)


def _means_full(error: Exception) -> bool:
    """Whether no space was left; safetensors gives the error's number in its message only."""
    told = any(f"os error {number}" in str(error) for number in NO_SPACE)
    return told or (isinstance(error, OSError) and error.errno in NO_SPACE)


def _tensors(run: TrialRun) -> dict[str, Tensor]:
    kept = {f"model.{name}": p.detach() for name, p in run.model.named_parameters()}
    for name, parameter in run.model.named_parameters():
        for key, value in run.optimizer.state.get(parameter, {}).items():
            kept[f"optimizer.{key}.{name}"] = value
    kept |= {f"best.{name}": value for name, value in (run.best or {}).items()}
    kept |= {f"losses.{name}": value for name, value in run.loss_sums.items()}
    kept |= {f"carried.{name}": value for name, value in run.carried.items()}
    kept["random.cpu"] = torch.get_rng_state()
    kept["random.method"] = run.random.get_state()
    if run.device.type == "cuda":
        kept["random.cuda"] = torch.cuda.get_rng_state(run.device)
    return {name: tensor.contiguous() for name, tensor in kept.items()}


def load_snapshot(run: TrialRun, path: Path) -> bool:
    """Continue from `path` if it is a whole snapshot of this very trial; say whether it was."""
    try:
        with safe_open(path, framework="pt", device=str(run.device)) as file:
            meta = file.metadata() or {}
            if not _belongs(meta, run):
                return False
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return False
    _restore(run, tensors, Place(**json.loads(meta["place"])))
    return True


def _belongs(meta: dict[str, str], run: TrialRun) -> bool:
    config: TrialConfig = run.config
    prints = json.loads(meta.get("fingerprints", "{}"))
    return meta.get("config") == config.canonical_json() and prints == run.prepared.fingerprints


def _restore(run: TrialRun, tensors: dict[str, Tensor], place: Place) -> None:
    def part(prefix: str) -> dict[str, Tensor]:
        return {
            name.removeprefix(prefix): value
            for name, value in tensors.items()
            if name.startswith(prefix)
        }

    load_parameters(run.model, part("model."))
    named = dict(run.model.named_parameters())
    for entry, value in part("optimizer.").items():
        key, name = entry.split(".", 1)
        run.optimizer.state[named[name]][key] = value
    run.best = part("best.") or None
    run.loss_sums, run.carried = part("losses."), part("carried.")
    torch.set_rng_state(tensors["random.cpu"].cpu())
    run.random.set_state(tensors["random.method"].cpu())
    if "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"].cpu(), run.device)
    run.place = dataclasses.replace(place, resumed=place.resumed + 1)
