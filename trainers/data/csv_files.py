"""CSV and TSV files. Every field is text: `n/a` is not a missing value; newlines may be quoted.

In: a file in UTF-8 with a header row. Out: its rows, or some of its columns.
"""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Final

from search_spaces.errors import UserError
from search_spaces.input_files import read_lines
from search_spaces.text import quoted, unquoted

MAX_FIELD_CHARACTERS: Final = 2**31 - 1
"""The longest field that `csv` can allow: a field may hold a whole document."""


def read_csv_rows(path: Path, *, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Yield each row as the line at which it begins and its fields; the header comes first.

    Fields are separated by tabs in a file that ends in `.tsv`, by commas in all others.
    `strict` refuses characters between a closing quote and the next comma.

    Raises:
        UserError: the file cannot be opened, decoded or split into fields.
    """
    csv.field_size_limit(MAX_FIELD_CHARACTERS)  # For the whole process; the default is 131,072.
    # The added empty line is a row without fields, unless a quote before it is still open.
    divider = "\t" if path.suffix.lower() == ".tsv" else ","
    rows = csv.reader(chain(read_lines(path), ["\n"]), strict=strict, delimiter=divider)
    begin, previous = 1, None
    try:
        for row in rows:
            if previous is not None:
                yield previous
            previous = (begin, row)
            begin = rows.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}: line {begin}: {error}; is a quote not closed?") from error
    if previous and previous[1]:
        raise UserError(
            f"{path}: line {previous[0]}: a quote in the row that begins here is not closed"
        )


def read_columns(
    path: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Read these columns, and those of `optional` that exist; the file may have others.

    Raises:
        UserError: as `read_csv_rows` and `check_header`, a row with more or fewer fields than the
            header, or no row.
    """
    rows = read_csv_rows(path)
    _, header = next(rows, (1, []))
    check_header(path, header, columns)
    indices = {name: header.index(name) for name in (*columns, *optional) if name in header}
    found: dict[str, list[str]] = {name: [] for name in indices}
    filled = [(found[name].append, index) for name, index in indices.items()]
    n = 0
    for line, row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise UserError(f"{path}: line {line} has {len(row)} fields, the header {len(header)}")
        n += 1
        for append, index in filled:
            append(row[index])
    if not n:
        raise UserError(f"{path}: no rows below the header")
    return found


def check_header(path: Path | str, header: Sequence[str], columns: Sequence[str]) -> None:
    """Raise UserError if a header lacks one of these columns, or has it twice."""
    for column in columns:
        if column not in header:
            listed = ", ".join(map(unquoted, header)) or "none"
            raise UserError(f"{path}: no column {quoted(column)} (it has: {listed})")
        if header.count(column) > 1:
            raise UserError(f"{path}: column {quoted(column)} occurs twice; remove one")


def read_header(path: Path) -> list[str]:
    """Return the column names of a file; UserError as `read_csv_rows`."""
    return next((row for _, row in read_csv_rows(path)), [])


def find_line(path: Path, row: int) -> int:
    """Return the line at which a row begins; the first row below the header is row 0."""
    lines = (line for line, fields in read_csv_rows(path) if fields)
    return next(islice(lines, row + 1, None))
