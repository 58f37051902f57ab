"""A task's examples, loaded through `datasets` from the hub or from CSV files.

In: a task's name and, optionally, the data folder. Out: `TaskData`: texts, ids and integer labels
of each split, with fingerprints. Then the rows that a trial trains and is selected on.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search_spaces.errors import UserError
from search_spaces.text import quoted
from search_spaces.trial import TrainingSettings
from trainers.csv_files import header_of, read_columns
from trainers.hub import hub_answers, why
from trainers.tasks import STAND_INS, HubSource, Task, get_task

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Split:
    """N examples: ids (unique), one list of N texts per column, and labels (N,) in 0..C-1."""

    ids: list[str]
    texts: tuple[list[str], ...]
    labels: Labels

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Iterable[int]) -> "Split":
        """Return the given rows, in the given order."""
        index = list(rows)
        return Split(
            ids=[self.ids[row] for row in index],
            texts=tuple([column[row] for row in index] for column in self.texts),
            labels=self.labels[index],
        )

    def fingerprint(self) -> str:
        """16 hex digits of SHA-256 over ids, texts and labels."""
        digest = hashlib.sha256()
        for column in (self.ids, *self.texts, [str(label) for label in self.labels]):
            told = "".join([f"{len(entry)}:{entry}\x00" for entry in column])
            digest.update(told.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class TaskData:
    """A loaded task: its name, C label names, its splits, and the files that some came from."""

    name: str
    labels: tuple[str, ...]
    splits: Mapping[str, Split]
    files: Mapping[str, Path] = field(default_factory=dict)


def load_task(name: str, folder: Path | None = None) -> TaskData:
    """Load a task: from the package, from `folder/<name>/*.csv`, or else from the hub.

    Raises:
        UserError: unknown task, missing file or column, empty split, a label that train lacks,
            duplicate ids, or the hub cannot be reached.
    """
    task = get_task(name)
    files: dict[str, Path] = {}
    if task.hub is None:
        files = check_files(name, Path(str(resources.files("trainers") / "corpora")))
    elif folder is not None:
        files = check_files(name, folder)
    if task.hub is None or files:
        rows = {split: read_columns(path, _columns(task, path)) for split, path in files.items()}
    else:
        rows = _from_hub(name, task, task.hub)
    labels = task.labels or tuple(sorted(set(rows["train"]["label"]) - {""}))
    splits = {split: _split(name, split, task, rows[split], labels) for split in rows}
    return TaskData(name=name, labels=labels, splits=splits, files=files)


Rows = dict[str, list[str]]


def deviation(data: TaskData) -> str | None:
    """Say in one line how a loaded task differs from the published one; None where it does not."""
    rows = {split: len(examples) for split, examples in data.splits.items()}
    return deviation_of(data.name, rows, data.files)


def deviation_of(name: str, rows: Mapping[str, int], files: Mapping[str, Path]) -> str | None:
    """Say the same of splits with so many rows, and of the files that they come from."""
    parts = []
    for split, published in get_task(name).counts.items():
        if split not in rows:
            continue
        stem = files[split].stem if split in files else ""
        source = f" of {stem}.csv ({STAND_INS[stem]})" if stem in STAND_INS else ""
        found = rows[split]
        if source or found != published:
            parts.append(f"{split} has {found:,} rows{source}, not {published:,}")
    return f"task {name} is not as published: {'; '.join(parts)}" if parts else None


def check_folder(folder: Path) -> None:
    """Refuse a data folder that is none, with a UserError."""
    try:
        there = folder.is_dir()
    except OSError as error:
        raise UserError(f"data folder {folder} cannot be read: {error.strerror}") from error
    if not there:
        raise UserError(f"data folder {folder} does not exist")


def check_files(name: str, folder: Path) -> dict[str, Path]:
    """Return a task's CSV files by split, after a look at their names and header rows.

    Raises:
        UserError: no such folder, file or column.
    """
    task = get_task(name)
    check_folder(folder)
    there = {}
    for split, stems in task.splits.items():
        paths = [folder / name / f"{stem}.csv" for stem in stems]
        found = next((path for path in paths if path.is_file()), None)
        if found is not None:
            there[split] = found
        elif split not in task.optional:
            others = "".join(f" or {path.name}" for path in paths[1:])
            raise UserError(f"task {name}: no file {paths[0]}{others} in the data folder")
    for path in there.values():
        header = header_of(path)
        for column in (*task.columns, "label"):
            if column not in header:
                raise UserError(f"{path}: no column {quoted(column)} (it has: {', '.join(header)})")
            if header.count(column) > 1:
                raise UserError(f"{path}: column {quoted(column)} is there twice; remove one")
    return there


def _columns(task: Task, path: Path) -> list[str]:
    """Name the columns to read: the task's and, where the file has one, `id`."""
    return [*(["id"] if "id" in header_of(path) else []), *task.columns, "label"]


def _from_hub(name: str, task: Task, hub: HubSource) -> dict[str, Rows]:
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
    """Turn a hub table into text rows: label numbers to names, drops as the source says."""
    columns = [table[column][:] for column in task.columns]
    names = task.labels or tuple(getattr(table.features[hub.label_column], "names", ()))
    named = dict(enumerate(names))  # Of -1, a row without label, a tuple would give the last name.
    values = table[hub.label_column][:]
    labels = [value if isinstance(value, str) else named.get(value, str(value)) for value in values]
    rows = list(zip(*columns, labels, strict=True))
    if hub.drop_duplicates and split == "train":
        rows = list(dict.fromkeys(rows))
    kept = [row for row in rows if row[-1] not in hub.dropped_labels]
    fields = (*task.columns, "label")
    return {column: [row[place] for row in kept] for place, column in enumerate(fields)}


def _split(name: str, split: str, task: Task, rows: Rows, labels: tuple[str, ...]) -> Split:
    if not rows["label"]:
        raise UserError(f"task {name}: its {split} split is empty")
    number = {label: place for place, label in enumerate(labels)}
    for row, label in enumerate(rows["label"]):
        if label not in number:
            source = f"of the task ({', '.join(labels)})" if task.labels else "of the training rows"
            raise UserError(
                f"task {name}: {split} row {row + 1} has {quoted(label)}, no label {source}"
            )
    ids = rows.get("id") or [f"{split}-{row}" for row in range(len(rows["label"]))]
    if len(set(ids)) < len(ids):
        twice = next(value for value, times in Counter(ids).items() if times > 1)
        raise UserError(f"task {name}: its {split} split holds id {quoted(twice)} twice")
    return Split(
        ids=ids,
        texts=tuple(rows[column] for column in task.columns),
        labels=np.array([number[label] for label in rows["label"]], dtype=np.int64),
    )


def select_examples(data: TaskData, settings: TrainingSettings) -> TaskData:
    """Carve the held-out part per class from train, then keep a part of the rest and of dev.

    Of each class at least one row is held out and one stays: its only one stays. The part that is
    kept is n examples of each class (drawn, like the held-out rows, by `subset_seed`) or a
    share of them (drawn by `fraction_seed`, so that several halves share their held-out rows).
    No other setting has a say, so every trial of a study sees the same rows.
    """
    train = data.splits["train"]
    order = np.random.default_rng(settings.subset_seed).permutation(len(train))
    splits = {name: scored_rows(name, split, settings) for name, split in data.splits.items()}
    if settings.select_on == "heldout":
        held = _per_class(
            train.labels, order, lambda n: min(n - 1, max(1, round(settings.heldout_fraction * n)))
        )
        if not held.size:
            raise UserError(f"task {data.name}: one row of each label leaves none to hold out")
        splits["heldout"] = train.take(sorted(held))
        order = order[~np.isin(order, held)]
    kept = np.sort(_part(train.labels, order, settings))
    splits["train"] = train.take(kept.tolist())
    return replace(data, splits=splits)


def scored_rows(name: str, split: Split, settings: TrainingSettings) -> Split:
    """Draw the part of a dev split that trials are scored on; another split stays whole."""
    if settings.max_eval_samples is None or not name.startswith("dev"):
        return split
    drawn = np.random.default_rng(settings.subset_seed).permutation(len(split))
    return split.take(sorted(drawn[: settings.max_eval_samples].tolist()))


def _part(labels: Labels, order: Labels, settings: TrainingSettings) -> Labels:
    """Choose rows of each class: n of them along `order`, or a share of them in an own order."""
    n, share = settings.n_per_class, Fraction(str(settings.train_fraction))
    if n is not None:
        return _per_class(labels, order, lambda _: n)
    shuffled = np.random.default_rng(settings.fraction_seed).permutation(np.sort(order))
    return _per_class(labels, shuffled, lambda size: math.ceil(share * size))


def _per_class(labels: Labels, order: Labels, count: Callable[[int], int]) -> Labels:
    """Take of each class the first `count(its size)` of its rows along `order`."""
    grouped = order[np.argsort(labels[order], kind="stable")]
    sizes = np.bincount(labels[order])
    ends = np.cumsum(sizes)
    taken = [
        grouped[end - size : end - size + min(size, count(size))]
        for size, end in zip(sizes.tolist(), ends.tolist(), strict=True)
        if size
    ]
    return np.concatenate(taken)


def selection_split(task: str, settings: TrainingSettings) -> str:
    """Name the split on which settings are chosen; UserError when the task has none."""
    if settings.select_on == "heldout":
        return "heldout"
    if "dev" not in get_task(task).splits:
        raise UserError(f"task {task} has no dev split: set select_on: heldout in the study")
    return "dev"
