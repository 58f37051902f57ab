"""Files that are whole or absent, and predictions as Parquet. No torch.

In: bytes and a path, or predictions. Out: a file renamed into place, or Parquet bytes.
Parquet is read without threads: a process that ended just then would be aborted by them.
"""

import errno
import io
import os
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from search_spaces.errors import UserError
from trainers.outcome import Labelled, Predictions

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StoreFull(UserError):
    """The store's disk has no space left: nothing more can be kept, nothing kept is lost."""


def encode_predictions(predictions: Predictions) -> bytes:
    """Parquet bytes: id, gold, predicted, logits; the same predictions give the same bytes."""
    width = predictions.logits.shape[1]
    flat = pa.array(np.ascontiguousarray(predictions.logits, dtype=np.float32).ravel())
    table = pa.table(
        {
            "id": pa.array(predictions.ids, pa.string()),
            "gold": pa.array(predictions.gold, pa.int32()),
            "predicted": pa.array(predictions.predicted, pa.int32()),
            "logits": pa.FixedSizeListArray.from_arrays(flat, width),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def decode_predictions(data: bytes) -> Predictions:
    """Read what `encode_predictions` wrote."""
    table = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
    logits = table["logits"].combine_chunks()
    width = logits.type.list_size
    return Predictions(
        ids=table["id"].to_pylist(),
        gold=table["gold"].to_numpy().astype(np.int64),
        logits=logits.flatten().to_numpy().reshape(-1, width),
    )


def decode_labels(data: bytes) -> Labelled:
    """Read of the same file what needs no logits: some five times as fast, for whole cells."""
    table = pq.ParquetFile(pa.BufferReader(data)).read(
        columns=["id", "gold", "predicted"], use_threads=False
    )
    return Labelled(
        ids=table["id"].combine_chunks(),
        gold=table["gold"].to_numpy().astype(np.int64),
        predicted=table["predicted"].to_numpy().astype(np.int64),
    )


def write_file(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write to a temporary name, sync, rename: readers see the old file or the whole new one.

    Raises:
        StoreFull: no space is left; the temporary file is removed.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        temporary.replace(path)
        if sync:
            sync_to_disk(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno in NO_SPACE:
            raise StoreFull(f"no space left to write {path}: free some and run again") from error
        raise


def write_first(path: Path, data: bytes) -> None:
    """Write a file unless there is one: of several processes at once the first one's stays."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        write_file(temporary, data)
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            pass
        except OSError:  # A file system without hard links.
            temporary.replace(path)
        sync_to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_to_disk(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, outlive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
