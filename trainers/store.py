"""The store: a folder of finished trials, named by signature. No torch here.

    store.json                      version and identity
    trials/<signature>/             config.json, predictions-<split>.parquet, result.json
                                    or config.json and failure.json or pruned.json
    running/<signature>/            lock, progress.json, checkpoint.safetensors
    searches/<digest>.json          which trials a search drew (`searches.py`)
    set-aside/<signature>-<n>/      corrupt or failed trials that a retry moved out of the way

In: a folder. Out: what it holds, and atomic writes to it. `result.json` is written last: it is the
commit mark. Every file is written to a temporary name, synced and renamed.
"""

import fcntl
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, TypeVar

import pyarrow as pa
from pydantic import ValidationError

from search_spaces.errors import UserError
from search_spaces.text import one_line
from search_spaces.trial import TrialConfig
from trainers.files import (
    decode_labels,
    decode_predictions,
    encode_predictions,
    sync_to_disk,
    write_file,
    write_first,
)
from trainers.outcome import (
    FailureRecord,
    FileRecord,
    Frozen,
    Labelled,
    Predictions,
    ProgressRecord,
    PrunedRecord,
    TrialRecord,
    TrialResult,
)

STORE_VERSION = 1
LOCK_TRIES = 5
Record = TypeVar("Record", bound=Frozen)
Decoded = TypeVar("Decoded", Labelled, Predictions)


class State(StrEnum):
    """What the store knows of a trial."""

    DONE = "done"
    FAILED = "failed"
    RUNNING = "running"
    CORRUPT = "corrupt"
    MISSING = "missing"
    PRUNED = "pruned"


class CorruptTrial(UserError):
    """A stored trial's files are truncated or altered."""


class StoreMark(Frozen):
    """`store.json`: the layout's version, and an identity by which a shared store is recognised."""

    version: int
    identity: str


class Store:
    """Finished, failed and running trials in one folder.

    Raises:
        UserError: the folder is a file, cannot be read or written, or was made by a newer version.
    """

    def __init__(self, root: Path, *, create: bool) -> None:
        self.root = root.absolute()
        try:
            if self.root.exists() and not self.root.is_dir():
                raise UserError(f"store {root} is a file; give a folder")
            if not create and not (self.root / "store.json").is_file():
                hint = f"`catsweep run STUDY --store {root}` makes one"
                raise UserError(f"no store in {root}: {hint}")
        except OSError as error:  # A folder above it that may not be read, a name without end.
            raise UserError(f"store {root} cannot be read: {error.strerror}") from error
        if create:
            self._create()
        self.mark = self._read_mark()
        self._records: dict[str, TrialRecord] = {}

    def _create(self) -> None:
        try:
            for name in ("trials", "running"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            probe = self.root / "running" / f".probe-{uuid.uuid4().hex}"
            probe.touch()
            probe.unlink()
            if not (self.root / "store.json").exists():
                mark = StoreMark(version=STORE_VERSION, identity=uuid.uuid4().hex)
                write_first(self.root / "store.json", mark.model_dump_json().encode())
        except OSError as error:
            raise UserError(f"store {self.root} cannot be written: {error.strerror}") from error

    def _read_mark(self) -> StoreMark:
        path = self.root / "store.json"
        try:
            mark = StoreMark.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise UserError(f"{path} is no catsweep store mark: {one_line(error)}") from error
        if mark.version > STORE_VERSION:
            raise UserError(
                f"store {self.root} has version {mark.version}, this catsweep reads"
                f" up to {STORE_VERSION}: update catsweep"
            )
        return mark

    def folder(self, signature: str) -> Path:
        """Where a finished or failed trial is kept."""
        return self.root / "trials" / signature

    def running_folder(self, signature: str) -> Path:
        """Where a running trial keeps its lock, its progress and its checkpoint."""
        return self.root / "running" / signature

    def state(self, signature: str) -> State:
        """Say what the store knows of a trial: its record is read, of its files the sizes."""
        try:
            return self.check(signature)
        except CorruptTrial:
            return State.CORRUPT

    def check(self, signature: str) -> State:
        """Say the same, or raise CorruptTrial with what is wrong."""
        folder = self.folder(signature)
        if signature in self._records:
            return State.DONE
        if (folder / "result.json").exists():
            self.record(signature)
            return State.DONE
        if (folder / "failure.json").exists():
            return State.FAILED
        if (folder / "pruned.json").exists():
            try:
                self.pruned(signature)
            except CorruptTrial:
                if (folder / "pruned.json").exists():
                    raise
                return self.check(signature)  # Somebody has just trained it to its end.
            return State.PRUNED
        return State.RUNNING if self.is_locked(signature) else State.MISSING

    def record(self, signature: str) -> TrialRecord:
        """Read a finished trial's record, once; CorruptTrial when it or a file's size is wrong."""
        if signature in self._records:
            return self._records[signature]
        folder = self.folder(signature)
        try:
            record = TrialRecord.model_validate_json((folder / "result.json").read_bytes())
            if record.signature != signature:
                raise ValueError(f"it holds the result of trial {record.signature}")
            for name, expected in record.files.items():
                size = (folder / name).stat().st_size
                if size != expected.bytes:
                    raise ValueError(f"{name} has {size} bytes, not {expected.bytes}")
        except (OSError, ValueError) as error:
            raise _corrupt(folder, error) from error
        self._records[signature] = record
        return record

    def failure(self, signature: str) -> FailureRecord:
        """Read why a trial failed."""
        return _read(FailureRecord, self.folder(signature) / "failure.json")

    def pruned(self, signature: str) -> PrunedRecord:
        """Read the curve of a trial that was stopped early."""
        return _read(PrunedRecord, self.folder(signature) / "pruned.json")

    def predictions(self, record: TrialRecord, split: str) -> Predictions:
        """Read one split's predictions and check them against their checksum."""
        return self._decode(record, split, decode_predictions)

    def labels(self, record: TrialRecord, split: str) -> Labelled:
        """Read the same without class scores: what tests over all trials of a cell need."""
        return self._decode(record, split, decode_labels)

    def _decode(
        self, record: TrialRecord, split: str, decode: Callable[[bytes], Decoded]
    ) -> Decoded:
        folder, name = self.folder(record.signature), _predictions_name(split)
        try:
            data = (folder / name).read_bytes()
            if hashlib.sha256(data).hexdigest() != record.files[name].sha256:
                raise ValueError(f"{name} does not match its checksum")
            return decode(data)
        except (OSError, KeyError, ValueError, pa.ArrowException) as error:
            raise _corrupt(folder, error) from error

    def commit(self, config: TrialConfig, result: TrialResult) -> None:
        """Keep a finished trial: predictions first, `result.json` last."""
        folder = self._made(config.signature)
        contents = {"config.json": config.canonical_json().encode()}
        for split, predictions in result.predictions.items():
            contents[_predictions_name(split)] = encode_predictions(predictions)
        for name, data in contents.items():
            write_file(folder / name, data)
        files = {
            name: FileRecord(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            for name, data in contents.items()
        }
        record = result.record.model_copy(update={"files": files})
        write_file(folder / "result.json", record.model_dump_json(indent=1).encode())
        (folder / "pruned.json").unlink(missing_ok=True)

    def commit_failure(self, config: TrialConfig, failure: FailureRecord) -> None:
        """Keep why a trial failed."""
        self._commit_without_result(config, "failure.json", failure)

    def commit_pruned(self, config: TrialConfig, pruned: PrunedRecord) -> None:
        """Keep how far a trial came that was stopped early; it has no predictions."""
        self._commit_without_result(config, "pruned.json", pruned)

    def _commit_without_result(self, config: TrialConfig, name: str, record: Frozen) -> None:
        folder = self._made(config.signature)
        write_file(folder / "config.json", config.canonical_json().encode())
        write_file(folder / name, record.model_dump_json(indent=1).encode())

    def _made(self, signature: str) -> Path:
        """Make a trial's folder, and wait until `trials/` names it on the disk."""
        folder = self.folder(signature)
        folder.mkdir(parents=True, exist_ok=True)
        sync_to_disk(folder.parent)
        return folder

    def set_aside(self, signature: str) -> Path:
        """Move a corrupt or failed trial out of the way, so that it is trained again."""
        shelf = self.root / "set-aside"
        shelf.mkdir(exist_ok=True)
        taken = (shelf / f"{signature}-{number}" for number in range(1, 10_000))
        target = next(path for path in taken if not path.exists())
        self.folder(signature).rename(target)
        self._records.pop(signature, None)
        return target

    def is_locked(self, signature: str) -> bool:
        """Say whether a living process trains this trial now."""
        path = self.running_folder(signature) / "lock"
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @contextmanager
    def lock(self, signature: str) -> Iterator[bool]:
        """Try to own a trial; yields whether this process does. The kernel frees a dead owner's."""
        path = self.running_folder(signature) / "lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            mine = False
            # The last owner may remove the folder meanwhile: then this process does not own it.
            with suppress(BlockingIOError, FileNotFoundError):
                file = held.enter_context(path.open("ab"))
                _lock_patiently(file)
                mine = path.stat().st_ino == os.fstat(file.fileno()).st_ino
            yield mine

    def forget_running(self, signature: str) -> None:
        """Drop a trial's checkpoint and progress; its owner calls this after the commit."""
        shutil.rmtree(self.running_folder(signature), ignore_errors=True)

    def write_progress(self, progress: ProgressRecord) -> None:
        """Say where a running trial is (not synced: it may be lost)."""
        path = self.running_folder(progress.signature) / "progress.json"
        write_file(path, progress.model_dump_json().encode(), sync=False)

    def progress(self, signature: str) -> ProgressRecord | None:
        """Read where a running trial is, if it has said so."""
        path = self.running_folder(signature) / "progress.json"
        try:
            return ProgressRecord.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None

    def finished(self) -> set[str]:
        """Signatures of the trials that ended, however they did: one scan, no file is read."""
        return {entry.name for entry in _entries(self.root / "trials") if _has_ended(entry.path)}

    def free_bytes(self) -> int:
        """Free space on the store's disk."""
        return shutil.disk_usage(self.root).free


def _entries(folder: Path) -> Iterable[os.DirEntry[str]]:
    try:
        return list(os.scandir(folder))
    except FileNotFoundError:
        return []


def _has_ended(folder: str) -> bool:
    """Look by plain strings: a large store asks ten thousand times."""
    ends = ("result.json", "failure.json", "pruned.json")
    return any(os.path.exists(f"{folder}/{name}") for name in ends)  # noqa: PTH110


def _read(kind: type[Record], path: Path) -> Record:
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise _corrupt(path.parent, error) from error


def _lock_patiently(file: BinaryIO) -> None:
    """Lock, waiting out a probe of `is_locked`, which holds a lock for a moment."""
    for _ in range(LOCK_TRIES - 1):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.01)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _corrupt(folder: Path, error: Exception) -> CorruptTrial:
    return CorruptTrial(
        f"trial {folder.name} is corrupt ({one_line(error)}): `catsweep run STUDY --retry`"
        f" sets {folder} aside and trains it again"
    )


def _predictions_name(split: str) -> str:
    return f"predictions-{split}.parquet"
