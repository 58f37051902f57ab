"""CSV files, every field as the text it is: `n/a` is a sentence, and newlines in quotes are legal.

In: a file in UTF-8 with a header row. Out: its rows, or some of its columns through `datasets`.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from search_spaces.errors import UserError
from search_spaces.text import one_line
from trainers.files import NO_SPACE, StoreFull

FIELD_CHARACTERS: Final = 2**31 - 1
"""The longest field that csv allows anywhere: one may hold a whole document."""


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line that a row begins at, and its fields; the header is the first.

    Raises:
        UserError: the file cannot be opened, decoded or cut into fields.
    """
    begin = 1
    csv.field_size_limit(FIELD_CHARACTERS)  # Of the whole process; its default is 131,072.
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            for row in rows:
                yield begin, row
                begin = rows.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}: line {begin}: {error}; is a quote not closed?") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from error


def header_of(path: Path) -> list[str]:
    """Return the names of a file's columns; UserError as `csv_rows`."""
    return next((row for _, row in csv_rows(path)), [])


def read_columns(path: Path, columns: Sequence[str]) -> dict[str, list[str]]:
    """Read these columns; others may stand beside them, even without a name.

    Raises:
        UserError: as `csv_rows`, a row with more or fewer fields than the header, no row, or the
            cache of `datasets` cannot be written.
        StoreFull: no space is left there.
    """
    import datasets

    _check_rows(path)
    features = datasets.Features({column: datasets.Value("string") for column in columns})
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # It logs what it raises.
    try:
        table = datasets.load_dataset(
            "csv",
            data_files=str(path),
            split="train",
            features=features,
            keep_default_na=False,
            encoding="utf-8-sig",
        )
    except (datasets.exceptions.DatasetGenerationError, ValueError, OSError) as error:
        cause = error.__cause__ or error
        if isinstance(cause, OSError):
            raise _cache_fault(Path(datasets.config.HF_DATASETS_CACHE), cause) from error
        reason = " ".join(str(cause).split())
        raise UserError(f"{path}: not a readable CSV file ({reason})") from error
    return {column: table[column][:] for column in columns}


def _cache_fault(cache: Path, error: OSError) -> UserError:
    """The file was read before: what fails is the writing."""
    if error.errno in NO_SPACE:
        return StoreFull(f"no space left to write the cache {cache}: free some and run again")
    return UserError(f"cannot write the cache {cache}: {one_line(error)}; set HF_DATASETS_CACHE")


def _check_rows(path: Path) -> None:
    """Refuse a file without rows, and one whose columns would be shifted."""
    width, n = len(header_of(path)), 0
    for line, row in csv_rows(path):
        if row and len(row) != width:
            raise UserError(f"{path}: line {line} has {len(row)} fields, the header {width}")
        n += bool(row)
    if n < 2:
        raise UserError(f"{path}: no rows below the header")
