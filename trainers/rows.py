"""A split's rows as their source has them: a CSV file, or a table of the Hugging Face hub.

In: a task, and a file or the hub. Out: `Rows`: columns of text, the labels by the rule of
`labels.py`, and where each row stands, for an error.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.errors import UserError
from trainers.csv_files import line_of, read_columns
from trainers.hub import hub_answers, why
from trainers.labels import UNLABELLED, as_label, fault_of_label
from trainers.tasks import HubSource, Task


@dataclass(frozen=True, kw_only=True)
class Rows:
    """N rows of a split: N entries of each of the task's columns, `label` and perhaps `id`.

    `source` names the file or the repository, `where` the place of a row in it.
    """

    columns: Mapping[str, list[str]]
    source: str
    where: Callable[[int], str]

    @property
    def labels(self) -> list[str]:
        """The labels' names."""
        return self.columns["label"]


def rows_of_file(path: Path, task: Task) -> Rows:
    """Read a CSV file with the task's columns, `label` and perhaps `id`.

    Raises:
        UserError: as `read_columns`, or a row has no label.
    """
    columns = read_columns(path, (*task.columns, "label"), optional=("id",))
    return _labelled(columns, task, str(path), lambda row: f"{path}: line {line_of(path, row)}")


def rows_of_hub(name: str, task: Task, hub: HubSource) -> dict[str, Rows]:
    """Load a task's splits from the hub, or from what `datasets` has cached of it.

    Raises:
        UserError: it cannot be had, or as `hub_rows`.
    """
    import datasets

    datasets.disable_progress_bars()
    hub_answers()
    try:
        tables = {
            split: datasets.load_dataset(hub.repository, hub.config, split=part)
            for split, part in hub.splits.items()
        }
    except Exception as error:
        files = ", ".join(
            f"{name}/{stems[0]}.csv"
            for split, stems in task.splits.items()
            if split not in task.optional
        )
        raise UserError(
            f"task {name}: cannot get {hub.repository}: {why(error)};"
            f" pass --data FOLDER that holds {files}"
        ) from error
    return {split: hub_rows(table, split, task, hub) for split, table in tables.items()}


def hub_rows(table: Any, split: str, task: Task, hub: HubSource) -> Rows:
    """Turn a hub table into text rows: label numbers to names, drops as the source says.

    Raises:
        UserError: a row has no label or no text.
    """
    names = task.labels or tuple(getattr(table.features[hub.label_column], "names", ()))
    labels = [_named(value, names) for value in table[hub.label_column][:]]
    rows = list(zip(*(table[column][:] for column in task.columns), labels, strict=True))
    kept = [row for row, values in enumerate(rows) if values[-1] not in hub.dropped_labels]
    if hub.drop_duplicates and split == "train":
        kept = sorted({rows[row]: row for row in reversed(kept)}.values())
    columns = {
        column: [rows[row][place] for row in kept]
        for place, column in enumerate((*task.columns, "label"))
    }

    def where(row: int) -> str:
        return f"{hub.repository}: row {kept[row] + 1} of {hub.splits.get(split, split)}"

    for column in task.columns:
        if None in columns[column]:
            raise UserError(f"{where(columns[column].index(None))}: {column} is missing")
    return _labelled(columns, task, hub.repository, where)


def _named(value: object, names: Sequence[str]) -> str:
    """Name a label that is a number; one that no name belongs to, as -1, stays what it is."""
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    return "" if value is None else as_label(str(value))


def _labelled(
    columns: Mapping[str, list[str]], task: Task, source: str, where: Callable[[int], str]
) -> Rows:
    """Write the labels as they are compared; refuse a row that has none."""
    labels = [as_label(label) for label in columns["label"]]
    faults = {label: fault for label in set(labels) if (fault := fault_of_label(label))}
    if UNLABELLED in labels and UNLABELLED not in (task.labels or ()):
        faults[UNLABELLED] = f"is {UNLABELLED}, which means that none is known"
    if faults:
        row = next(row for row, label in enumerate(labels) if label in faults)
        raise UserError(f"{where(row)}: the label {faults[labels[row]]}")
    return Rows(columns={**columns, "label": labels}, source=source, where=where)
