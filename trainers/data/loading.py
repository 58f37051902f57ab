"""A task's examples, from files, a saved dataset or the Hugging Face hub.

In: a task and, optionally, the data folder. Out: `TaskData`: the texts, ids and integer labels of
each split; `select_examples` then chooses the rows that a trial trains and is selected on.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import UserError
from search_spaces.input_files import is_folder, path_exists
from search_spaces.shipped_tasks import STAND_INS, get_task
from search_spaces.tasks import SPLITS, Task
from search_spaces.text import quoted
from search_spaces.trial import TrainingSettings
from trainers.data.labels import check_label_set, normalise_name, warn_about_case
from trainers.data.rows import (
    DataAbsent,
    Rows,
    id_columns,
    read_file_rows,
    read_hub_dataset,
    read_saved_dataset,
)
from trainers.data.table_files import check_columns
from trainers.records.metrics import Labels

Indices = NDArray[np.int64]
"""Row numbers."""
MAX_NAMED: Final = 20
"""The most labels that a message lists."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """N examples: ids (unique), one list of N texts per column, and labels (N,) in 0..C-1."""

    ids: list[str]
    texts: tuple[list[str], ...]
    labels: Labels

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Iterable[int]) -> "Split":
        """Return the examples at these rows, in this order."""
        index = list(rows)
        return Split(
            ids=[self.ids[row] for row in index],
            texts=tuple([column[row] for row in index] for column in self.texts),
            labels=self.labels[index],
        )

    def fingerprint(self) -> str:
        """Return 16 hex digits of SHA-256 over ids, texts and labels."""
        digest = hashlib.sha256()
        for column in (self.ids, *self.texts, [str(label) for label in self.labels]):
            encoded = "".join([f"{len(entry)}:{entry}\x00" for entry in column])
            digest.update(encoded.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class TaskData:
    """A loaded task: its record, its C label names, its splits, and the files they came from.

    `warnings` say what may be wrong with the labels; `commit` is that of a dataset on the hub.
    """

    task: Task
    labels: tuple[str, ...]
    splits: Mapping[str, Split]
    files: Mapping[str, Path] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    commit: str | None = None

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name


def load_task(task: Task | str, folder: Path | None = None) -> TaskData:
    """Load a task, or a shipped one by name, from its files, its saved dataset or the hub.

    `folder` is the data folder, if there is one.

    Raises:
        UserError: unknown task, missing file or column, empty split, a row without a label or with
            a label that train lacks, duplicate ids, or the hub cannot be reached.
    """
    found = get_task(task) if isinstance(task, str) else task
    files = check_files(found, folder)
    rows = _read(found, files)
    counts = Counter(rows["train"].labels)
    check_label_set(rows["train"].source, counts)
    labels = found.labels or _order_labels(found, rows["train"], counts)
    return TaskData(
        task=found,
        labels=labels,
        splits={split: _make_split(split, found, rows[split], labels) for split in rows},
        files=files,
        warnings=tuple(warn_about_case(rows["train"].source, counts)),
        commit=rows["train"].commit,
    )


def _read(task: Task, files: Mapping[str, Path]) -> dict[str, Rows]:
    if files:
        return {split: read_file_rows(path, task) for split, path in files.items()}
    if task.disk:
        return _keep_known_splits(task, read_saved_dataset(task.resolve(task.disk), task))
    assert task.hub
    return read_hub_dataset(task, task.hub)


def _keep_known_splits(task: Task, rows: dict[str, Rows]) -> dict[str, Rows]:
    """Keep the splits with a known name; UserError if train is not among them."""
    if "train" not in rows:
        listed = ", ".join(map(quoted, rows)) or "none"
        raise UserError(f"task {task.name}: {task.disk} has no split train (it has: {listed})")
    return {split: found for split, found in rows.items() if split in SPLITS}


def _order_labels(task: Task, train: Rows, known: Iterable[str]) -> tuple[str, ...]:
    """Sort the labels of the training rows; a positive label moves to the second position."""
    labels = sorted(known)
    if task.positive is None:
        return tuple(labels)
    if task.positive not in labels:
        listed = ", ".join(map(quoted, labels[:MAX_NAMED])) + (", ..." * (len(labels) > MAX_NAMED))
        raise UserError(
            f"task {task.name}: positive: {quoted(task.positive)} is not a label of {train.source}"
            f" (it has: {listed})"
        )
    labels.remove(task.positive)
    return (*labels[:1], task.positive, *labels[1:])


def describe_deviation(data: TaskData) -> str | None:
    """Return how a loaded task differs from the published one, or None."""
    rows = {split: len(examples) for split, examples in data.splits.items()}
    return compare_counts(data.task, rows, data.files)


def compare_counts(task: Task, rows: Mapping[str, int], files: Mapping[str, Path]) -> str | None:
    """Compare the rows per split with the published numbers; None if they agree."""
    parts = []
    for split, published in task.counts.items():
        if split not in rows:
            continue
        stem = files[split].stem if split in files else ""
        source = f" of {stem}.csv ({STAND_INS[stem]})" if stem in STAND_INS else ""
        found = rows[split]
        if source or found != published:
            parts.append(f"{split} has {found:,} rows{source}, not {published:,}")
    return f"task {task.name} is not as published: {'; '.join(parts)}" if parts else None


def check_folder(folder: Path) -> None:
    """Raise UserError if a data folder is missing or is not a folder."""
    try:
        if is_folder(folder):
            return
        what = "is not a folder" if path_exists(folder) else "does not exist"
    except UserError as error:
        raise UserError(f"data folder {error}") from error
    raise UserError(f"data folder {folder} {what}")


def check_files(task: Task, folder: Path | None) -> dict[str, Path]:
    """Return a task's files by split, after checking that they exist and have the columns.

    The files of a packaged task, or of a study's own, are searched in the data folder first. A task
    from a saved dataset or the hub has none.

    Raises:
        UserError: no such folder, file or column.
    """
    root = _find_root(task, folder)
    if root is None or not task.files:
        return {}
    present = {}
    for split, names in task.files.items():
        paths = [root / name for name in names]
        found = next((path for path in paths if path_exists(path)), None)
        if found is not None:
            present[split] = found
        elif split not in task.optional:
            others = "".join(f" or {path.name}" for path in paths[1:])
            where = " in the data folder" if root == folder else ""
            raise DataAbsent(f"task {task.name}: no file {paths[0]}{others}{where}")
    ids, _ = id_columns(task)
    for path in present.values():
        check_columns(path, (*task.text, task.label, *ids))
    return present


def _find_root(task: Task, folder: Path | None) -> Path | None:
    """Return the folder of a task's files; None if it has none."""
    own = task.folder
    if task.packaged:
        own = Path(str(resources.files("trainers") / "corpora"))
    if folder is None or not task.files:
        return own
    check_folder(folder)
    if own is None or any(
        path_exists(folder / name) for names in task.files.values() for name in names
    ):
        return folder
    return own


def _make_split(split: str, task: Task, rows: Rows, labels: tuple[str, ...]) -> Split:
    if not rows.labels:
        raise UserError(f"task {task.name}: its {split} split is empty")
    number = {label: index for index, label in enumerate(labels)}
    for row, label in enumerate(rows.labels):
        if label not in number:
            source = f"of the task ({', '.join(labels)})" if task.labels else "of the training rows"
            raise UserError(f"{rows.where(row)}: {quoted(label)} is not a label {source}")
    if rows.ids:
        _check_ids(rows.ids, rows)
    return Split(
        ids=rows.ids or [f"{split}-{row}" for row in range(len(rows.labels))],
        texts=rows.texts,
        labels=np.array([number[label] for label in rows.labels], dtype=np.int64),
    )


def _check_ids(ids: Sequence[str], rows: Rows) -> None:
    """Refuse an id that two rows have, after the normalisation of prediction files."""
    first: dict[str, int] = {}
    for row, name in enumerate(map(normalise_name, ids)):
        if name in first:
            raise UserError(
                f"{rows.where(row)}: id {quoted(name)} is in {rows.where(first[name])} as well"
            )
        first[name] = row


def select_examples(data: TaskData, settings: TrainingSettings) -> TaskData:
    """Hold out rows of train for scoring, then choose the rows to train on and to score.

    A missing dev split (`dev` of the task) and the held-out split are drawn from each class: at
    least one row is drawn and at least one stays. The training rows are then `n_per_class` examples
    of each class (drawn, like the held-out rows, with `subset_seed`) or `train_fraction` of them
    (drawn with `fraction_seed`, so that different fractions share their held-out rows). No other
    setting matters, so every trial of a study sees the same rows.
    """
    train = data.splits["train"]
    order = np.random.default_rng(settings.subset_seed).permutation(len(train))
    shares = {"dev": None if "dev" in data.splits else data.task.dev}
    shares["heldout"] = settings.heldout_fraction if settings.select_on == "heldout" else None
    splits = dict(data.splits)
    for name, share in ((name, share) for name, share in shares.items() if share is not None):
        chosen = _take_per_class(train.labels, order, partial(_count_held_out, share))
        if not chosen.size:
            raise UserError(f"task {data.name}: with one row per label, none can be held out")
        splits[name] = train.take(sorted(chosen))
        order = order[~np.isin(order, chosen)]
    splits = {name: choose_scored_rows(name, split, settings) for name, split in splits.items()}
    rows = np.sort(_choose_training_rows(train.labels, order, settings))
    splits["train"] = train.take(rows.tolist())
    return replace(data, splits=splits)


def _count_held_out(share: float, size: int) -> int:
    """Return how many rows of a class to hold out: at least one, and at least one stays."""
    return min(size - 1, max(1, round(share * size)))


def choose_scored_rows(name: str, split: Split, settings: TrainingSettings) -> Split:
    """Draw the `max_eval_samples` rows of a dev split; any other split stays whole."""
    if settings.max_eval_samples is None or not name.startswith("dev"):
        return split
    order = np.random.default_rng(settings.subset_seed).permutation(len(split))
    return split.take(sorted(order[: settings.max_eval_samples].tolist()))


def _choose_training_rows(labels: Labels, order: Indices, settings: TrainingSettings) -> Indices:
    """Choose training rows: n per class along `order`, or a share in an order of its own."""
    n, share = settings.n_per_class, Fraction(str(settings.train_fraction))
    if n is not None:
        return _take_per_class(labels, order, lambda _: n)
    shuffled = np.random.default_rng(settings.fraction_seed).permutation(np.sort(order))
    return _take_per_class(labels, shuffled, lambda size: math.ceil(share * size))


def _take_per_class(labels: Labels, order: Indices, count: Callable[[int], int]) -> Indices:
    """Take the first `count(class size)` rows of each class along `order`."""
    grouped = order[np.argsort(labels[order], kind="stable")]
    sizes = np.bincount(labels[order])
    ends = np.cumsum(sizes)
    taken = [
        grouped[end - size : end - size + min(size, count(size))]
        for size, end in zip(sizes.tolist(), ends.tolist(), strict=True)
        if size
    ]
    return np.concatenate(taken)


def selection_split(task: Task, settings: TrainingSettings) -> str:
    """Return the split on which settings are chosen; UserError if the task has none."""
    if settings.select_on == "heldout":
        return "heldout"
    if not task.may_have("dev"):
        raise no_dev_split_error(task)
    return "dev"


def no_dev_split_error(task: Task) -> UserError:
    """Build the error for a task that has no split to choose settings on."""
    own = ", or dev: 10% in the task" if task.folder else ""
    return UserError(f"task {task.name} has no dev split: set select_on: heldout in the study{own}")
