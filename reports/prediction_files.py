"""Read files of predictions that other programs wrote: CSV, TSV, JSONL or Parquet.

In: a file with the columns `id`, `gold` and `prediction`, one row per example. Out: frozen,
validated `Rows` of strings; errors name the file and the row. In CSV the header is row 1.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np

from reports.statistics.alignment import Misaligned, align
from search_spaces.errors import UserError, find_nearest, unknown_name
from search_spaces.text import quoted, unquoted
from trainers.data.csv_files import read_csv_rows
from trainers.data.json_files import read_json_rows
from trainers.data.labels import (
    check_label_set,
    find_label_fault,
    find_name_fault,
    format_number,
    normalise_label,
    normalise_name,
)
from trainers.records.metrics import Labels

COLUMNS: Final = ("id", "gold", "prediction")
OTHER_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "id": frozenset(["index", "idx", "guid", "uid", "example_id", "doc_id"]),
    "gold": frozenset(
        ["label", "labels", "target", "targets", "true", "y_true", "reference", "references"]
    ),
    "prediction": frozenset(
        ["pred", "preds", "predictions", "predicted", "predicted_label", "y_pred"]
    ),
}
"""Names that other programs give to the columns, in lower case."""
HARNESS: Final = {"doc_id", "target", "filtered_resps"}
"""The keys of a sample that lm-evaluation-harness logs."""
Numbered = Iterator[tuple[int, Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The ids, gold labels and predicted labels of N examples, and their source.

    `numbers` are the row numbers in the file; empty if `source` is a trial.
    """

    source: str
    ids: tuple[str, ...]
    gold: tuple[str, ...]
    predicted: tuple[str, ...]
    numbers: tuple[int, ...] = ()

    def where(self, index: int) -> str:
        """Return the file and row of an example, or the trial, for an error message."""
        return f"{self.source}: row {self.numbers[index]}" if self.numbers else self.source

    def take(self, indices: Sequence[int]) -> Self:
        """Select examples by index, in the given order."""
        return replace(
            self,
            ids=tuple(self.ids[index] for index in indices),
            gold=tuple(self.gold[index] for index in indices),
            predicted=tuple(self.predicted[index] for index in indices),
            numbers=tuple(self.numbers[index] for index in indices if self.numbers),
        )


def read_rows(path: Path) -> Rows:
    """Read predictions. Whole numbers may be written as 1 or 1.0; other labels are texts.

    A value is missing if it is empty, null (in JSON and Parquet) or `nan` in upper or lower case,
    as numpy writes it. The texts `none` and `null` are valid labels.

    Raises:
        UserError: the file cannot be read, has an unknown ending, no rows or a missing column; or a
            row is malformed, has a missing value or a repeated id.
    """
    ending = path.suffix.lower()
    if ending not in READERS:
        raise UserError(f"{path}: expected a file that ends in {', '.join(READERS)}")
    found: dict[str, tuple[int, str, str]] = {}
    for number, row in READERS[ending](path):
        name, gold, predicted = (_field(path, number, row, column) for column in COLUMNS)
        if name in found:
            raise UserError(
                f"{path}: row {number}: id {quoted(name)} is also in row {found[name][0]}"
            )
        found[name] = (number, gold, predicted)
    if not found:
        raise UserError(f"{path}: no rows")
    numbers, golds, predictions = zip(*found.values(), strict=True)
    check_label_set(path, chain(golds, predictions))
    return Rows(
        source=str(path), ids=tuple(found), gold=golds, predicted=predictions, numbers=numbers
    )


def _csv_rows(path: Path) -> Numbered:
    rows = read_csv_rows(path, strict=True)
    _, names = next(rows, (1, []))
    _check_columns(path, names)
    for number, (_, row) in enumerate(rows, start=2):
        if row and len(row) != len(names):
            raise UserError(f"{path}: row {number} has {len(row)} fields, the header {len(names)}")
        if row:
            yield number, dict(zip(names, row, strict=True))


def _json_rows(path: Path) -> Numbered:
    for number, row in read_json_rows(path):
        found = dict(row)
        if found.keys() >= HARNESS and not found.keys() >= {*COLUMNS}:
            yield number, _from_harness(f"{path}: row {number}", found)
            continue
        _check_columns(f"{path}: row {number}", [name for name, _ in row])
        yield number, found


def _from_harness(where: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Read a logged sample of lm-evaluation-harness: the choice with the highest log-likelihood.

    Its `target` is the index of the correct choice, as a number or in digits.
    """
    answers, target = row["filtered_resps"], row["target"]
    try:
        scores = [float(answer[0]) for answer in answers]
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise UserError(
            f"{where}: filtered_resps has no log-likelihoods of choices: write a file with the"
            f" columns {', '.join(COLUMNS)}"
        ) from error
    if not scores or any(map(math.isnan, scores)):
        raise UserError(f"{where}: filtered_resps has no score for a choice")
    return {"id": row["doc_id"], "gold": target, "prediction": scores.index(max(scores))}


def _parquet_rows(path: Path) -> Numbered:
    from trainers.data.parquet_files import ParquetFile  # Only this format needs Arrow.

    file = ParquetFile(path)
    _check_columns(path, file.names)
    columns = [file.values(name) for name in COLUMNS]
    for number, values in enumerate(zip(*columns, strict=True), start=1):
        yield number, dict(zip(COLUMNS, values, strict=True))


READERS: Final[dict[str, Callable[[Path], Numbered]]] = {
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".jsonl": _json_rows,
    ".parquet": _parquet_rows,
}


def _check_columns(where: Path | str, names: Iterable[str]) -> None:
    known = list(names)
    for column in COLUMNS:
        if known.count(column) > 1:
            raise UserError(f"{where}: column {quoted(column)} occurs twice")
        if column not in known:
            others = [name for name in known if name.lower() in OTHER_NAMES[column]]
            guess = find_nearest(column, known) or next(iter(others), None)
            hint = f"; rename {quoted(guess)}?" if guess else ""
            listed = ", ".join(map(unquoted, known)) or "none"
            raise UserError(f"{where}: no column {quoted(column)}{hint} (it has: {listed})")


def _field(path: Path, number: int, row: Mapping[str, Any], column: str) -> str:
    value = row[column]
    if not isinstance(value, str):
        value = format_number(f"{path}: row {number}: {column}", value)
    text = normalise_name(value) if column == "id" else normalise_label(value)
    if fault := find_name_fault(text) if column == "id" else find_label_fault(text):
        raise UserError(f"{path}: row {number}: {column} {fault}")
    return text


def align_rows(first: Rows, second: Rows) -> Rows:
    """Return `second` in the order of `first`.

    Raises:
        UserError: an example is in only one of them, or has two different gold labels; the error
            names the files and rows.
    """
    try:
        return align(first, second)
    except Misaligned as error:
        one, other = (second, first) if error.only == "second" else (first, second)
        example = f"{one.where(error.index)}: example {quoted(error.example)}"
        if error.only:
            raise UserError(f"{example} is not in {other.source}") from error
        index = other.ids.index(error.example)
        raise UserError(
            f"{example} has the gold label {quoted(one.gold[error.index])}, but"
            f" {quoted(other.gold[index])} in {other.where(index)}"
        ) from error


def sort_labels(found: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct labels in order; labels that are all numbers are sorted by size."""
    labels = set(found)
    numeric = all(label.removeprefix("-").isdecimal() for label in labels)
    return tuple(sorted(labels, key=(lambda label: (int(label), label)) if numeric else None))


def number_labels(
    rows: Rows, which: Literal["gold", "predicted"], labels: tuple[str, ...]
) -> Labels:
    """Return the indices (N,) of a column's labels in a list of labels.

    Raises:
        UserError: a label is not in the list.
    """
    number_by_label = {label: number for number, label in enumerate(labels)}
    column = rows.gold if which == "gold" else rows.predicted
    for index, label in enumerate(column):
        if label not in number_by_label:
            raise UserError(
                f"{rows.where(index)}: example {quoted(rows.ids[index])}:"
                f" {unknown_name(f'{which} label', label, labels)};"
                " if it is correct, list all labels with --labels"
            )
    return np.array([number_by_label[label] for label in column], dtype=np.int64)
