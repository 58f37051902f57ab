"""Users' tables: CSV, TSV, JSON lines and Parquet, told apart by the file's ending.

In: a path and the columns wanted. Out: their values as text; or a UserError that says where the
error is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from search_spaces.errors import UserError
from search_spaces.text import quoted
from trainers.data import csv_files
from trainers.data.csv_files import check_header
from trainers.data.json_files import read_json_rows
from trainers.data.labels import format_number

FIRST_ROWS: Final = 100
"""The rows of JSON lines whose keys are taken as the columns."""


@dataclass(frozen=True, kw_only=True)
class TableColumns:
    """N values of each column read; `where(row)` is the location of a row."""

    columns: dict[str, list[Any]]
    where: Callable[[int], str]


class Reader(Protocol):
    """Reads one format: the names of the columns, and the values of some."""

    def header(self, path: Path) -> list[str]:
        """Return the column names of a file."""

    def read(self, path: Path, columns: Sequence[str], optional: Sequence[str]) -> TableColumns:
        """Read these columns, and those of `optional` that exist."""


class _Csv:
    def header(self, path: Path) -> list[str]:
        return csv_files.read_header(path)

    def read(self, path: Path, columns: Sequence[str], optional: Sequence[str]) -> TableColumns:
        found = csv_files.read_columns(path, columns, optional)
        return TableColumns(
            columns=dict(found),
            where=lambda row: f"{path}: line {csv_files.find_line(path, row)}",
        )


class _JsonLines:
    def header(self, path: Path) -> list[str]:
        names: dict[str, None] = {}
        for number, (_, row) in enumerate(read_json_rows(path)):
            names.update(dict.fromkeys(name for name, _ in row))
            if number == FIRST_ROWS:
                break
        return list(names)

    def read(self, path: Path, columns: Sequence[str], optional: Sequence[str]) -> TableColumns:
        lines: list[int] = []
        present = {*columns, *(name for name in optional if name in self.header(path))}
        found: dict[str, list[Any]] = {
            name: [] for name in (*columns, *optional) if name in present
        }
        for line, pairs in read_json_rows(path):
            row, where = dict(pairs), f"{path}: line {line}"
            if len(row) < len(pairs):
                raise UserError(f"{where} has a key twice; remove one")
            for name, values in found.items():
                if name not in row:
                    raise UserError(f"{where} has no key {quoted(name)}")
                values.append(row[name])
            lines.append(line)
        return TableColumns(columns=found, where=lambda row: f"{path}: line {lines[row]}")


class _Parquet:
    def header(self, path: Path) -> list[str]:
        from trainers.data.parquet_files import ParquetFile  # Only this format needs Arrow.

        return ParquetFile(path).names

    def read(self, path: Path, columns: Sequence[str], optional: Sequence[str]) -> TableColumns:
        from trainers.data.parquet_files import ParquetFile

        file = ParquetFile(path)
        check_header(path, file.names, columns)
        present = [*columns, *(name for name in optional if name in file.names)]
        return TableColumns(
            columns={name: file.values(name) for name in present},
            where=lambda row: f"{path}: row {row + 1}",
        )


READERS: Final[dict[str, Reader]] = {
    ".csv": _Csv(),
    ".tsv": _Csv(),
    ".jsonl": _JsonLines(),
    ".parquet": _Parquet(),
}


def get_reader(path: Path) -> Reader:
    """Return the reader for a file's ending; UserError if there is none."""
    ending = path.suffix.lower()
    if ending not in READERS:
        raise UserError(f"{path}: expected a file that ends in {', '.join(READERS)}")
    return READERS[ending]


def check_columns(path: Path, columns: Sequence[str]) -> None:
    """Check that a file has these columns, by reading its header or first rows.

    Raises:
        UserError: it lacks one, or has one twice, or cannot be opened.
    """
    check_header(path, get_reader(path).header(path), columns)


def read_table(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> TableColumns:
    """Read these columns, and those of `optional` that exist; the file may have others.

    Raises:
        UserError: the file cannot be read, lacks a column, or has no rows.
    """
    found = get_reader(path).read(path, columns, optional)
    if not all(found.columns.values()):
        raise UserError(f"{path}: no rows")
    return found


def read_texts(found: TableColumns, column: str) -> list[str]:
    """Return a column of texts; UserError if one is missing or is not text."""
    values = found.columns[column]
    for row, value in enumerate(values):
        if not isinstance(value, str):
            what = "is missing" if value is None else f"is {quoted(value)}, expected text"
            raise UserError(f"{found.where(row)}: {column} {what}")
    return values


def read_names(found: TableColumns, column: str) -> list[str]:
    """Return a column of labels or ids as text; whole numbers are converted.

    Raises:
        UserError: a value is something else.
    """
    values = found.columns[column]
    return [
        value if isinstance(value, str) else _format_name(found, column, row, value)
        for row, value in enumerate(values)
    ]


def _format_name(found: TableColumns, column: str, row: int, value: object) -> str:
    if value is None:
        return ""  # The rule of labels says what is wrong with it.
    return format_number(f"{found.where(row)}: {column}", value)
