"""Paths given as options: `~` is expanded, and a path that no file system accepts is refused.

In: an option's name and its text. Out: a path, or a UserError that names the option. Nothing stays
on the disk.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from search_spaces.errors import UserError
from search_spaces.input_files import expand_home
from search_spaces.text import quoted, unquoted

ROOM: Final = "x" * 200
"""Room for the names of files that are written below a folder or beside a file."""


def path_parser(option: str) -> Callable[[str | Path], Path]:
    """Return a parser for an option that names a file or folder, which need not exist."""

    def parse(text: str | Path) -> Path:
        path = _check_path(option, str(text))
        _refuse_other_encodings(option, str(path.absolute()))
        return path

    parse.__name__ = "path"  # The help shows this name.
    return parse


def path_or_uri_parser(option: str) -> Callable[[str], str]:
    """Return a parser for an option that takes a path or a URI."""

    def parse(text: str) -> str:
        return text if "://" in text else str(_check_path(option, text))

    parse.__name__ = "path"
    return parse


def _check_path(option: str, text: str) -> Path:
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
            raise UserError(f"{option} {unquoted(text)}: {error.strerror}") from error
    return path


def _refuse_other_encodings(option: str, text: str) -> None:
    """Raise UserError unless the text is UTF-8: paths are sent to workers as JSON, and printed."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{option} {quoted(text)}: not UTF-8; give it another name") from error


def check_outside(option: str, path: Path, store: Path, *, allowed: Path) -> None:
    """Raise UserError if a path is inside a store, except below one allowed folder of it."""
    resolved = path.resolve()
    inside = resolved.is_relative_to(store.resolve())
    if inside and not resolved.is_relative_to(allowed.resolve()):
        raise UserError(
            f"{option} {path} is inside the store: give a folder elsewhere, or {allowed}"
        )


def check_writable(what: str, folder: Path) -> None:
    """Check that a folder is writable, or that it can be created if it does not exist.

    Raises:
        UserError: neither the folder nor its nearest existing parent is writable.
    """
    absolute = folder.absolute()
    try:
        nearest = next(path for path in (absolute, *absolute.parents) if path.exists())
        with TemporaryDirectory(prefix=".catsweep-", dir=nearest):
            pass
    except OSError as error:
        raise UserError(f"{what} {folder} cannot be written: {error.strerror}") from error
