"""The private folder of a run on this machine: Ray's sockets, logs and token, Tune's scratch.

In: the folders for temporary files. Out: a new folder that only its owner can enter. It is removed
at the end of the run, and the processes that use it are killed; what a killed run leaves behind is
removed by the next run.
"""

import fcntl
import os
import secrets
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from search_spaces.errors import UserError

PREFIX = "catsweep-"
LOCK, TOKEN, RAY, TUNE = "lock", "token", "r", "tune"
LONGEST_SOCKET = 107
"""Longest path of a Unix socket, in bytes."""

SOCKET = f"/{PREFIX}12345678/{RAY}/session_2000-01-01_00-00-00_000000_4194304/sockets/plasma_store"
"""Path of Ray's longest socket below the folder for temporary files."""

ENDING_SECONDS = 5.0


@contextmanager
def private_folder() -> Iterator[Path]:
    """Create a folder of mode 0700 with a short path and a token in it; remove it at the end."""
    clear_leftovers()
    folder, lock = _make()
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


def clear_leftovers() -> None:
    """Remove the folders of this user's killed runs, and kill the processes that use them."""
    for parent in _temporary_folders():
        with suppress(OSError):
            for folder in parent.iterdir():
                if folder.name.startswith(PREFIX):
                    with suppress(OSError):
                        _clear(folder)


def _clear(folder: Path) -> None:
    """Remove a folder if a run of ours made it; raise OSError if that run is alive."""
    status = folder.lstat()
    private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o700
    if not private or status.st_uid != os.getuid() or not (folder / TOKEN).is_file():
        return
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder)
    finally:
        os.close(lock)


def _remove(folder: Path) -> None:
    """Kill the processes that use a folder, and remove it; its token and lock go last."""
    end_processes(folder)
    for part in (folder / RAY, folder / TUNE, folder):
        shutil.rmtree(part, ignore_errors=True)


def _make() -> tuple[Path, int]:
    """Create the folder in the first suitable parent; return it and its lock, which is held."""
    for parent in _temporary_folders():
        if _is_safe(parent) and len(os.fsencode(parent)) + len(SOCKET) <= LONGEST_SOCKET:
            with suppress(OSError):
                return _make_in(parent)
    raise UserError(
        "no folder for temporary files is writable and has a short path: set TMPDIR to a folder"
        f" whose path has at most {LONGEST_SOCKET - len(SOCKET)} characters"
    )


def _make_in(parent: Path) -> tuple[Path, int]:
    """Create the folder, and give it its final name once its lock is held.

    Other runs look for leftovers by that name, and must not find a folder without a lock.
    """
    new = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=parent))
    try:
        lock = os.open(new / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        token = os.open(new / TOKEN, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(token, "w") as file:  # noqa: PTH123
            file.write(secrets.token_hex(32))
        return new.rename(parent / f"{PREFIX}{new.name.removeprefix('.' + PREFIX)}"), lock
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _temporary_folders() -> list[Path]:
    """Return the folders for temporary files, the user's choice first."""
    names = [os.environ.get(name) for name in ("RAY_TMPDIR", "TMPDIR", "TEMP", "TMP")]
    names += ["/tmp", "/var/tmp", os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm"]
    return list(dict.fromkeys(Path(os.path.realpath(name)) for name in names if name))


def _is_safe(folder: Path) -> bool:
    """Return whether only root and this user can replace what this user creates in a folder."""
    try:
        status = folder.stat()
    except (OSError, ValueError):
        return False
    shared = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
    return stat.S_ISDIR(status.st_mode) and status.st_uid in {0, os.getuid()} and not shared


def end_processes(folder: Path) -> None:
    """Kill the processes that use this folder, and wait until they are gone (Linux only)."""
    deadline = time.monotonic() + ENDING_SECONDS
    while (pids := _find_processes(folder)) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _find_processes(folder: Path) -> list[int]:
    if sys.platform != "linux":
        return []
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.name != str(os.getpid()) and _uses_folder(process, folder):
                found.append(int(process.name))
    return found


def _uses_folder(process: Path, folder: Path) -> bool:
    """Return whether a process has the folder as an option, or writes to a file in it.

    A process that only reads does not count: somebody may be looking at a log.
    """
    if f"={folder}/".encode() in (process / "cmdline").read_bytes():
        return True
    for link in (process / "fd").iterdir():
        with suppress(OSError):
            written = link.lstat().st_mode & stat.S_IWUSR
            if written and str(link.readlink()).startswith(f"{folder}/"):
                return True
    return False
