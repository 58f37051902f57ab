"""The data of a study: the rows of its own tasks, and trials that were trained on other rows.

In: a study, the data folder, the store. Out: the same study with the rows of its own tasks, read
from files or known from the store, so that their digest is part of each trial's signature; and the
stored trials that saw other data.
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


def add_own_data(study: Study, data: Path | None, store: "Store | None") -> Study:
    """Add the rows of a study's own tasks, from their files or, without them, from the store.

    Raises:
        UserError: a task's files are missing or wrong, or its metric does not fit its labels.
    """
    if not study.own_tasks:
        return study
    from trainers.data.hub import pin_revision

    try:
        own = {name: pin_revision(task) for name, task in study.own_tasks.items()}
    except UserError as error:
        raise UserError(f"study {study.name}: {error}") from error
    found = {name: _find_identity(study, task, data, store) for name, task in own.items()}
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


def _find_identity(
    study: Study, task: Task, data: Path | None, store: "Store | None"
) -> "Identity":
    from trainers.data.identity import identify, read_identities
    from trainers.data.rows import DataAbsent

    try:
        return identify(task, data)
    except DataAbsent as error:
        known = read_identities(store, task.name) if store else []
        if len(known) == 1:
            return known[0]
        more = f"; the store has trials on {len(known)} versions of them" if known else ""
        raise UserError(f"study {study.name}: {error}{more}") from error
    except UserError as error:
        raise UserError(f"study {study.name}: {error}") from error


def keep_own_data(study: Study, data: Path | None, store: "Store") -> None:
    """Record in the store which rows a study's own tasks have.

    Raises:
        UserError: the record cannot be written.
    """
    from trainers.data.identity import identify, keep_identity

    for task in study.own_tasks.values():
        keep_identity(store, identify(task, data))


def find_other_versions(study: Study, data: Path | None, store: "Store | None") -> list[str]:
    """Describe stored trials of a study's own tasks that were trained on other rows or code.

    Raises:
        UserError: a record of a task's data cannot be read.
    """
    from orchestrator.own_code import find_other_code
    from trainers.data.identity import read_identities

    if store is None:
        return []
    lines = find_other_code(study, store)
    ended = store.ended()
    for name, task in study.own_tasks.items():
        identities = {known.digest: known for known in read_identities(store, name)}
        now = _find_identity(study, task, data, store)
        identities.pop(now.digest, None)
        trials = [trial for trial in study.trials() if trial.task == name]
        for digest, before in identities.items():
            others = (trial.model_copy(update={"data": digest}) for trial in trials)
            n = sum(trial.signature in ended for trial in others)
            if n:
                lines.append(
                    f"task {name}: {_count_trained(n)} trained on other data"
                    f" ({_describe_difference(before, now)}): they stay in the store, but do not"
                    " belong to this study with its present data"
                )
    return lines


def find_stale_trials(
    study: Study, store: "Store", data: Path | None
) -> dict[str, list[TrialConfig]]:
    """Find trials of shipped tasks that were trained on other rows than the files have now.

    Only trials whose records have been read are checked. They are returned by a description of what
    differs. A study's own tasks have no stale trials, since other rows make other trials, and rows
    that are not in files (those of the hub) are not checked.

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
            found.setdefault(f"task {trial.task}: {_join_splits(differing)}", []).append(trial)
    return found


def describe_other_data(study: Study, store: "Store | None", data: Path | None) -> list[str]:
    """Describe stored trials that were trained on other data than the study has now.

    For shipped tasks, only trials whose records have been read are checked. Files that cannot be
    read are skipped, so that the store can be shown all the same.
    """
    if store is None:
        return []
    try:
        stale = find_stale_trials(study, store, data)
    except UserError:
        stale = {}
    lines = [f"{line}; `run --retry` trains them again" for line in describe_stale_trials(stale)]
    return [*find_other_versions(study, data, store), *lines]


def describe_stale_trials(stale: Mapping[str, Sequence[TrialConfig]]) -> list[str]:
    """Describe how many trials were trained on other data, and what differs."""
    return [
        f"{_count_trained(len(trials))} trained on other data than the present files ({what})"
        for what, trials in stale.items()
    ]


def _count_trained(n: int) -> str:
    return "1 trial was" if n == 1 else f"{n} trials were"


def _join_splits(splits: Sequence[str]) -> str:
    return f"{', '.join(splits)} {'differs' if len(splits) == 1 else 'differ'}"


def _describe_difference(before: "Identity", now: "Identity") -> str:
    """Describe which splits of a task differ, or else which part of its definition."""
    names = dict.fromkeys([*before.splits, *now.splits])
    splits = [name for name in names if before.splits.get(name) != now.splits.get(name)]
    if splits:
        return _join_splits(splits)
    what = "the order of its labels" if before.labels != now.labels else "metric, dev or difficult"
    return f"{what} differs"
