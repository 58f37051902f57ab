"""The private folder of one run on this machine: Ray's sockets, logs and token, Tune's scratch.

In: nothing but the places for temporary files. Out: a folder that its owner alone can enter. It is
gone at the end with the processes that used it; what a killed run left goes with the next run.
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
"""Bytes in the path of a Unix socket."""

SOCKET = f"/{PREFIX}12345678/{RAY}/session_2000-01-01_00-00-00_000000_4194304/sockets/plasma_store"
"""What Ray's longest socket is called below the place that the folder is made in."""

ENDING_SECONDS = 5.0


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder of mode 0700 with a short path, and a token in it; remove all at the end."""
    clear_leftovers()
    folder, lock = _make()
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


def clear_leftovers() -> None:
    """Remove the folders of this user's runs that were killed, and end what still uses them."""
    for place in _places():
        with suppress(OSError):
            for folder in place.iterdir():
                if folder.name.startswith(PREFIX):
                    with suppress(OSError):
                        _clear(folder)


def _clear(folder: Path) -> None:
    """Remove a folder of ours; raise OSError if it is none, or the process that made it lives."""
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
    """Remove the folder with what works in it; what it is known by comes last."""
    end_processes(folder)
    for part in (folder / RAY, folder / TUNE, folder):
        shutil.rmtree(part, ignore_errors=True)


def _make() -> tuple[Path, int]:
    """Make the folder in the first place that takes one; return it, and its lock, held."""
    for place in _places():
        if _is_safe(place) and len(os.fsencode(place)) + len(SOCKET) <= LONGEST_SOCKET:
            with suppress(OSError):
                return _make_in(place)
    raise UserError(
        "no place for temporary files that is writable and has a short path; set TMPDIR to one of"
        f" {LONGEST_SOCKET - len(SOCKET)} characters at most"
    )


def _make_in(place: Path) -> tuple[Path, int]:
    """Give the folder its name once its lock is held: by that name others look for what is left."""
    new = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=place))
    try:
        lock = os.open(new / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        token = os.open(new / TOKEN, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(token, "w") as file:  # noqa: PTH123
            file.write(secrets.token_hex(32))
        return new.rename(place / f"{PREFIX}{new.name.removeprefix('.' + PREFIX)}"), lock
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _places() -> list[Path]:
    """Name where temporary files may go, the user's choice first."""
    names = [os.environ.get(name) for name in ("RAY_TMPDIR", "TMPDIR", "TEMP", "TMP")]
    names += ["/tmp", "/var/tmp", os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm"]
    return list(dict.fromkeys(Path(os.path.realpath(name)) for name in names if name))


def _is_safe(place: Path) -> bool:
    """Say whether nobody but root and this user can replace what this user makes in a folder."""
    try:
        status = place.stat()
    except (OSError, ValueError):
        return False
    shared = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
    return stat.S_ISDIR(status.st_mode) and status.st_uid in {0, os.getuid()} and not shared


def end_processes(folder: Path) -> None:
    """Kill the processes that work in this folder, and wait until they are gone (Linux)."""
    deadline = time.monotonic() + ENDING_SECONDS
    while (left := _users_of(folder)) and time.monotonic() < deadline:
        for number in left:
            with suppress(OSError):
                os.kill(number, signal.SIGKILL)
        time.sleep(0.05)


def _users_of(folder: Path) -> list[int]:
    if sys.platform != "linux":
        return []
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.name != str(os.getpid()) and _works_in(process, folder):
                found.append(int(process.name))
    return found


def _works_in(process: Path, folder: Path) -> bool:
    """Say whether it was started with the folder as an option, or writes to a file in it.

    Not who only reads: that may be somebody who looks at a log.
    """
    if f"={folder}/".encode() in (process / "cmdline").read_bytes():
        return True
    for link in (process / "fd").iterdir():
        with suppress(OSError):
            written = link.lstat().st_mode & stat.S_IWUSR
            if written and str(link.readlink()).startswith(f"{folder}/"):
                return True
    return False
