"""Paths as the command line takes them: `~` is the home folder, and what no disk takes is refused.

In: an option's name and its text. Out: a path; or a UserError that names the option. Nothing here
leaves a trace on the disk.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from search_spaces.errors import UserError
from search_spaces.input_files import expand_home
from search_spaces.text import quoted, shown

ROOM: Final = "x" * 200
"""What is written below a folder or beside a file needs so many more characters."""


def place(option: str) -> Callable[[str | Path], Path]:
    """Build what reads an option that names a file or folder, there or not."""

    def read(text: str | Path) -> Path:
        path = _checked(option, str(text))
        _refuse_other_encodings(option, str(path.absolute()))
        return path

    read.__name__ = "path"  # As the help shows it.
    return read


def target(option: str) -> Callable[[str], str]:
    """Build what reads an option that names a file, or has a URI."""

    def read(text: str) -> str:
        return text if "://" in text else str(_checked(option, text))

    read.__name__ = "path"
    return read


def _checked(option: str, text: str) -> Path:
    if not text:
        raise UserError(f"{option}: the path is empty; name a file or folder")
    _refuse_other_encodings(option, text)
    path = expand_home(Path(text))
    try:
        os.lstat(path / ROOM)
    except ValueError as error:
        raise UserError(f"{option} {quoted(text)}: {error}") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UserError(f"{option} {shown(text)}: {error.strerror}") from error
    return path


def _refuse_other_encodings(option: str, text: str) -> None:
    """A path goes to workers as JSON, and is printed."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{option} {quoted(text)}: not UTF-8; give it another name") from error


def check_outside(option: str, path: Path, store: Path, *, but: Path) -> None:
    """Refuse to write into a store, where its trials are, but for one folder of it; UserError."""
    whole = path.resolve()
    if whole.is_relative_to(store.resolve()) and not whole.is_relative_to(but.resolve()):
        raise UserError(f"{option} {path} is within the store: give a folder elsewhere, or {but}")


def check_writable(what: str, folder: Path) -> None:
    """Look whether a folder can be written, or made where it is not there yet.

    Raises:
        UserError: it takes no file, nor does the folder in which it would be made.
    """
    whole = folder.absolute()
    try:
        nearest = next(path for path in (whole, *whole.parents) if path.exists())
        with TemporaryDirectory(prefix=".catsweep-", dir=nearest):
            pass
    except OSError as error:
        raise UserError(f"{what} {folder} cannot be written: {error.strerror}") from error
