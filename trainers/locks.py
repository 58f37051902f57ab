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

from trainers.files import Unreadable

LOCK_TRIES = 5


def is_held(path: Path) -> bool:
    """Say whether a living process holds the lock now.

    Raises:
        Unreadable: that cannot be told.
    """
    try:
        with path.open("rb") as file:
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
    """Try to hold a lock; yields whether this process does. The kernel frees a dead owner's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        mine = False
        # The last owner may remove the folder meanwhile: then this process does not own it.
        with suppress(BlockingIOError, FileNotFoundError):
            file = held.enter_context(path.open("ab"))
            _lock_patiently(file)
            mine = path.stat().st_ino == os.fstat(file.fileno()).st_ino
        yield mine


def _lock_patiently(file: BinaryIO) -> None:
    """Lock, waiting out a probe of `is_held`, which holds a lock for a moment."""
    for _ in range(LOCK_TRIES - 1):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.01)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
