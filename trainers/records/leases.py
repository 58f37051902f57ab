"""Locks for file systems without `flock`: numbered files by exclusive creation, with a heartbeat.

In: a path. Out: as in `locks.py`. The owner of a path is whoever created the lease with the highest
number beside it, and rewrites that lease every BEAT_SECONDS. A lease that has not changed for
EXPIRY_SECONDS, by the clock of whoever watches it, belongs to a dead owner: this is written beside
it, and whoever then creates the next number is the new owner. No two clocks are compared, and a
number is never used twice: the leases of a trial go with its folder, when it has ended.
"""

import os
import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from search_spaces.errors import UserError
from trainers.records.files import Unreadable, list_folder, read_whole, write_file

BEAT_SECONDS: Final = 10
EXPIRY_SECONDS: Final = 120
WAIT_SECONDS: Final = 0.2
RELEASED: Final = b"released"
DEAD: Final = "dead"


class Lease:
    """A lease of this process: a thread rewrites it until it is released or lost."""

    def __init__(self, path: Path, number: int, beat: float) -> None:
        self.path, self.number, self.beat = path, number, beat
        self.file = _numbered(path, number)
        self.owner = uuid.uuid4().hex
        self.beats = 0
        self.lost = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._write()
        self._thread.start()

    def still_owned(self) -> bool:
        """Return whether no other process has taken the path over, and note it if one has."""
        found = _highest(self.path)
        mine = found is not None and found[0] == self.number
        mine = mine and found is not None and found[1].startswith(self.owner.encode())
        self.lost = self.lost or not mine
        return not self.lost

    def release(self) -> None:
        """Let another process own the path at once."""
        self._ended.set()
        self._thread.join()
        with suppress(OSError, UserError):
            if not self.lost and self.still_owned():
                write_file(self.file, RELEASED, sync=False)

    def _keep(self) -> None:
        while not self._ended.wait(self.beat) and not self.lost:
            with suppress(OSError, UserError):  # As a full disk; tried again at the next beat.
                if self.still_owned():
                    self._write()

    def _write(self) -> None:
        self.beats += 1
        write_file(self.file, f"{self.owner} {self.beats}".encode(), sync=False)


class Leases:
    """Locks by leases. `taken` has the paths whose dead owners this process replaced."""

    def __init__(self, beat: float = BEAT_SECONDS, expiry: float = EXPIRY_SECONDS) -> None:
        self.beat, self.expiry = beat, expiry
        self.held: dict[Path, Lease] = {}
        self.taken: list[Path] = []
        self._seen: dict[Path, tuple[bytes, float]] = {}

    def is_held(self, path: Path) -> bool:
        """Return whether a process holds the lock, as far as this process has watched it.

        Raises:
            Unreadable: its folder or its file cannot be read.
        """
        found = _highest(path)
        if found is None or _is_free(path, *found):
            return False
        number, content = found
        lease = _numbered(path, number)
        now = time.monotonic()
        known, since = self._seen.get(lease, (None, now))
        if known != content:
            self._seen[lease] = (content, now)
        elif now - since >= self.expiry:
            with suppress(OSError, UserError):  # As a store that this user may only read.
                write_file(_dead(path, number), content, sync=False)
            return False
        return True

    @contextmanager
    def hold(self, path: Path) -> Iterator[bool]:
        """Try to hold a lock; yields whether this process holds it.

        Raises:
            Unreadable: its folder or its file cannot be read.
        """
        lease = self._take(path)
        if lease is None:
            yield False
            return
        self.held[path] = lease
        try:
            yield True
        finally:
            del self.held[path]
            lease.release()

    @contextmanager
    def wait(self, path: Path) -> Iterator[None]:
        """Hold a lock as soon as no living process does.

        Raises:
            Unreadable: its folder or its file cannot be read.
        """
        while True:
            with self.hold(path) as mine:
                if mine:
                    yield
                    return
            self.is_held(path)  # Watch its owner.
            time.sleep(min(WAIT_SECONDS, self.beat))

    def still_owned(self, path: Path) -> bool:
        """Return whether this process holds the lock and nobody has taken it over."""
        lease = self.held.get(path)
        return lease is not None and lease.still_owned()

    def _take(self, path: Path) -> Lease | None:
        path.parent.mkdir(parents=True, exist_ok=True)
        found = _highest(path)
        number, content = found or (0, b"")
        if found and not _is_free(path, number, content):
            return None
        try:
            os.close(os.open(_numbered(path, number + 1), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            lease = Lease(path, number + 1, self.beat)
        except (FileExistsError, FileNotFoundError):  # Another process was faster, or has ended it.
            return None
        except OSError as error:
            raise Unreadable(path, error) from error
        if not lease.still_owned():  # The number had been used and was removed: there is a higher.
            lease.release()
            lease.file.unlink(missing_ok=True)
            return None
        if found and content != RELEASED:
            self.taken.append(path)
        for older in range(1, number + 1):
            for file in (_numbered(path, older), _dead(path, older)):
                with suppress(OSError):
                    file.unlink(missing_ok=True)
        return lease


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _dead(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}.{DEAD}")


def _highest(path: Path) -> tuple[int, bytes] | None:
    """Return the number and the content of the lease that counts; None without one."""
    form = re.compile(re.escape(path.name) + r"\.([1-9][0-9]{0,8})")
    while True:
        numbers = [
            int(found[1])
            for entry in list_folder(path.parent)
            if (found := form.fullmatch(entry.name))
        ]
        if not numbers:
            return None
        try:
            return max(numbers), read_whole(_numbered(path, max(numbers)))
        except FileNotFoundError:  # Its trial has ended, or there is a newer one.
            continue
        except OSError as error:
            raise Unreadable(path, error) from error


def _is_free(path: Path, number: int, content: bytes) -> bool:
    """Return whether a lease was released, or its owner is known to be dead."""
    if content == RELEASED:
        return True
    try:
        return read_whole(_dead(path, number)) == content
    except OSError:
        return False
