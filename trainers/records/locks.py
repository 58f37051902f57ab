"""Locks that are freed when their owner dies: one file, locked by the kernel. No torch here.

In: a path. Out: whether a process holds the lock, or a context in which this process holds it. A
file system without `flock`, found out by trying, has `Leases` instead.
"""

import fcntl
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from search_spaces.errors import UserError
from search_spaces.text import quoted
from trainers.records.files import Unreadable, open_regular, read_whole, write_if_absent
from trainers.records.leases import BEAT_SECONDS, EXPIRY_SECONDS, Leases

LOCK_TRIES = 5
LEASES = f"leases {BEAT_SECONDS} {EXPIRY_SECONDS}"
CHOICE = "CATSWEEP_LOCKS"
"""The environment variable with a new store's kind of locks: for file systems where `flock` only
works within each node."""

TRY_FLOCK = """
import fcntl, sys
with open(sys.argv[1], "rb+") as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(3)
"""
"""What a second process does while the first one holds the lock."""


class Flock:
    """Locks by `flock`; an owner cannot lose one while it lives."""

    taken: tuple[Path, ...] = ()

    def is_held(self, path: Path) -> bool:
        """Return whether a living process holds the lock now; raises Unreadable as `hold`."""
        return is_held(path)

    def hold(self, path: Path) -> AbstractContextManager[bool]:
        """Try to hold a lock; raises Unreadable if its path is something else."""
        return hold(path)

    @contextmanager
    def wait(self, path: Path) -> Iterator[None]:
        """Hold a lock as soon as no other process does."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def still_owned(self, path: Path) -> bool:  # noqa: ARG002
        """Return whether a lock that this process holds is still its own: always."""
        return True


def choose_locks(record: Path, *, create: bool) -> Flock | Leases:
    """Return the kind of locks of a store, as `record` says; a new store tries `flock` first.

    Raises:
        UserError: the record, or the environment variable CHOICE, is not a kind of locks.
    """
    if create and not record.exists():
        kind = os.environ.get(CHOICE)
        if kind:
            _parse_kind(kind, CHOICE)
        kind = kind or ("flock" if flock_works(record.parent) else LEASES)
        write_if_absent(record, f"{kind}\n".encode())
    try:
        kind = read_whole(record).decode(errors="replace").strip()
    except FileNotFoundError:  # A store of an older version.
        return Flock()
    except OSError as error:
        raise Unreadable(record, error) from error
    return _parse_kind(kind, str(record))


def _parse_kind(text: str, source: str) -> Flock | Leases:
    """Parse `flock`, `leases` or `leases 10 120`: seconds between heartbeats, and to expiry."""
    if text == "flock":
        return Flock()
    found = re.fullmatch(r"leases(?: ([0-9]{1,4}) ([0-9]{1,5}))?", text)
    beat, expiry = map(
        int, (found and found[1] and found.groups()) or (BEAT_SECONDS, EXPIRY_SECONDS)
    )
    if found is None or not 0 < 3 * beat <= expiry:
        raise UserError(
            f"{source}: expected flock, leases, or leases with the seconds between heartbeats and"
            f" three times as many or more to the expiry (`{LEASES}`), got {quoted(text)}"
        )
    return Leases(beat, expiry)


def flock_works(folder: Path) -> bool:
    """Return whether a lock that this process holds in a folder keeps another process out."""
    path = folder / f"try-flock-{uuid.uuid4().hex}"
    try:
        with path.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            command = [sys.executable, "-c", TRY_FLOCK, str(path)]
            return subprocess.run(command, check=False, capture_output=True).returncode == 3
    except OSError:
        return False
    finally:
        path.unlink(missing_ok=True)


def is_held(path: Path) -> bool:
    """Return whether a living process holds the lock now.

    Raises:
        Unreadable: the lock file cannot be opened.
    """
    try:
        with _open(path, os.O_RDONLY) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Unreadable(path, error) from error
    return False


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Try to hold a lock; yields whether this process holds it. The kernel frees a dead owner's.

    Raises:
        Unreadable: the lock's path is something else, such as a link, which is never followed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        mine = False
        # The last owner may have removed the folder meanwhile: then this process does not own it.
        with suppress(BlockingIOError, FileNotFoundError):
            file = held.enter_context(_open(path, os.O_RDWR | os.O_CREAT))
            _lock_patiently(file)
            mine = path.stat().st_ino == os.fstat(file.fileno()).st_ino
        yield mine


def _open(path: Path, flags: int) -> BinaryIO:
    try:
        return open_regular(path, flags | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(path, error) from error


def _lock_patiently(file: BinaryIO) -> None:
    """Lock, and try again while a call of `is_held` holds the lock for a moment."""
    for _ in range(LOCK_TRIES - 1):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.01)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
