"""The columns of a Parquet file that another program wrote, including pandas' index.

In: a path. Out: the names of its columns, and the values of a column as Python objects.
Arrow gets the bytes, not the file: given a file, its threads read ahead, and a thread that still
does so when the process ends aborts the process (SIGABRT).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from search_spaces.errors import UserError
from search_spaces.input_files import open_input
from search_spaces.text import one_line, quoted
from trainers.data.labels import SCOPE

LISTS: Final = ("list", "large_list", "fixed_size_list", "list_view", "large_list_view")


class ParquetFile:
    """An open file; `names` are its columns and the named levels of pandas' index.

    pandas stores a range index in the file's metadata alone.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; UserError if it is not Parquet."""
        self.path = path
        with open_input(path) as file, _translate_errors(path):
            self._file = pq.ParquetFile(pa.BufferReader(file.read()), pre_buffer=False)
            self._schema = self._file.schema_arrow
            self._index = _find_index(self._schema)
        self.rows: int = self._file.metadata.num_rows
        columns = list(self._schema.names)
        self.names = [*columns, *(name for name in self._index if name not in columns)]

    def values(self, name: str) -> list[Any]:
        """Return a column's values, one per row; UserError if they cannot be read."""
        column = name if name in self._schema.names else self._index[name]
        if isinstance(column, range):
            found: Sequence[Any] = column
        else:
            self._check_type(name, self._schema.field(column).type)
            with _translate_errors(self.path):
                table = self._file.read(columns=[column], use_threads=False)
                found = table[column].to_pylist()
        if len(found) != self.rows:
            raise UserError(
                f"{self.path}: damaged Parquet file: column {quoted(name)} has {len(found):,} of"
                f" {self.rows:,} rows"
            )
        return list(found)

    def _check_type(self, name: str, kind: pa.DataType) -> None:
        values = kind.value_type if pa.types.is_dictionary(kind) else kind
        if any(getattr(pa.types, f"is_{name}")(values) for name in LISTS):
            raise UserError(
                f"{self.path}: column {quoted(name)} holds lists: multi-label tasks are not"
                f" supported, {SCOPE}"
            )
        if not any(getattr(pa.types, f"is_{name}")(values) for name in KINDS):
            raise UserError(
                f"{self.path}: column {quoted(name)} holds values of type {values}, expected text"
                " or whole numbers"
            )


KINDS: Final = ("string", "large_string", "string_view", "integer", "floating", "boolean", "null")


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    """Turn Arrow's errors about a damaged file into a UserError of one line."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {quoted(error.object)} is not UTF-8 text") from error
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a Parquet file: {one_line(error)}") from error


def _find_index(schema: pa.Schema) -> dict[str, str | range]:
    """Find the named levels of pandas' index, each as its column or as a range."""
    try:
        metadata = schema.pandas_metadata or {}
        ranges = [part for part in metadata["index_columns"] if isinstance(part, dict)]
        found: dict[str, str | range] = {
            str(part["name"]): range(part["start"], part["stop"], part["step"]) for part in ranges
        }
        columns: Sequence[Any] = metadata["columns"]
        for column in columns:
            if column["name"] is not None and column["field_name"] in schema.names:
                found[str(column["name"])] = str(column["field_name"])
    except (ValueError, KeyError, TypeError, AttributeError):  # Metadata of another program.
        return {}
    return found
