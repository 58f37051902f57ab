"""Predictions in files that another program wrote: CSV, JSONL or Parquet.

In: a path with the columns `id`, `gold` and `prediction`, one row per example. Out: frozen `Rows`
of strings, checked; or a `UserError` that names the file and the row. In CSV the heading is row 1.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from search_spaces.errors import UserError, nearest
from search_spaces.text import one_line, quoted, shown
from trainers.csv_files import FIELD_CHARACTERS

COLUMNS: Final = ("id", "gold", "prediction")
WHOLE_FLOAT: Final = re.compile(r"(-?(?:0|[1-9][0-9]{0,15}))\.0+")
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


def normalised(text: str) -> str:
    """Write a whole number as `1` where another program wrote `1.0`; other text stays as it is.

    pandas turns a column of whole numbers to floats when one is missing, even if that one is
    dropped later.
    """
    found = WHOLE_FLOAT.fullmatch(text)
    return str(int(found[1])) if found else text


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
    try:
        for number, row in READERS[ending](path):
            name, gold, predicted = (_field(path, number, row, column) for column in COLUMNS)
            if name in found:
                raise UserError(
                    f"{path}: row {number}: id {quoted(name)} is in row {found[name][0]} as well"
                )
            found[name] = (number, gold, predicted)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: line {_undecodable(path)} is not UTF-8 text") from error
    if not found:
        raise UserError(f"{path}: no rows")
    numbers, golds, predictions = zip(*found.values(), strict=True)
    return Rows(
        source=str(path), ids=tuple(found), gold=golds, predicted=predictions, numbers=numbers
    )


def _undecodable(path: Path) -> int:
    """Number the first line at fault: the decoder of a file counts within the block it is at."""
    with path.open("rb") as file:
        lines = enumerate(file, start=1)
        return next(n for n, line in lines if line.decode("utf-8", "replace").encode() != line)


def _csv_rows(path: Path) -> Numbered:
    csv.field_size_limit(FIELD_CHARACTERS)
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            rows = csv.reader(file, strict=True)
            names = next(rows, [])
            _check_columns(path, names)
            for number, row in enumerate(rows, start=2):
                if row and len(row) != len(names):
                    raise UserError(
                        f"{path}: row {number} has {len(row)} fields, the heading {len(names)}"
                    )
                if row:
                    yield number, dict(zip(names, row, strict=True))
        except csv.Error as error:
            raise UserError(f"{path}: line {rows.line_num}: {error}") from error


def _json_rows(path: Path) -> Numbered:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line, object_pairs_hook=tuple)  # keeps a name that is there twice
            except (ValueError, RecursionError) as error:
                what = getattr(error, "msg", error)
                raise UserError(f"{path}: row {number}: no JSON object: {what}") from error
            if not isinstance(row, tuple):
                raise UserError(f"{path}: row {number}: expected a JSON object, got {quoted(row)}")
            _check_columns(f"{path}: row {number}", [name for name, _ in row])
            yield number, dict(row)


def _parquet_rows(path: Path) -> Numbered:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        try:
            table = pq.ParquetFile(file).read(use_threads=False)
            _check_columns(path, table.column_names)
            columns = {name: table[name].to_pylist() for name in COLUMNS}
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: {quoted(error.object)} is not UTF-8 text") from error
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"{path}: no Parquet file: {one_line(error)}") from error
    for place in range(table.num_rows):
        yield place + 1, {name: values[place] for name, values in columns.items()}


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
            guess = nearest(column, known)
            hint = f"; rename {quoted(guess)}?" if guess else ""
            listed = ", ".join(map(shown, known)) or "none"
            raise UserError(f"{where}: no column {quoted(column)}{hint} (it has: {listed})")


def _field(path: Path, number: int, row: Mapping[str, Any], column: str) -> str:
    value = row[column]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise UserError(
            f"{path}: row {number}: {column} is {quoted(value)}, expected text or a whole number"
        )
    text = str(value).strip()
    if not text:
        raise UserError(f"{path}: row {number}: {column} is empty")
    if text.casefold() == "nan":
        raise UserError(f"{path}: row {number}: {column} is {quoted(text)}, which means missing")
    if text.encode("utf-8", "replace").decode() != text:
        raise UserError(
            f"{path}: row {number}: {column} is {quoted(text)}, which is not Unicode text"
        )
    return normalised(text)
