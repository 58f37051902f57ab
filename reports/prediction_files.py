"""Predictions in files that another program wrote: CSV, JSONL or Parquet.

In: a path with the columns `id`, `gold` and `prediction`, one row per example. Out: frozen `Rows`
of strings, checked; or a `UserError` that names the file and the row. In CSV the heading is row 1.
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
from search_spaces.text import quoted, shown
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
HARNESS: Final = {"doc_id", "target", "filtered_resps"}
"""Keys of a logged sample of lm-evaluation-harness."""
Numbered = Iterator[tuple[int, Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """N examples' ids, gold labels and predicted labels, and where they came from.

    `numbers` are those of the file's rows; there are none where `source` is a trial.
    """

    source: str
    ids: tuple[str, ...]
    gold: tuple[str, ...]
    predicted: tuple[str, ...]
    numbers: tuple[int, ...] = ()

    def where(self, place: int) -> str:
        """Name the file and the row of an example, or the trial, for an error."""
        return f"{self.source}: row {self.numbers[place]}" if self.numbers else self.source

    def take(self, places: Sequence[int]) -> Self:
        """Choose examples, in that order."""
        return replace(
            self,
            ids=tuple(self.ids[place] for place in places),
            gold=tuple(self.gold[place] for place in places),
            predicted=tuple(self.predicted[place] for place in places),
            numbers=tuple(self.numbers[place] for place in places if self.numbers),
        )


def read_rows(path: Path) -> Rows:
    """Read predictions. Whole numbers may be written 1 or 1.0; other labels are taken as text.

    A value is missing where it is empty, null in JSON or Parquet, or `nan`, which numpy writes, in
    any case. The texts `none` and `null` may be names of labels.

    Raises:
        UserError: the file cannot be read, has another ending or no rows, lacks a column, or a row
            is malformed, has a missing value or an id that came before.
    """
    ending = path.suffix.lower()
    if ending not in READERS:
        raise UserError(f"{path}: expected a file that ends in {', '.join(READERS)}")
    found: dict[str, tuple[int, str, str]] = {}
    for number, row in READERS[ending](path):
        name, gold, predicted = (_field(path, number, row, column) for column in COLUMNS)
        if name in found:
            raise UserError(
                f"{path}: row {number}: id {quoted(name)} is in row {found[name][0]} as well"
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
            raise UserError(f"{path}: row {number} has {len(row)} fields, the heading {len(names)}")
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
    """Read a logged sample of lm-evaluation-harness: the choice of the highest log-likelihood.

    Its `target` is the place of the right choice among the answers, as a number or in digits.
    """
    answers, target = row["filtered_resps"], row["target"]
    try:
        scores = [float(answer[0]) for answer in answers]
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise UserError(
            f"{where}: filtered_resps holds no log-likelihoods of choices: write a file with the"
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
    ".jsonl": _json_rows,
    ".parquet": _parquet_rows,
}


def _check_columns(where: Path | str, names: Iterable[str]) -> None:
    known = list(names)
    for column in COLUMNS:
        if known.count(column) > 1:
            raise UserError(f"{where}: column {quoted(column)} is there twice")
        if column not in known:
            guess = find_nearest(column, known)
            hint = f"; rename {quoted(guess)}?" if guess else ""
            listed = ", ".join(map(shown, known)) or "none"
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
    """Return `second` in the order of `first`'s ids.

    Raises:
        UserError: an example is in one alone, or has two gold labels; it names the files and rows.
    """
    try:
        return align(first, second)
    except Misaligned as error:
        one, other = (second, first) if error.only == "second" else (first, second)
        example = f"{one.where(error.place)}: example {quoted(error.example)}"
        if error.only:
            raise UserError(f"{example} is not in {other.source}") from error
        place = other.ids.index(error.example)
        raise UserError(
            f"{example} has the gold label {quoted(one.gold[error.place])}, but"
            f" {quoted(other.gold[place])} in {other.where(place)}"
        ) from error


def sort_labels(found: Iterable[str]) -> tuple[str, ...]:
    """Each label once, numbers by size."""
    labels = set(found)
    numeric = all(label.removeprefix("-").isdecimal() for label in labels)
    return tuple(sorted(labels, key=(lambda label: (int(label), label)) if numeric else None))


def number_labels(
    rows: Rows, which: Literal["gold", "predicted"], labels: tuple[str, ...]
) -> Labels:
    """Return the places (N,) of a column's labels in a list.

    Raises:
        UserError: one is not in it.
    """
    number = {label: place for place, label in enumerate(labels)}
    column = rows.gold if which == "gold" else rows.predicted
    for place, label in enumerate(column):
        if label not in number:
            raise UserError(
                f"{rows.where(place)}: example {quoted(rows.ids[place])}:"
                f" {unknown_name(f'{which} label', label, labels)};"
                " if it is right, list all labels with --labels"
            )
    return np.array([number[label] for label in column], dtype=np.int64)
