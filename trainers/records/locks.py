"""Locks that are freed when their owner dies: one file, locked by the kernel. No torch here.

In: a path. Out: whether a process holds the lock, or a context in which this process holds it.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from trainers.records.files import Unreadable, open_regular

LOCK_TRIES = 5


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
