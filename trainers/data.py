"""A task's examples, from CSV files or from the Hugging Face hub.

In: a task's name and, optionally, the data folder. Out: `TaskData`: texts, ids and integer labels
of each split, with fingerprints. Then the rows that a trial trains and is selected on.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from search_spaces.errors import UserError
from search_spaces.input_files import is_folder, is_there
from search_spaces.text import quoted
from search_spaces.trial import TrainingSettings
from trainers.csv_files import check_header, header_of
from trainers.labels import as_name, case_warnings, check_labels_of
from trainers.rows import Rows, rows_of_file, rows_of_hub
from trainers.tasks import STAND_INS, Task, get_task

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
    """A loaded task: its name, C label names, its splits, and the files that some came from.

    `warnings` say what may be wrong with the labels.
    """

    name: str
    labels: tuple[str, ...]
    splits: Mapping[str, Split]
    files: Mapping[str, Path] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def load_task(name: str, folder: Path | None = None) -> TaskData:
    """Load a task: from the package, from `folder/<name>/*.csv`, or else from the hub.

    Raises:
        UserError: unknown task, missing file or column, empty split, a row without a label or with
            one that train lacks, duplicate ids, or the hub cannot be reached.
    """
    task = get_task(name)
    files: dict[str, Path] = {}
    if task.hub is None:
        files = check_files(name, Path(str(resources.files("trainers") / "corpora")))
    elif folder is not None:
        files = check_files(name, folder)
    if task.hub is None or files:
        rows = {split: rows_of_file(path, task) for split, path in files.items()}
    else:
        rows = rows_of_hub(name, task, task.hub)
    counts = Counter(rows["train"].labels)
    check_labels_of(rows["train"].source, counts)
    labels = task.labels or tuple(sorted(counts))
    return TaskData(
        name=name,
        labels=labels,
        splits={split: _split(name, split, task, rows[split], labels) for split in rows},
        files=files,
        warnings=tuple(case_warnings(rows["train"].source, counts)),
    )


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
        if is_folder(folder):
            return
        what = "is no folder" if is_there(folder) else "does not exist"
    except UserError as error:
        raise UserError(f"data folder {error}") from error
    raise UserError(f"data folder {folder} {what}")


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
        found = next((path for path in paths if is_there(path)), None)
        if found is not None:
            there[split] = found
        elif split not in task.optional:
            others = "".join(f" or {path.name}" for path in paths[1:])
            raise UserError(f"task {name}: no file {paths[0]}{others} in the data folder")
    for path in there.values():
        check_header(path, header_of(path), (*task.columns, "label"))
    return there


def _split(name: str, split: str, task: Task, rows: Rows, labels: tuple[str, ...]) -> Split:
    if not rows.labels:
        raise UserError(f"task {name}: its {split} split is empty")
    number = {label: place for place, label in enumerate(labels)}
    for row, label in enumerate(rows.labels):
        if label not in number:
            source = f"of the task ({', '.join(labels)})" if task.labels else "of the training rows"
            raise UserError(f"{rows.where(row)}: {quoted(label)} is no label {source}")
    ids = rows.columns.get("id")
    if ids:
        _check_ids(ids, rows)
    return Split(
        ids=ids or [f"{split}-{row}" for row in range(len(rows.labels))],
        texts=tuple(rows.columns[column] for column in task.columns),
        labels=np.array([number[label] for label in rows.labels], dtype=np.int64),
    )


def _check_ids(ids: Sequence[str], rows: Rows) -> None:
    """Refuse an id that stands in two rows, as files of predictions write it."""
    first: dict[str, int] = {}
    for row, name in enumerate(map(as_name, ids)):
        if name in first:
            raise UserError(
                f"{rows.where(row)}: id {quoted(name)} is in {rows.where(first[name])} as well"
            )
        first[name] = row


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
