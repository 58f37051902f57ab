"""Atomic reads and writes of files, and predictions as Parquet. No torch here.

In: bytes and a path, or predictions. Out: a file renamed into place, or Parquet bytes. A file is
whole or absent; one that the system does not let this process read is neither (`Unreadable`).
Parquet is read without threads: Arrow's threads would abort a process that ends while they read.
"""

import errno
import io
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from search_spaces.errors import UserError
from trainers.records.metrics import Labels
from trainers.records.outcome import LabelledExamples, Predictions

DISK_FULL_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
ACCESS_ERRORS = {errno.EACCES, errno.EPERM}
LABEL_COLUMNS = {"id": pa.string(), "gold": pa.int32(), "predicted": pa.int32()}


class StoreFull(UserError):
    """The disk of the store is full: nothing more can be written, and nothing written is lost."""


class Unreadable(UserError):
    """The system does not let this process read a path: it is neither gone nor damaged."""

    def __init__(self, path: str | Path, error: OSError) -> None:
        name, reason = error.filename or path, error.strerror or error
        if error.errno in ACCESS_ERRORS:
            super().__init__(
                f"{name} may not be read by this user ({reason}): change its permissions (chmod or"
                " chown), then run the same command again"
            )
        else:
            super().__init__(f"{name} cannot be read ({reason}): make it readable and run again")


def path_exists(path: Path) -> bool:
    """Return whether a file, folder or anything else has this path.

    Raises:
        Unreadable: the system does not say, or the path is a broken link.
    """
    try:
        path.stat()
    except FileNotFoundError as error:
        if path.is_symlink():
            raise Unreadable(path, error) from error
        return False
    except OSError as error:
        raise Unreadable(path, error) from error
    return True


def list_folder(folder: Path) -> list[os.DirEntry[str]]:
    """List a folder in the order of names; an absent folder gives an empty list.

    Raises:
        Unreadable: the folder exists and cannot be listed.
    """
    if not path_exists(folder):
        return []
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:  # Removed just now.
        return []
    except OSError as error:
        raise Unreadable(folder, error) from error


def read_whole(path: Path) -> bytes:
    """Read a regular file; refuse anything else, such as a pipe, without waiting for it.

    Raises:
        IsADirectoryError: the path is a folder, a pipe, a device or the like.
        OSError: the file is absent, or cannot be read.
    """
    with open_regular(path, os.O_RDONLY) as file:
        return file.read()


def open_regular(path: Path, flags: int) -> BinaryIO:
    """Open a regular file, or create it if the flags say so; raises the errors of `read_whole`."""
    file = os.fdopen(os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EISDIR, "Is not a regular file", str(path))
    return file


def encode_predictions(predictions: Predictions) -> bytes:
    """Encode predictions as Parquet (id, gold, predicted, logits); equal ones give equal bytes."""
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


def decode_predictions(data: bytes, n_classes: int) -> Predictions:
    """Decode what `encode_predictions` returned for `n_classes` classes.

    Raises:
        ValueError, pyarrow.ArrowException: the bytes are not such predictions.
    """
    file = _open(data, n_classes)
    table = file.read(use_threads=False)
    labelled = _read_labels(table, n_classes)
    flat = table["logits"].combine_chunks().flatten()
    if table["logits"].null_count or flat.null_count:
        raise ValueError("logits has missing values")
    logits = flat.to_numpy().reshape(-1, n_classes)
    if not np.isfinite(logits).all():
        raise ValueError("logits are not all finite")
    found = Predictions(ids=labelled.ids.to_pylist(), gold=labelled.gold, logits=logits)
    if not np.array_equal(found.predicted, labelled.predicted):
        raise ValueError("predicted is not the class of the highest logit")
    return found


def decode_labels(data: bytes, n_classes: int) -> LabelledExamples:
    """Decode the ids and labels alone, about five times as fast as `decode_predictions`.

    Raises:
        ValueError, pyarrow.ArrowException: as `decode_predictions`.
    """
    file = _open(data, n_classes)
    return _read_labels(file.read(columns=[*LABEL_COLUMNS], use_threads=False), n_classes)


def _open(data: bytes, n_classes: int) -> pq.ParquetFile:
    file = pq.ParquetFile(pa.BufferReader(data))
    names = file.schema_arrow.names
    found = dict(zip(names, file.schema_arrow.types, strict=True))
    logits = found.pop("logits", None)
    if (
        found != LABEL_COLUMNS
        or len(names) != len(LABEL_COLUMNS) + 1
        or not _is_rows_of_floats(logits, n_classes)
    ):
        raise ValueError(f"its columns are not those of predictions for {n_classes} classes")
    return file


def _is_rows_of_floats(kind: pa.DataType | None, width: int) -> bool:
    if kind is None or not pa.types.is_fixed_size_list(kind):
        return False
    return bool(kind.value_type == pa.float32() and kind.list_size == width)


def _read_labels(table: pa.Table, n_classes: int) -> LabelledExamples:
    for name in LABEL_COLUMNS:
        if table[name].null_count:
            raise ValueError(f"{name} has missing values")
    ids = table["id"].combine_chunks()
    ids.validate(full=True)
    if not len(ids) or len(ids.unique()) < len(ids):
        raise ValueError("an id occurs twice" if len(ids) else "it has no examples")
    columns = (_check_range(name, table[name], n_classes) for name in ("gold", "predicted"))
    gold, predicted = columns
    return LabelledExamples(ids=ids, gold=gold, predicted=predicted)


def _check_range(name: str, column: pa.ChunkedArray, n_classes: int) -> Labels:
    labels: Labels = column.to_numpy().astype(np.int64)
    if labels.min() < 0 or labels.max() >= n_classes:
        raise ValueError(f"{name} has labels outside 0 .. {n_classes - 1}")
    return labels


def write_file(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a temporary file, sync and rename it: readers see the old file or the whole new one.

    Raises:
        StoreFull: no space is left; the temporary file is removed.
    """
    with replace_file(path, sync=sync) as temporary:
        temporary.write_bytes(data)


def write_if_absent(path: Path, data: bytes) -> None:
    """Write a file unless it exists; if several processes write at once, the first one wins."""
    with _temporary_file(path) as temporary:
        temporary.write_bytes(data)
        sync_to_disk(temporary)
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            pass
        except OSError:  # A file system without hard links.
            temporary.replace(path)
        sync_to_disk(path.parent)


@contextmanager
def replace_file(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary file to write; at the end it is synced and renamed to `path`.

    Raises:
        StoreFull: no space is left; the temporary file is removed.
    """
    with _temporary_file(path) as temporary:
        yield temporary
        if sync:
            sync_to_disk(temporary)
        temporary.replace(path)
        if sync:
            sync_to_disk(path.parent)


@contextmanager
def _temporary_file(path: Path) -> Iterator[Path]:
    """Create a file beside `path` with an unpredictable name, and remove it in the end.

    It never follows a link, and has the permissions of any new file. A `path` that is a device or a
    pipe is refused, because renaming onto it would remove it.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UserError(f"{path} is not a regular file and is not replaced: give another name")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
        yield temporary
    except Exception as error:
        if _is_disk_full(error):
            raise StoreFull(
                f"no space left to write {path}: free some space and run again"
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _is_disk_full(error: Exception) -> bool:
    """Return whether the disk was full; safetensors has the error number only in its message."""
    if isinstance(error, OSError):
        return error.errno in DISK_FULL_ERRORS
    return any(f"os error {number}" in str(error) for number in DISK_FULL_ERRORS)


def sync_to_disk(path: Path) -> None:
    """Flush a file's bytes, or a folder's entries, to disk, so that they survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
