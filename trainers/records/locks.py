"""Locks that die with their owner: one file, locked by the kernel. No torch.

In: a path. Out: whether somebody holds it, or a block in which this process may.
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
        Unreadable: that cannot be told.
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
    """Try to hold a lock; yields whether this process does. The kernel frees a dead owner's.

    Raises:
        Unreadable: something else has the lock's name, such as a link, which is never followed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        mine = False
        # The last owner may remove the folder meanwhile: then this process does not own it.
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
    """Lock, waiting out a probe of `is_held`, which holds a lock for a moment."""
    for _ in range(LOCK_TRIES - 1):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.01)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
