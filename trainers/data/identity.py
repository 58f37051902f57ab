"""The identity of a task's rows: a digest of its definition and its splits. No torch here.

In: a task and the data folder. Out: an `Identity`. Reading rows takes seconds, so identities are
cached in the user's cache folder, by the names, sizes and times of the files.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from search_spaces.errors import UserError, unknown_name
from search_spaces.input_files import expand_home
from search_spaces.tasks import Task
from search_spaces.trial import TrainingSettings
from trainers.data.difficulty import add_difficult_split
from trainers.data.hub import COMMIT
from trainers.data.loading import TaskData, check_files, load_task, select_examples
from trainers.records.files import (
    Unreadable,
    list_folder,
    path_exists,
    read_whole,
    write_file,
    write_if_absent,
)
from trainers.records.metrics import METRICS, OWN_METRICS, get_metric, short_name
from trainers.records.record import Count, Record, decode_record, encode_record
from trainers.records.store import Store

ROW_SETTINGS: Final = (
    "select_on",
    "heldout_fraction",
    "n_per_class",
    "max_eval_samples",
    "subset_seed",
    "train_fraction",
    "fraction_seed",
    "difficulty",
)
"""The settings of a trial that decide which rows it uses."""
CACHE_VERSION: Final = 1
"""Raised when the fingerprint of rows, or what is cached of them, changes."""
TOKENS_PER_WORD: Final = 1.3
"""BERT's lower-casing vocabulary on English text; for estimates alone."""


class Identity(Record):
    """A task's rows: `digest` names them in the signatures of trials; the rest describes them.

    `splits` has the fingerprint of each split, `rows` their numbers of rows; `tokens` is a rough
    mean per training example, `revision` that of a dataset on the hub.
    """

    task: str
    digest: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    labels: tuple[str, ...]
    splits: dict[str, str]
    rows: dict[str, Count]
    tokens: Annotated[float, Field(ge=0)]
    revision: str | None = None
    warnings: tuple[str, ...] = ()


def identify(task: Task, folder: Path | None) -> Identity:
    """Return the identity of a task's rows, from the cache or by reading them.

    Raises:
        UserError: as `load_task`, or the metric does not allow this number of labels.
    """
    path = _cache_file(task, folder)
    if path and (found := _recall(path)):
        return found
    found = make_identity(load_task(task, folder))
    if path:
        _remember(path, found)
    return found


def compute_fingerprints(
    task: Task, folder: Path | None, settings: TrainingSettings
) -> dict[str, str] | None:
    """Return the fingerprints a trial's splits would have now; None if the rows are in no file.

    A difficult subset that an encoder chooses is left out, because it needs the encoder.

    Raises:
        UserError: as `load_task` and `select_examples`.
    """
    chosen = settings.model_dump(mode="json", include=set(ROW_SETTINGS))
    path = _cache_file(task, folder, chosen)
    if path is None:
        return None
    if found := _recall(path):
        return found.splits
    loaded = load_task(task, folder)
    if settings.difficulty != "encoder":
        loaded = add_difficult_split(loaded, settings)
    data = select_examples(loaded, settings)
    found = make_identity(data)
    _remember(path, found)
    return found.splits


def make_identity(data: TaskData) -> Identity:
    """Compute the identity of a loaded task's rows.

    Raises:
        UserError: the task's metric does not allow this number of labels.
    """
    check_metric_names(data.task)
    check_metrics(data.task, len(data.labels))
    splits = {name: split.fingerprint() for name, split in data.splits.items()}
    definition = {"labels": data.labels, "splits": splits, **_definition(data.task)}
    digest = hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()[:16]
    train = data.splits["train"]
    words = sum(len(text.split()) for column in train.texts for text in column)
    return Identity(
        task=data.name,
        digest=digest,
        labels=data.labels,
        splits=splits,
        rows={name: len(split) for name, split in data.splits.items()},
        tokens=round(TOKENS_PER_WORD * words / len(train) + 1 + len(train.texts), 1),
        warnings=data.warnings,
        revision=data.task.hub.revision if data.task.hub else None,
    )


def check_metric_names(task: Task) -> None:
    """Check that a task's metrics exist; UserError suggests the nearest name."""
    for name in (task.metric, *task.beside):
        if name not in METRICS and name not in OWN_METRICS:
            raise unknown_name(f"metric of task {task.name}", name, METRICS)


def check_metrics(task: Task, n_classes: int) -> None:
    """Check that a task's metrics allow this number of labels; UserError otherwise."""
    for name in (task.metric, *task.beside):
        metric = get_metric(name)
        if n_classes < 2 or not metric.allows(n_classes):
            most = metric.max_classes
            labels = f"{'' if most == 2 else 'at most '}{most}" if most else "two or more"
            raise UserError(
                f"task {task.name}: metric {short_name(name)} is for {labels} labels, and the"
                f" training rows have {n_classes}"
            )


def _definition(task: Task) -> dict[str, Any]:
    """Return what changes a result in a task's definition, besides its rows."""
    return {"metric": task.metric, "dev": task.dev, "difficult": task.difficult}


def _cache_file(
    task: Task, folder: Path | None, chosen: Mapping[str, object] | None = None
) -> Path | None:
    """Return the cache file for the rows of these files, or for the rows chosen from them.

    None if the rows are in no file.
    """
    files = _files(task, folder)
    pinned = task.hub is not None and COMMIT.fullmatch(task.hub.revision or "")
    if not (files or pinned):
        return None
    try:
        stats = [(str(path.absolute()), *_file_stamp(path.stat())) for path in files]
    except OSError:
        return None
    fields = task.model_dump(mode="json", exclude={"folder", "title", "positive_title", "beside"})
    key = json.dumps([CACHE_VERSION, fields, stats, chosen], sort_keys=True)
    return cache_folder() / "data" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"


def _files(task: Task, folder: Path | None) -> list[Path]:
    files: Iterable[Path] = check_files(task, folder).values()
    if task.disk:
        files = (path for path in task.resolve(task.disk).rglob("*") if path.is_file())
    return sorted(files)


def _file_stamp(found: os.stat_result) -> tuple[int, ...]:
    """Return what changes when a file is written; ctime changes even if mtime is set back."""
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def cache_folder() -> Path:
    """Return the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or expand_home(Path("~/.cache"))) / "catsweep"


def _recall(path: Path) -> Identity | None:
    try:
        return decode_record(Identity, read_whole(path))
    except (OSError, ValueError):
        return None


def _remember(path: Path, found: Identity) -> None:
    with suppress(OSError, UserError):  # The rows can be read again.
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, encode_record(found), sync=False)


def keep_identity(store: Store, identity: Identity) -> None:
    """Write to the store that trials may be trained on these rows, unless it has that already.

    Raises:
        UserError: it cannot be written.
    """
    path = store.tasks / identity.task / f"{identity.digest}.json"
    if not path_exists(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_if_absent(path, encode_record(identity))


def read_identities(store: Store, task: str) -> list[Identity]:
    """Read the identities of the rows that trials of a task in the store use.

    Raises:
        UserError: a record cannot be read.
    """
    entries = list_folder(store.tasks / task)
    return [_read(Path(entry.path)) for entry in entries if entry.name.endswith(".json")]


def _read(path: Path) -> Identity:
    try:
        return decode_record(Identity, read_whole(path))
    except (IsADirectoryError, ValueError) as error:
        raise UserError(
            f"{path} is not a valid record of a task's data ({error}): remove it, and run the study"
            " again"
        ) from error
    except OSError as error:
        raise Unreadable(path, error) from error
