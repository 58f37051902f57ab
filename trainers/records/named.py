"""Records named by their content, so that equal records are one file. No torch here.

In: a folder of the store, and records. Out: files `<digest>.json`, and the records read from them.
"""

import hashlib
from pathlib import Path
from typing import TypeVar

from search_spaces.errors import UserError
from search_spaces.text import one_line
from trainers.records.files import Unreadable, list_folder, read_whole, write_file
from trainers.records.record import Record, decode_record, encode_record

Kind = TypeVar("Kind", bound=Record)


def keep_named(folder: Path, record: Record, what: str) -> None:
    """Write a record, unless the folder has an equal one of any version.

    Raises:
        UserError: an existing record cannot be read; `what` is as in `read_named`.
    """
    known = read_named(folder, type(record), what)
    if record not in (found.model_copy(update={"version": record.version}) for found in known):
        data = encode_record(record)
        folder.mkdir(exist_ok=True)
        write_file(folder / _name(data), data)


def read_named(folder: Path, kind: type[Kind], what: str) -> list[Kind]:
    """Read all records of a folder, in the order of their file names.

    Raises:
        UserError: a record cannot be read; `what` is "subject: consequence and remedy".
    """
    paths = [Path(entry.path) for entry in list_folder(folder)]
    return [_read(path, kind, what) for path in paths if path.match("[!.]*.json")]


def _read(path: Path, kind: type[Kind], what: str) -> Kind:
    try:
        data = read_whole(path)
        if path.name != _name(data):
            raise ValueError("its name does not match its content")
        return decode_record(kind, data)
    except (IsADirectoryError, ValueError) as error:
        subject, remedy = what.split(": ", 1)
        raise UserError(
            f"{path} is not a valid record of {subject} ({one_line(error)}): {remedy}"
        ) from error
    except OSError as error:
        raise Unreadable(path, error) from error


def _name(data: bytes) -> str:
    return f"{hashlib.sha256(data).hexdigest()[:12]}.json"
