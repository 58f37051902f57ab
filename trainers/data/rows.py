"""The rows of a split, read from a file, a saved dataset or the Hugging Face hub.

In: a task, and a file, a folder or the hub. Out: `Rows`: columns of text, labels normalised by
`labels.py`, and the location of each row for error messages.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from search_spaces.errors import UserError
from search_spaces.input_files import is_folder
from search_spaces.tasks import Hub, Task
from search_spaces.text import one_line, unquoted
from trainers.data.csv_files import check_header
from trainers.data.hub import explain_failure, hub_answers
from trainers.data.labels import UNLABELLED, find_label_fault, normalise_label
from trainers.data.table_files import TableColumns, read_names, read_table, read_texts


class DataAbsent(UserError):
    """A task's files, its saved dataset or its hub dataset are not available here."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """N rows of a split: its texts by column, its labels, and its ids if it has any.

    `source` is the file or the hub's repository, `where(row)` the location of a row in it, and
    `commit` the commit of the repository, if it is known.
    """

    texts: tuple[list[str], ...]
    labels: list[str]
    ids: list[str] | None = None
    source: str
    where: Callable[[int], str]
    commit: str | None = None


def id_columns(task: Task) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the id columns that a file must have, and those that it may have."""
    return ((task.id,), ()) if task.id else ((), ("id",))


def read_file_rows(path: Path, task: Task) -> Rows:
    """Read the task's columns of texts and labels from a file, and its ids if there are any.

    Raises:
        UserError: as `read_table`, or a row has no label or no text.
    """
    ids, optional_ids = id_columns(task)
    found = read_table(path, (*task.text, task.label, *ids), optional=optional_ids)
    return _check_labels(found, task, str(path), next(iter((*ids, *optional_ids))))


def read_saved_dataset(folder: Path, task: Task) -> dict[str, Rows]:
    """Read a folder that `datasets.save_to_disk` wrote, by the names of its splits.

    Raises:
        UserError: it is not such a folder, or it lacks a column.
    """
    import datasets

    if not is_folder(folder):
        raise DataAbsent(f"task {task.name}: disk: there is no folder {folder}")
    datasets.disable_progress_bars()
    try:
        found = datasets.load_from_disk(str(folder), keep_in_memory=True)
    except Exception as error:
        raise UserError(
            f"task {task.name}: disk: {folder} is not a folder of datasets.save_to_disk"
            f" ({one_line(error)})"
        ) from error
    if not isinstance(found, datasets.DatasetDict):
        raise UserError(
            f"task {task.name}: disk: {folder} holds one table: save a DatasetDict with the splits"
            " train and, if there are some, dev and test"
        )
    return {
        split: _convert_saved_table(table, folder, split, task) for split, table in found.items()
    }


def _convert_saved_table(table: Any, folder: Path, split: str, task: Task) -> Rows:
    ids, optional_ids = id_columns(task)
    source = f"{folder}: {unquoted(split)}"
    check_header(source, table.column_names, (*task.text, task.label, *ids))
    present = [
        *task.text,
        task.label,
        *(n for n in (*ids, *optional_ids) if n in table.column_names),
    ]
    columns = {name: list(table[name][:]) for name in present}
    names = getattr(table.features[task.label], "names", None) or ()
    columns[task.label] = [_name_label(value, names) for value in columns[task.label]]
    found = TableColumns(columns=columns, where=lambda row: f"{source}: row {row + 1}")
    return _check_labels(found, task, source, next(iter((*ids, *optional_ids))))


def read_hub_dataset(task: Task, hub: Hub) -> dict[str, Rows]:
    """Load a task's splits from the hub, or from the cache of `datasets`.

    Raises:
        UserError: it cannot be loaded, or as `convert_hub_table`.
    """
    import datasets

    datasets.disable_progress_bars()
    hub_answers()
    more = {"revision": hub.revision} if hub.revision else {}
    try:
        tables = {
            split: datasets.load_dataset(hub.name, hub.config, split=part, **more)
            for split, part in hub.splits.items()
        }
    except Exception as error:
        raise DataAbsent(
            f"task {task.name}: cannot get {hub.name}: {explain_failure(error)}"
            f"{_files_instead(task)}"
        ) from error
    return {split: convert_hub_table(table, split, task, hub) for split, table in tables.items()}


def _files_instead(task: Task) -> str:
    files = [names[0] for split, names in task.files.items() if split not in task.optional]
    return f"; pass --data FOLDER that holds {', '.join(files)}" if files else ""


def convert_hub_table(table: Any, split: str, task: Task, hub: Hub) -> Rows:
    """Convert a hub table to rows: name its labels, and drop the rows that `hub` says to drop.

    Raises:
        UserError: it lacks a column, or a row has no label or no text.
    """
    label = hub.label or task.label
    ids = (task.id,) if task.id else ()
    check_header(f"{hub.name}: {split}", table.column_names, (*task.text, label, *ids))
    names = task.labels or tuple(getattr(table.features[label], "names", None) or ())
    labels = [_name_label(value, names) for value in table[label][:]]
    rows = list(zip(*(table[column][:] for column in (*task.text, *ids)), labels, strict=True))
    remaining = [row for row, values in enumerate(rows) if values[-1] not in hub.dropped_labels]
    if hub.drop_duplicates and split == "train":
        remaining = sorted({rows[row]: row for row in reversed(remaining)}.values())
    columns = {
        column: [rows[row][index] for row in remaining]
        for index, column in enumerate((*task.text, *ids, task.label))
    }

    def where(row: int) -> str:
        return f"{hub.name}: row {remaining[row] + 1} of {hub.splits.get(split, split)}"

    found = _check_labels(TableColumns(columns=columns, where=where), task, hub.name, task.id)
    return replace(found, commit=_find_commit(table, hub.name))


def _find_commit(table: Any, name: str) -> str | None:
    """Return the commit that a table was made from, which is part of its files' addresses."""
    addresses = " ".join(getattr(table.info, "download_checksums", None) or ())
    found = re.search(rf"{re.escape(name)}@([0-9a-f]{{40}})/", addresses)
    return found[1] if found else None


def _name_label(value: object, names: Sequence[str]) -> object:
    """Return the name of a label that is a number; one without a name, such as -1, is kept."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    return value


def _check_labels(found: TableColumns, task: Task, source: str, ids: str | None) -> Rows:
    """Normalise the labels; refuse a row without a valid one."""
    labels = [normalise_label(label) for label in read_names(found, task.label)]
    faults = {label: fault for label in set(labels) if (fault := find_label_fault(label))}
    if UNLABELLED in labels and UNLABELLED not in (task.labels or ()):
        faults[UNLABELLED] = f"is {UNLABELLED}, which means that it is unknown"
    if faults:
        row = next(row for row, label in enumerate(labels) if label in faults)
        raise UserError(f"{found.where(row)}: the label {faults[labels[row]]}")
    return Rows(
        texts=tuple(read_texts(found, column) for column in task.text),
        labels=labels,
        ids=read_names(found, ids) if ids in found.columns else None,
        source=source,
        where=found.where,
    )
