"""`store.json`: the layout's version, and the identity by which a shared store is recognised.

In: a path. Out: a `StoreMark`, or a UserError. Older versions of catsweep refuse unknown keys here,
but must be able to report that they are too old, so the checksum is appended to the identity.
"""

import hashlib
import re
import uuid
from pathlib import Path

from pydantic import ConfigDict

from search_spaces.errors import UserError
from search_spaces.text import one_line
from trainers.records.files import Unreadable, read_whole, write_file, write_if_absent
from trainers.records.record import Frozen, validate_json

STORE_VERSION = 2


class StoreMark(Frozen):
    """The version and identity of a store; newer versions may add keys."""

    model_config = ConfigDict(extra="ignore")

    version: int
    identity: str


def make_mark(path: Path) -> None:
    """Write the mark of a new store, unless another process writes it first."""
    write_if_absent(path, _encode(uuid.uuid4().hex))


def raise_mark(path: Path, mark: StoreMark) -> StoreMark:
    """Raise the version of an older store to this one; its identity stays."""
    write_file(path, _encode(mark.identity))
    return mark.model_copy(update={"version": STORE_VERSION})


def _encode(identity: str) -> bytes:
    whole = f"{identity}-{_checksum(identity)}"
    return StoreMark(version=STORE_VERSION, identity=whole).model_dump_json().encode()


def _checksum(identity: str) -> str:
    return hashlib.sha256(f"{STORE_VERSION} {identity}".encode()).hexdigest()[:16]


def read_mark(path: Path) -> StoreMark:
    """Read the mark of a store.

    Raises:
        UserError: it is damaged, of a newer version, or cannot be read.
    """
    try:
        mark = validate_json(StoreMark, read_whole(path))
        if mark.version > STORE_VERSION:
            raise UserError(
                f"store {path.parent} has version {mark.version}, this catsweep reads"
                f" up to {STORE_VERSION}: update catsweep"
            )
        return _verify(mark)
    except (FileNotFoundError, IsADirectoryError, ValueError) as error:
        raise UserError(
            f"{path} is not a valid store mark ({one_line(error)}): restore it from a copy"
        ) from error
    except OSError as error:
        raise Unreadable(path, error) from error


def _verify(mark: StoreMark) -> StoreMark:
    """Check the checksum and remove it from the identity; version 1 has none."""
    identity, _, checksum = mark.identity.partition("-")
    if re.fullmatch("[0-9a-f]{32}", identity) is None or mark.version < 1:
        raise ValueError("it does not say which store this is")
    if checksum != (_checksum(identity) if mark.version == STORE_VERSION else ""):
        raise ValueError("it does not match its checksum")
    return mark.model_copy(update={"identity": identity})
