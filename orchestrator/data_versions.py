"""A study's own tasks with their rows: read from its files, or remembered by the store.

In: a study, the data folder, the store. Out: the same study, whose trials are named by their data;
and what a store has of trials that were trained on other data.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.errors import UserError
from search_spaces.study import Study
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig

if TYPE_CHECKING:
    from trainers.data.identity import Identity
    from trainers.records.store import Store


def with_own_data(study: Study, data: Path | None, store: "Store | None") -> Study:
    """Name the rows of a study's own tasks; without its files, those that the store knows.

    Raises:
        UserError: a task's files are not there or not right, or its metric is not for its labels.
    """
    if not study.own_tasks:
        return study
    from trainers.data.hub import pin_revision

    own = {name: pin_revision(task) for name, task in study.own_tasks.items()}
    found = {name: _identity(study, task, data, store) for name, task in own.items()}
    tasks = {
        name: task.model_copy(
            update={
                "counts": found[name].rows,
                "tokens": found[name].tokens or None,
                "classes": len(found[name].labels),
            }
        )
        for name, task in own.items()
    }
    digests = {name: identity.digest for name, identity in found.items()}
    return study.with_data(digests, tasks)


def _identity(study: Study, task: Task, data: Path | None, store: "Store | None") -> "Identity":
    from trainers.data.identity import identify, read_identities
    from trainers.data.rows import DataAbsent

    try:
        return identify(task, data)
    except DataAbsent as error:
        known = read_identities(store, task.name) if store else []
        if len(known) == 1:
            return known[0]
        more = f"; the store has trials of {len(known)} versions of them" if known else ""
        raise UserError(f"study {study.name}: {error}{more}") from error
    except UserError as error:
        raise UserError(f"study {study.name}: {error}") from error


def keep_own_data(study: Study, data: Path | None, store: "Store") -> None:
    """Note in the store which rows a study's own tasks have; UserError where it cannot."""
    from trainers.data.identity import identify, keep_identity

    for task in study.own_tasks.values():
        keep_identity(store, identify(task, data))


def other_versions(study: Study, data: Path | None, store: "Store | None") -> list[str]:
    """Say which of a study's trials the store has of other rows of its own tasks: those stay.

    Raises:
        UserError: a record of a task's data cannot be read.
    """
    from orchestrator.own_code import other_code
    from trainers.data.identity import read_identities

    if store is None:
        return []
    lines = other_code(study, store)
    finished = store.ended()
    for name, task in study.own_tasks.items():
        identities = {known.digest: known for known in read_identities(store, name)}
        now = _identity(study, task, data, store)
        identities.pop(now.digest, None)
        trials = [trial for trial in study.trials() if trial.task == name]
        for digest, before in identities.items():
            others = (trial.model_copy(update={"data": digest}) for trial in trials)
            there = sum(trial.signature in finished for trial in others)
            if there:
                lines.append(
                    f"task {name}: {_were(there)} trained on other data"
                    f" ({_difference(before, now)}): they stay in the store, and are not of this"
                    " study as its data are now"
                )
    return lines


def stale_trials(study: Study, store: "Store", data: Path | None) -> dict[str, list[TrialConfig]]:
    """Find trials of shipped tasks, of those whose records were read, that saw other rows.

    Returns them by what differs from the files as they are now, in words. A study's own tasks have
    none: other rows are other trials. Rows that are in no file, as the hub's, are not looked at.

    Raises:
        UserError: the files cannot be read.
    """
    from trainers.data.identity import ROW_SETTINGS, compute_fingerprints

    now: dict[tuple[object, ...], dict[str, str] | None] = {}
    found: dict[str, list[TrialConfig]] = {}
    for trial in study.trials():
        if trial.data is not None:
            continue
        key = (trial.task, *(getattr(trial, name) for name in ROW_SETTINGS))
        if key not in now:
            now[key] = compute_fingerprints(study.task(trial.task), data, trial)
        seen = now[key]
        record = store.cached_record(trial.signature) if seen else None
        if seen is None or record is None:
            continue
        before = record.fingerprints
        differing = [name for name in seen if before.get(name, seen[name]) != seen[name]]
        if differing:
            found.setdefault(f"task {trial.task}: {_listed(differing)}", []).append(trial)
    return found


def data_notes(study: Study, store: "Store | None", data: Path | None) -> list[str]:
    """Say which of a study's trials the store has of other data than there are now.

    Of shipped tasks those whose records were read. What cannot be read now is not looked at: the
    store is shown all the same.
    """
    if store is None:
        return []
    try:
        stale = stale_trials(study, store, data)
    except UserError:
        stale = {}
    lines = [f"{line}; `run --retry` trains them again" for line in stale_lines(stale)]
    return [*other_versions(study, data, store), *lines]


def stale_lines(stale: Mapping[str, Sequence[TrialConfig]]) -> list[str]:
    """Say of how many trials which data differ."""
    return [
        f"{_were(len(trials))} trained on other data than is there now ({what})"
        for what, trials in stale.items()
    ]


def _were(n: int) -> str:
    return "1 trial was" if n == 1 else f"{n} trials were"


def _listed(splits: Sequence[str]) -> str:
    return f"{', '.join(splits)} {'differs' if len(splits) == 1 else 'differ'}"


def _difference(before: "Identity", now: "Identity") -> str:
    """Say in which splits, or else in what of its definition, a task differs from what it was."""
    names = dict.fromkeys([*before.splits, *now.splits])
    splits = [name for name in names if before.splits.get(name) != now.splits.get(name)]
    if splits:
        return _listed(splits)
    what = "the order of its labels" if before.labels != now.labels else "metric, dev or difficult"
    return f"{what} differs"
