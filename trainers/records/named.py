"""Records that are named by their content: the same one is kept once, whoever writes it. No torch.

In: a folder of the store, and records. Out: files `<digest>.json`, and the records again.
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
    """Write a record, unless the same one is there, of whatever version.

    Raises:
        UserError: one that is there cannot be read; `what` says why that matters.
    """
    known = read_named(folder, type(record), what)
    if record not in (found.model_copy(update={"version": record.version}) for found in known):
        data = encode_record(record)
        folder.mkdir(exist_ok=True)
        write_file(folder / _name(data), data)


def read_named(folder: Path, kind: type[Kind], what: str) -> list[Kind]:
    """Read all records of a folder, in the order of their names.

    Raises:
        UserError: one cannot be read; `what` says what it is a record of, and what lacks without.
    """
    paths = [Path(entry.path) for entry in list_folder(folder)]
    return [_read(path, kind, what) for path in paths if path.match("[!.]*.json")]


def _read(path: Path, kind: type[Kind], what: str) -> Kind:
    try:
        data = read_whole(path)
        if path.name != _name(data):
            raise ValueError("its name is not that of its content")
        return decode_record(kind, data)
    except (IsADirectoryError, ValueError) as error:
        subject, remedy = what.split(": ", 1)
        raise UserError(
            f"{path} is no record of {subject} ({one_line(error)}): {remedy}"
        ) from error
    except OSError as error:
        raise Unreadable(path, error) from error


def _name(data: bytes) -> str:
    return f"{hashlib.sha256(data).hexdigest()[:12]}.json"
