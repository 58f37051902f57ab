"""Users' input files: opened without blocking, and checked for formats that cannot be read.

In: a path. Out: an open file or its lines of text; or a UserError of one line that says what the
file is instead, or which line is wrong.
"""

import os
import stat
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, Final

from search_spaces.errors import UserError

LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"
LFS: Final = "a git-lfs pointer, not the file itself: run git lfs pull"
PAGE: Final = "an HTML page: does the download need a login?"
UTF_16: Final = "UTF-16 text; save it as UTF-8"

UNREADABLE_FORMATS: Final = {
    LFS_POINTER: LFS,
    b"PK\x03\x04": "a ZIP archive, as Excel's files are; save the sheet as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "a file of an old Excel; save the sheet as CSV in UTF-8",
    b"\x1f\x8b": "compressed by gzip; unpack it",
    b"\xfd7zXZ\x00": "compressed by xz; unpack it",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; unpack it",
    b"%PDF-": "a PDF",
    b"<!doctype html": PAGE,
    b"<html": PAGE,
}
"""Formats that no reader accepts, by their first bytes (upper or lower case)."""
BINARY_FORMATS: Final = {
    b"PAR1\x15": "a Parquet file; its name should end in .parquet",
    b"\xff\xfe": UTF_16,
    b"\xfe\xff": UTF_16,
}

FILE_TYPES: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def expand_home(path: Path) -> Path:
    """Replace `~` by the home folder, as a shell does only at the start of a word."""
    try:
        return path.expanduser()
    except RuntimeError:  # There is no such user, or no home folder.
        return path


def path_exists(path: Path) -> bool:
    """Return whether a file, folder or anything else has this path.

    Raises:
        UserError: the system does not say, for example because a parent folder is not accessible.
    """
    return _file_type(path) is not None


def is_folder(path: Path) -> bool:
    """Return whether the path is a folder; UserError as `path_exists`."""
    return _file_type(path) == stat.S_IFDIR


def _file_type(path: Path) -> int | None:
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {_reason(error)}") from error


def _reason(error: OSError | ValueError) -> str:
    """Return the system's message without the path; ValueError means a NUL in the path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def open_input(path: Path) -> BinaryIO:
    """Open a regular file at its first byte; refuse a pipe without waiting for it.

    Raises:
        UserError: it is missing, cannot be opened, or is an archive, a web page or the like.
    """
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
        if kind == stat.S_IFREG:
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {_reason(error)}") from error
    if kind != stat.S_IFREG:
        raise UserError(f"{path}: is {FILE_TYPES.get(kind, 'no file')}, expected a regular file")
    try:
        _refuse_formats(path, _peek(file), UNREADABLE_FORMATS)
    except BaseException:
        file.close()
        raise
    return file


def _peek(file: BinaryIO) -> bytes:
    """Return a file's first bytes without UTF-8's mark and blanks; stay at the beginning."""
    start = file.read(1024)
    file.seek(0)
    return start.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")


def _refuse_formats(path: Path, start: bytes, kinds: dict[bytes, str]) -> None:
    for head, what in kinds.items():
        if start.lower().startswith(head.lower()):
            raise UserError(f"{path}: is {what}")


def read_lines(path: Path) -> Iterator[str]:
    r"""Yield the lines of a file in UTF-8 with their ends: `\n`, `\r\n` or `\r`.

    Raises:
        UserError: as `open_input`, or a line is not UTF-8 text; the line is named.
    """
    raw = open_input(path)
    try:
        with TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            start = _peek(raw)
            _refuse_formats(path, start, BINARY_FORMATS)
            if b"\0" in start:  # In UTF-16, every other byte of English text is NUL.
                raise UserError(f"{path}: holds NUL bytes; save it as text in UTF-8")
            for number, line in enumerate(file, start=1):
                if "\0" in line:
                    raise UserError(f"{path}: line {number} holds a NUL byte; remove it")
                yield line
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: line {_find_undecodable_line(path)} is not UTF-8 text") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {_reason(error)}") from error


def _find_undecodable_line(path: Path) -> int:
    """Return the number of the first line that is not UTF-8; the decoder counts per block."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return next((n for n, line in enumerate(file, start=1) if not _is_utf_8(line)), 0)


def _is_utf_8(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_lfs_pointer(path: Path) -> bool:
    """Return whether a file is a git-lfs pointer instead of the large file itself."""
    try:
        if not path.is_file() or path.stat().st_size > 1024:
            return False
        with path.open("rb") as file:
            return file.read(len(LFS_POINTER)) == LFS_POINTER
    except OSError:
        return False
