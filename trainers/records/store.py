"""The store: a folder of finished trials, named by signature. No torch here.

    store.json                      version and identity (`store_mark.py`)
    trials/<signature>/             config.json, predictions-<split>.parquet, result.json
                                    or config.json and failure.json or pruned.json
    running/<signature>/            lock, progress.json, checkpoint.safetensors, told-<tracker>
    searches/<digest>.json          which trials a search drew (`searches.py`)
    confirmations/<digest>.json     which settings were confirmed (`confirmations.py`)
    looks/<digest>.json             which results on a test set were shown (`looks.py`)
    tasks/<task>/<digest>.json      rows of users' own tasks (`trainers/data/identity.py`)
    code/<digest>/                  users' own methods and metrics (`kept_code.py`)
    checkpoints/<study>/<cell>/     trained models that are kept (`trainers/checkpoints.py`)
    reports/<study>/, exports/      tables, pages and files for other programs
    set-aside/<signature>-<n>/      trials that a retry moved out of the way

In: a folder. Out: what it holds, and atomic writes to it. Every file is written under a temporary
name, synced and renamed; `result.json` comes last and marks the commit. A trial without a record is
missing; one whose files are truncated, altered or gone is corrupt; if the system does not let this
process read them, it is neither, and `Unreadable` is raised.
"""

import hashlib
import os
import re
from enum import StrEnum
from pathlib import Path

from search_spaces.trial import TrialConfig
from trainers.records.files import (
    decode_labels,
    decode_predictions,
    encode_predictions,
    list_folder,
    path_exists,
    sync_to_disk,
    write_file,
)
from trainers.records.outcome import (
    FailureRecord,
    FileRecord,
    LabelledExamples,
    Predictions,
    PrunedRecord,
    TrialRecord,
    TrialResult,
)
from trainers.records.record import RECORD_VERSION, Record, encode_record
from trainers.records.running import RunningTrials
from trainers.records.trial_folder import (
    FAILURE,
    PRUNED,
    RESULT,
    SETTINGS,
    CorruptTrial,
    has_file,
    predictions_name,
    read_record,
    read_result,
    read_split,
    verify_scores,
)

__all__ = ["CorruptTrial", "State", "Store"]


class State(StrEnum):
    """The state of a trial in the store."""

    DONE = "done"
    FAILED = "failed"
    RUNNING = "running"
    CORRUPT = "corrupt"
    MISSING = "missing"
    PRUNED = "pruned"


class Store(RunningTrials):
    """Finished, failed and running trials in one folder.

    Raises:
        UserError: as `StoreFolder`.
    """

    def __init__(self, root: Path, *, create: bool) -> None:
        super().__init__(root, create=create)
        self._records: dict[str, TrialRecord] = {}
        self._verified: set[tuple[str, str]] = set()

    def state(self, signature: str) -> State:
        """Return a trial's state; reads its record and the sizes of its files.

        Raises:
            Unreadable: the system does not let this process read them.
        """
        try:
            return self.check(signature)
        except CorruptTrial:
            return State.CORRUPT

    def check(self, signature: str) -> State:
        """Return a trial's state as `state` does, but raise CorruptTrial if it is corrupt."""
        if signature in self._records:
            return State.DONE
        folder = self.folder(signature)
        for state, name, read in (
            (State.DONE, RESULT, self.record),
            (State.FAILED, FAILURE, self.failure),
            (State.PRUNED, PRUNED, self.pruned),
        ):
            if has_file(folder, name):
                try:
                    read(signature)
                except CorruptTrial:
                    if has_file(folder, name):
                        raise
                    return self.check(signature)  # Finished or set aside just now.
                return state
        return State.RUNNING if self.is_locked(signature) else State.MISSING

    def record(self, signature: str) -> TrialRecord:
        """Read a finished trial's record, once; CorruptTrial if it or a file's size is wrong."""
        if signature not in self._records:
            self._records[signature] = read_result(self.folder(signature))
        return self._records[signature]

    def cached_record(self, signature: str) -> TrialRecord | None:
        """Return a finished trial's record if it was read already, without reading any file."""
        return self._records.get(signature)

    def verified_record(self, signature: str) -> TrialRecord:
        """Read a record whose scores can be chosen by; those without a checksum are recomputed."""
        record = self.record(signature)
        for split in record.scores if record.version < RECORD_VERSION else ():
            self.labels(record, split)
        return record

    def count_without_checksum(self) -> int:
        """Count the records read so far that are older than checksums."""
        return sum(record.version < RECORD_VERSION for record in self._records.values())

    def failure(self, signature: str) -> FailureRecord:
        """Read why a trial failed."""
        return read_record(FailureRecord, self.folder(signature), FAILURE)

    def pruned(self, signature: str) -> PrunedRecord:
        """Read the curve of a trial that was stopped early."""
        return read_record(PrunedRecord, self.folder(signature), PRUNED)

    def predictions(self, record: TrialRecord, split: str) -> Predictions:
        """Read one split's predictions.

        Raises:
            CorruptTrial: they are not what was written, or do not give the record's scores.
        """
        folder = self.folder(record.signature)
        found = read_split(folder, record, split, decode_predictions)
        self._verify_once(record, split, found)
        return found

    def labels(self, record: TrialRecord, split: str) -> LabelledExamples:
        """Read one split's ids and labels without class scores, for tests over whole cells."""
        found = read_split(self.folder(record.signature), record, split, decode_labels)
        self._verify_once(record, split, found)
        return found

    def _verify_once(
        self, record: TrialRecord, split: str, found: LabelledExamples | Predictions
    ) -> None:
        if (record.signature, split) not in self._verified:
            verify_scores(self.folder(record.signature), record, split, found)
            self._verified.add((record.signature, split))

    def is_whole(self, signature: str) -> bool:
        """Return whether every file of a finished trial is as it was written; reads all of them."""
        try:
            record = self.record(signature)
            for split in record.scores:
                self.predictions(record, split)
        except CorruptTrial:
            return False
        return True

    def commit(self, config: TrialConfig, result: TrialResult) -> None:
        """Write a finished trial: predictions first, `result.json` last."""
        folder = self._make_folder(config.signature)
        contents = {SETTINGS: config.canonical_json().encode()}
        for split, predictions in result.predictions.items():
            contents[predictions_name(split)] = encode_predictions(predictions)
        for name, data in contents.items():
            write_file(folder / name, data)
        files = {
            name: FileRecord(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            for name, data in contents.items()
        }
        record = result.record.model_copy(update={"files": files})
        self._forget(config.signature)
        write_file(folder / RESULT, encode_record(record))
        (folder / PRUNED).unlink(missing_ok=True)

    def commit_failure(self, config: TrialConfig, failure: FailureRecord) -> None:
        """Write why a trial failed."""
        self._commit_without_result(config, FAILURE, failure)

    def commit_pruned(self, config: TrialConfig, pruned: PrunedRecord) -> None:
        """Write the curve of a trial that was stopped early; it has no predictions."""
        self._commit_without_result(config, PRUNED, pruned)

    def _commit_without_result(self, config: TrialConfig, name: str, record: Record) -> None:
        folder = self._make_folder(config.signature)
        write_file(folder / SETTINGS, config.canonical_json().encode())
        write_file(folder / name, encode_record(record))

    def _make_folder(self, signature: str) -> Path:
        """Make a trial's folder, and sync its entry in `trials/`."""
        folder = self.folder(signature)
        folder.mkdir(parents=True, exist_ok=True)
        sync_to_disk(folder.parent)
        return folder

    def set_aside(self, signature: str, seen: TrialRecord | None = None) -> Path | None:
        """Move a corrupt or failed trial away, so that it is trained again; return where to.

        A finished trial is moved if its record still equals `seen`. None if another process has
        just moved it, or trains it already.
        """
        with self.lock(signature) as mine:
            if not mine or not self._must_be_retrained(signature, seen):
                return None
            folder = self.root / "set-aside"
            folder.mkdir(exist_ok=True)
            taken = (folder / f"{signature}-{number}" for number in range(1, 10_000))
            target = next(path for path in taken if not path_exists(path))
            self.folder(signature).rename(target)
            self._forget(signature)
            self.remove_running(signature)
            return target

    def _must_be_retrained(self, signature: str, seen: TrialRecord | None) -> bool:
        self._forget(signature)
        state = self.state(signature)
        if state is State.DONE:
            return self.record(signature) == seen or not self.is_whole(signature)
        return state in {State.CORRUPT, State.FAILED}

    def _forget(self, signature: str) -> None:
        """Forget what was read of a trial, because its files may have changed."""
        self._records.pop(signature, None)
        self._verified = {pair for pair in self._verified if pair[0] != signature}

    def clear_running(self) -> None:
        """Remove the running folders of trials that were killed just after their commit."""
        ended = self.ended()
        for entry in list_folder(self.root / "running"):
            if entry.name in ended:
                with self.lock(entry.name) as mine:
                    if mine and self.state(entry.name) in {State.DONE, State.FAILED}:
                        self.remove_running(entry.name)

    def ended(self) -> set[str]:
        """Return the signatures of trials that ended in any way; one scan, no file is read.

        Trials whose folder cannot be read are included: `check` raises for them.
        """
        return {
            entry.name
            for entry in list_folder(self.trials)
            if _is_signature(entry.name) and _has_ended(entry.path)
        }


def _is_signature(name: str) -> bool:
    return re.fullmatch("[0-9a-f]{12}", name) is not None


def _has_ended(folder: str) -> bool:
    """Check by plain strings, for speed: a large store asks ten thousand times."""
    for name in (RESULT, FAILURE, PRUNED):
        try:
            os.stat(f"{folder}/{name}")  # noqa: PTH116
        except FileNotFoundError:
            continue
        except OSError:
            pass
        return True
    return os.path.islink(folder)  # noqa: PTH114
