"""What a store knows about one trial, as text: its settings, its epochs, its end.

In: a store and the beginning of a trial's signature. Out: lines for the terminal.
"""

import json
import re
import time
from collections.abc import Iterator, Sequence

from search_spaces.errors import UserError
from search_spaces.text import quoted
from trainers.records.files import list_folder, read_whole
from trainers.records.outcome import EpochRecord
from trainers.records.store import State, Store
from trainers.records.trial_folder import SETTINGS

UNINTERESTING = {"version", "data"}
"""Keys of a trial's settings that are not printed."""


def find_trial(store: Store, beginning: str) -> str:
    """Return the one trial, ended or running, whose signature begins so.

    Raises:
        UserError: there is none, or there are several.
    """
    if not re.fullmatch("[0-9a-f]{1,12}", beginning):
        raise UserError(
            f"{quoted(beginning)} is not the beginning of a trial's signature: `catsweep status"
            " STUDY` names failed trials, `catsweep export STUDY --to csv` all of them"
        )
    running = {entry.name for entry in list_folder(store.root / "running") if entry.is_dir()}
    found = sorted(name for name in store.ended() | running if name.startswith(beginning))
    if len(found) == 1:
        return found[0]
    several = f": {', '.join(found[:5])}{', ...' if len(found) > 5 else ''}" if found else ""
    number = f"{len(found)} trials" if found else "no trial"
    raise UserError(f"store {store.root} has {number} whose signature begins {beginning}{several}")


def log_lines(store: Store, name: str) -> Iterator[str]:
    """Describe a trial: its state and settings, each epoch, and why it failed.

    Raises:
        CorruptTrial: its record is damaged.
    """
    state = store.check(name)
    yield f"trial {name}: {state.value}"
    yield from _describe_settings(store, name)
    if state is State.DONE:
        record = store.record(name)
        where, n = record.environment, record.resumed
        times = f", resumed {n} time{'' if n == 1 else 's'}" if n else ""
        yield (
            f"finished {record.finished_at} on {where.host} ({where.device},"
            f" {where.threads} threads) after {record.seconds:.0f} s{times}"
        )
        yield from _describe_epochs(record.epochs, record.metric, record.selected_epoch)
        for split, scores in record.scores.items():
            listed = ", ".join(f"{metric} {score.value:.4f}" for metric, score in scores.items())
            yield f"{split}: {listed}"
    elif state is State.FAILED:
        failure = store.failure(name)
        yield f"failed {failure.failed_at} on {failure.host}: {failure.kind}: {failure.reason}"
        yield from failure.traceback.splitlines()
    elif state is State.PRUNED:
        pruned = store.pruned(name)
        yield f"stopped early {pruned.pruned_at} by {pruned.scheduler}"
        yield from _describe_epochs(pruned.epochs, "score", None)
    elif (progress := store.progress(name)) is not None:
        ago = max(0.0, time.time() - progress.updated_at)
        loss = "" if progress.loss is None else f", loss {progress.loss:.4g}"
        yield (
            f"step {progress.step:,} of {progress.steps:,}{loss}, on {progress.host}, process"
            f" {progress.pid}, {ago:.0f} s ago"
        )


def _describe_settings(store: Store, name: str) -> Iterator[str]:
    try:
        settings = json.loads(read_whole(store.folder(name) / SETTINGS))
    except (OSError, ValueError):  # A running trial has no settings there yet.
        return
    method = settings.pop("method", {})
    kind = method.pop("name", "")
    pairs = {**settings, **{f"{kind}.{key}": value for key, value in method.items()}}
    listed = [f"{key}={value}" for key, value in pairs.items() if key not in UNINTERESTING]
    yield " ".join([f"method={kind}", *listed])


def _describe_epochs(
    epochs: Sequence[EpochRecord], metric: str, selected: int | None
) -> Iterator[str]:
    for epoch in epochs:
        losses = " ".join(f"{key} {value:.4g}" for key, value in epoch.losses.items())
        chosen = "  (selected)" if epoch.epoch == selected else ""
        yield f"epoch {epoch.epoch}: {metric} {epoch.score:.4f}  {losses}{chosen}"
