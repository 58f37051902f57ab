"""The folder of a trial that ended: its record and its predictions, checked as they are read.

In: a folder. Out: records and predictions. Files that are truncated, altered, missing or invalid
are a CorruptTrial, which a retry trains again; if the system does not let this process read them,
that is `Unreadable` instead. No torch here.
"""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import pyarrow as pa

from search_spaces.errors import UserError
from search_spaces.text import one_line
from trainers.records.files import Unreadable, read_whole
from trainers.records.outcome import (
    FailureRecord,
    LabelledExamples,
    Predictions,
    PrunedRecord,
    TrialRecord,
)
from trainers.records.record import decode_record

RESULT: Final = "result.json"
FAILURE: Final = "failure.json"
PRUNED: Final = "pruned.json"
SETTINGS: Final = "config.json"
DAMAGE_ERRORS = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
"""Errors that mean that a trial's file is missing or replaced; any other is the system's."""

Ended = TypeVar("Ended", TrialRecord, FailureRecord, PrunedRecord)
Decoded = TypeVar("Decoded", LabelledExamples, Predictions)


class CorruptTrial(UserError):
    """A stored trial's files are truncated, altered or missing."""

    def __init__(self, folder: Path, problem: object) -> None:
        super().__init__(
            f"trial {folder.name} is corrupt ({one_line(problem)}): `catsweep run STUDY --retry`"
            f" sets {folder} aside and trains it again"
        )


def make_error(folder: Path, error: Exception, name: str = "") -> UserError:
    """Turn an error in a trial's folder into CorruptTrial or Unreadable."""
    if isinstance(error, OSError):
        return (CorruptTrial if error.errno in DAMAGE_ERRORS else Unreadable)(folder, error)
    return CorruptTrial(folder, f"{name}: {one_line(error)}" if name else error)


def predictions_name(split: str) -> str:
    """Return the name of the file with a split's predictions."""
    return f"predictions-{split}.parquet"


def has_file(folder: Path, name: str) -> bool:
    """Return whether the folder has a file of this name.

    Raises:
        CorruptTrial: the folder is a file or a broken link.
        Unreadable: the system does not let this process read the folder.
    """
    try:
        _file_size(folder, name)
    except FileNotFoundError as error:
        if folder.is_symlink() and not folder.exists():
            raise make_error(folder, error) from error
        return False
    except OSError as error:
        raise make_error(folder, error) from error
    return True


def read_record(kind: type[Ended], folder: Path, name: str) -> Ended:
    """Read a record and check that it belongs to this folder's trial."""
    try:
        record = decode_record(kind, read_whole(folder / name))
        if record.signature != folder.name:
            raise ValueError(f"it belongs to trial {record.signature}")
    except (OSError, ValueError) as error:
        raise make_error(folder, error, name) from error
    return record


def read_result(folder: Path) -> TrialRecord:
    """Read a finished trial's record, and check the sizes of its files."""
    record = read_record(TrialRecord, folder, RESULT)
    try:
        for name in (SETTINGS, *map(predictions_name, record.scores)):
            if name not in record.files:
                raise ValueError(f"it lists no {name}")
        for name, expected in record.files.items():
            size = _file_size(folder, name)
            if size != expected.bytes:
                raise ValueError(f"{name} has {size} bytes, not {expected.bytes}")
    except (OSError, ValueError) as error:
        raise make_error(folder, error, RESULT) from error
    return record


def read_split(
    folder: Path, record: TrialRecord, split: str, decode: Callable[[bytes, int], Decoded]
) -> Decoded:
    """Read one split's predictions and check them against their checksum."""
    name = predictions_name(split)
    try:
        data = read_whole(folder / name)
        if name not in record.files or record.files[name].sha256 != _sha256(data):
            raise ValueError("it does not match its checksum")
        return decode(data, len(record.labels))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise make_error(folder, error, name) from error


def verify_scores(
    folder: Path, record: TrialRecord, split: str, found: LabelledExamples | Predictions
) -> None:
    """Check a split's scores against its predictions, and the settings against the signature.

    A trial's signature is the start of the checksum of its settings.
    """
    try:
        if not _sha256(read_whole(folder / SETTINGS)).startswith(folder.name):
            raise ValueError(f"{SETTINGS} holds the settings of another trial")
        record.verify_scores(split, found.gold, found.predicted)
    except (OSError, ValueError) as error:
        raise make_error(folder, error) from error


def _file_size(folder: Path, name: str) -> int:
    """Get a size by plain strings, for speed: a large store asks thirty thousand times."""
    return os.stat(f"{folder}/{name}").st_size  # noqa: PTH116


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
