"""Running trials: who owns each, how far it is, and which epochs its trackers have received.

In: a store's folder. Out: a lock for each trial, freed when its owner dies, and small files beside
it, written while the trial runs and removed at its end.
"""

import shutil
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from trainers.records.files import path_exists, read_whole, write_file
from trainers.records.outcome import ProgressRecord
from trainers.records.record import validate_json
from trainers.records.store_folder import StoreFolder


class RunningTrials(StoreFolder):
    """A store's running trials."""

    def is_locked(self, signature: str) -> bool:
        """Return whether a living process trains this trial now.

        Raises:
            Unreadable: its lock file cannot be opened.
        """
        return self.locks.is_held(self.running_folder(signature) / "lock")

    def lock(self, signature: str) -> AbstractContextManager[bool]:
        """Try to own a trial; yields whether this process owns it."""
        return self.locks.hold(self.running_folder(signature) / "lock")

    def was_taken_over(self, signature: str) -> bool:
        """Return whether this process took the lock from an owner that is taken to be dead."""
        return self.running_folder(signature) / "lock" in self.locks.taken

    def still_owns(self, signature: str) -> bool:
        """Return whether a trial that this process owns has not been taken over by another."""
        return self.locks.still_owned(self.running_folder(signature) / "lock")

    def remove_running(self, signature: str) -> None:
        """Remove a trial's checkpoint and progress; its owner calls this after the commit."""
        shutil.rmtree(self.running_folder(signature), ignore_errors=True)

    def write_progress(self, progress: ProgressRecord) -> None:
        """Write how far a running trial is (not synced: it may be lost)."""
        path = self.running_folder(progress.signature) / "progress.json"
        write_file(path, progress.model_dump_json().encode(), sync=False)

    def progress(self, signature: str) -> ProgressRecord | None:
        """Read how far a running trial is; None if it has written nothing yet."""
        path = self.running_folder(signature) / "progress.json"
        try:
            return validate_json(ProgressRecord, read_whole(path))
        except (OSError, ValueError):
            return None

    def request_stop(self, launch: str) -> None:
        """Ask all trials of a launch, on any node, to save a checkpoint and stop."""
        write_file(self._stop_request(launch), b"", sync=False)

    def is_stop_requested(self, launch: str) -> bool:
        """Return whether the trials of a launch must save a checkpoint and stop."""
        return path_exists(self._stop_request(launch))

    def remove_stop_request(self, launch: str) -> None:
        """Forget a request to stop, once the launch has ended."""
        self._stop_request(launch).unlink(missing_ok=True)

    def _stop_request(self, launch: str) -> Path:
        return self.root / "running" / f"stop-{launch}"

    def checkpoint(self, signature: str) -> Path:
        """Return the path of a running trial's checkpoint, which may not exist yet."""
        return self.running_folder(signature) / "checkpoint.safetensors"

    def last_epoch_sent(self, signature: str, tracker: str) -> int | None:
        """Read the last epoch of a running trial that a tracker received; None before it began."""
        try:
            return int(read_whole(self._last_epoch_path(signature, tracker)))
        except (OSError, ValueError):
            return None

    def write_last_epoch_sent(self, signature: str, tracker: str, epoch: int) -> None:
        """Write the last epoch that a tracker received; do nothing once the trial has ended."""
        path = self._last_epoch_path(signature, tracker)
        with suppress(FileNotFoundError):  # A thread may write while the trial's owner ends it.
            write_file(path, str(epoch).encode(), sync=False)

    def _last_epoch_path(self, signature: str, tracker: str) -> Path:
        return self.running_folder(signature) / f"told-{tracker}"
