"""Copies finished trials from one store to another: from a cluster, or to join two sweeps.

In: two stores. Out: in the second one all trials that ended in the first, with what their reports
need. Nothing in the second is overwritten, and what has been copied before is not copied again.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainers.records.files import list_folder, path_exists, read_whole, write_file
from trainers.records.store import CorruptTrial, State, Store
from trainers.records.trial_folder import FAILURE, PRUNED, RESULT

MARKERS = {State.DONE: RESULT, State.FAILED: FAILURE, State.PRUNED: PRUNED}
"""The file of each state by which a trial has ended; it is written last."""

OTHER_FOLDERS = ("searches", "confirmations", "looks", "tasks", "code", "checkpoints")
"""Folders of files that are named by their content, and of trained models."""

Watch = Callable[[Sequence[str]], Iterable[str]]


@dataclass(kw_only=True)
class Synced:
    """How many trials were copied, and the trials that were not: corrupt, other, in training."""

    copied: int = 0
    present: int = 0
    corrupt: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    training: list[str] = field(default_factory=list)


def sync_stores(source: Store, target: Store, watch: Watch = iter) -> Synced:
    """Copy what the target lacks; every file of a trial is verified before.

    A trial that failed or was stopped early in the target is replaced by a finished one. Trials
    that both stores have finished with other results are `different`, and stay.

    Raises:
        UserError: a file cannot be read or written.
    """
    found = Synced()
    for folder in OTHER_FOLDERS:
        _copy_missing(source.root / folder, target.root / folder)
    for name in watch(sorted(source.ended())):
        try:
            state = source.check(name)
        except CorruptTrial:
            state = State.CORRUPT
        if state is State.CORRUPT or (state is State.DONE and not source.is_whole(name)):
            found.corrupt.append(name)
        else:
            _sync_trial(name, state, source, target, found)
    return found


def _sync_trial(name: str, state: State, source: Store, target: Store, found: Synced) -> None:
    before = target.state(name)
    if before is State.DONE:
        same = state is not State.DONE or _results(source, name) == _results(target, name)
        found.present += same
        found.different += [] if same else [name]
    elif before is state:
        found.present += 1
    else:
        with target.lock(name) as mine:
            if not mine:
                found.training.append(name)
                return
            _copy_trial(source.folder(name), target.folder(name), MARKERS[state])
            target.remove_running(name)
        found.copied += 1


def _results(store: Store, name: str) -> dict[str, Any]:
    """Return the scores and the checksums of a finished trial."""
    record = store.record(name)
    return {"scores": record.scores, "files": record.files}


def _copy_trial(source: Path, target: Path, marker: str) -> None:
    target.mkdir(exist_ok=True)
    names = [entry.name for entry in list_folder(source) if entry.name not in MARKERS.values()]
    for name in (*names, marker):
        if not name.startswith("."):
            write_file(target / name, read_whole(source / name))


def _copy_missing(source: Path, target: Path) -> None:
    """Copy the files of a folder and its folders that the target lacks, but no locks."""
    for entry in list_folder(source):
        path = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            _copy_missing(Path(entry.path), path)
        elif not entry.name.startswith((".", "lock")) and not path_exists(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, read_whole(Path(entry.path)))
