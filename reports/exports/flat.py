"""Export to CSV and Parquet: a row per trial, and predictions in long form.

In: `TrialRow`s. Out: one file, which replaces an earlier one.
Columns: signature, all settings, state, then measurements; `dev.accuracy` is a score. A field is
empty if the trial's method has no such setting, or the trial has no result. In CSV an apostrophe
precedes texts that a spreadsheet would run as formulas (`reports/spreadsheets.py`); Parquet has all
texts unchanged.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from reports.exports.rows import Scalar, TrialRow, refuse_other, settings
from reports.spreadsheets import BEGINS, for_spreadsheets
from trainers.records.files import replace_file
from trainers.records.outcome import TrialRecord
from trainers.records.store import Store

LONG = pa.schema([(name, pa.string()) for name in ("signature", "split", "id", "gold")]).append(
    pa.field("prediction", pa.string())
)
BATCH_ROWS = 500_000
FORMULAS: Final = pa.array(BEGINS)


class SpreadsheetWriter:
    """Writes tables to a CSV file, with texts protected from being run as formulas."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.writer = pyarrow.csv.CSVWriter(path, schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()

    def write_table(self, table: pa.Table) -> None:
        """Append rows."""
        columns = [_protect(column) for column in table.columns]
        self.writer.write_table(pa.table(columns, schema=table.schema))


def _protect(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Protect the texts of a column; a column without formulas is returned unchanged."""
    if column.type != pa.string() or not pc.any(pc.is_in(_initials(column), FORMULAS)).as_py():
        return column
    texts = [text and for_spreadsheets(text) for text in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _initials(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_slice_codeunits(column, 0, 1)


WRITERS: dict[str, Callable[[Path, pa.Schema], Any]] = {
    "csv": SpreadsheetWriter,
    "parquet": pq.ParquetWriter,
}


def write_trials(rows: Sequence[TrialRow], path: Path, kind: str) -> None:
    """Write one row per trial, with or without a result, in the study's order.

    Raises:
        UserError: the path is a folder.
    """
    table = to_table(rows)
    with _writer(path, kind, table.schema) as writer:
        writer.write_table(table)


def to_table(rows: Sequence[TrialRow]) -> pa.Table:
    """Build the columns; a column has the narrowest type that holds all of its values."""
    groups = [_flatten(row) for row in rows]
    names = list(
        dict.fromkeys(name for part in zip(*groups, strict=True) for d in part for name in d)
    )
    merged = [{k: v for part in parts for k, v in part.items()} for parts in groups]
    return pa.table({name: _column([row.get(name) for row in merged]) for name in names})


def _flatten(row: TrialRow) -> tuple[dict[str, Scalar], ...]:
    """Return a trial's columns in groups, in the order of the table."""
    record = row.record
    ended = row.ended_at
    return (
        {"signature": row.signature},
        settings(row.config),
        {"state": row.state.value, "reason": row.reason, "score": row.score},
        _choice(record) if record else {},
        dict(row.scores),
        {"trained_epochs": len(row.epochs) or None, "seconds": row.seconds},
        _measured(record) if record else {},
        {"ended_at": ended.isoformat() if ended else None},
    )


def _choice(record: TrialRecord) -> dict[str, Scalar]:
    return {
        "selection": record.selection,
        "metric": record.metric,
        "selected_epoch": record.selected_epoch,
    }


def _measured(record: TrialRecord) -> dict[str, Scalar]:
    return {
        "train_seconds": record.train_seconds,
        "evaluate_seconds": record.evaluate_seconds,
        "trained_steps": record.steps,
        "peak_memory_bytes": record.peak_memory_bytes,
        "resumed": record.resumed,
        "host": record.environment.host,
        "device": record.environment.device,
    }


def _column(values: Sequence[Scalar]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} or len(kinds) == 1:
        kind = pa.float64() if float in kinds else None
        return pa.array(values, kind if kinds else pa.string())
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def write_predictions(rows: Iterable[TrialRow], store: Store, path: Path, kind: str) -> None:
    """Write a row per finished trial, split and example: id, gold label and predicted label.

    Raises:
        UserError: the path is a folder.
        CorruptTrial: predictions do not match their checksum.
    """
    records = (row.record for row in rows if row.record)
    with _writer(path, kind, LONG) as writer:
        waiting: list[pa.Table] = []
        for record in records:
            waiting += [_to_long_form(record, split, store) for split in record.scores]
            if sum(table.num_rows for table in waiting) >= BATCH_ROWS:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        writer.write_table(pa.concat_tables([*waiting, LONG.empty_table()]))


def _to_long_form(record: TrialRecord, split: str, store: Store) -> pa.Table:
    found, names = store.labels(record, split), np.array(record.labels)
    same = [pa.repeat(value, len(found.gold)) for value in (record.signature, split)]
    labels = [pa.array(names[numbers]) for numbers in (found.gold, found.predicted)]
    return pa.table([*same, found.ids, *labels], schema=LONG)


@contextmanager
def _writer(path: Path, kind: str, schema: pa.Schema) -> Iterator[Any]:
    """Write to a temporary file and rename it, so that the file is never incomplete."""
    refuse_other(path, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path, sync=False) as half, WRITERS[kind](half, schema) as writer:
        yield writer
