"""The code of users' own methods, as a store keeps it: trials are trained from there. No torch.

    code/<digest>/method.json       what is known of the method; the sources' checksums
    code/<digest>/<file>.py         its sources, if it is no installed package's

In: a source and its method. Out: the same again, without its code being run; or, for workers, its
class. What was kept does not change while its file is edited.
"""

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import Field

from search_spaces.errors import UserError
from search_spaces.method import Method, MethodSettings, Option, OwnSettings, Style
from search_spaces.own_methods import Source, find_source, load_class, method_of
from trainers.files import Unreadable, is_there, listing, read_whole, write_file, write_first
from trainers.records import Count, FileName, Frozen, Record, Sha256, decode_record, encode_record
from trainers.store import Store

RECORD = "method.json"
Digest = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class OptionRecord(Frozen):
    """An option, as `Option` has it."""

    default: bool | int | float | str | None
    required: bool
    real: bool


class StyleRecord(Frozen):
    """A method's looks, as `Style` has them."""

    light: str
    dark: str
    marker: str
    dashes: tuple[float, ...]
    hatch: str


class MethodRecord(Record):
    """A method that a store has trials of, or was to have; `files` have their checksums."""

    name: str
    title: str
    code: Digest
    said: str
    kind: str
    target: str
    files: dict[FileName, Sha256]
    options: dict[str, OptionRecord]
    cost: Count
    by_example: bool
    style: StyleRecord | None

    def known(self) -> Method:
        """Return what is known of the method, without its class."""
        return Method(
            name=self.name,
            title=self.title,
            options={name: Option(**dict(one)) for name, one in self.options.items()},
            cost=self.cost,
            by_example=self.by_example,
            style=Style(**dict(self.style)) if self.style else None,
            code=self.code,
        )


def keep_code(store: Store, source: Source, method: Method) -> None:
    """Copy a method's sources into the store, once, and note what is known of it.

    Raises:
        UserError: it cannot be written.
    """
    assert source.code is not None
    folder = store.code / source.code
    if is_there(folder / RECORD):
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in source.files.items():
        write_file(folder / name, content)
    record = MethodRecord(
        name=method.name,
        title=method.title,
        code=source.code,
        said=source.said,
        kind=source.kind,
        target=source.target,
        files={name: hashlib.sha256(text).hexdigest() for name, text in source.files.items()},
        options={
            name: OptionRecord(default=one.default, required=one.required, real=one.real)
            for name, one in method.options.items()
        },
        cost=method.cost,
        by_example=method.by_example,
        style=StyleRecord(**vars(method.style)) if method.style else None,
    )
    write_first(folder / RECORD, encode_record(record))


def kept_methods(store: Store) -> list[MethodRecord]:
    """Read what a store knows of users' own methods.

    Raises:
        UserError: a record of them cannot be read.
    """
    folders = [Path(entry.path) for entry in listing(store.code)]
    return [_read(folder) for folder in sorted(folders) if is_there(folder / RECORD)]


def _read(folder: Path) -> MethodRecord:
    path = folder / RECORD
    try:
        return decode_record(MethodRecord, read_whole(path))
    except (IsADirectoryError, ValueError) as error:
        raise UserError(
            f"{path} is no record of a method ({error}): remove {folder}, and run the study again"
        ) from error
    except OSError as error:
        raise Unreadable(path, error) from error


def load_kept(code: Path | None, settings: OwnSettings) -> type[MethodSettings]:
    """Import the class of a method from the code that a store keeps.

    Raises:
        UserError: it is not there, was altered, or is of a package that has changed.
    """
    if code is None or not is_there(code / settings.code / RECORD):
        raise UserError(f"method {settings.name}: the store has no code {settings.code} of it")
    folder = code / settings.code
    record = _read(folder)
    kind = method_of(_source(folder, record), load_class(_source(folder, record))).settings
    assert kind is not None
    return kind


def _source(folder: Path, record: MethodRecord) -> Source:
    if not record.files:
        source = find_source(record.said, folder)
        if source.code != record.code:
            raise UserError(
                f"method {record.name}: {record.said} has another version here than the store's"
                " trials: install the same one on every machine"
            )
        return source
    files = {name: read_whole(folder / name) for name in record.files}
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != record.files[name]:
            raise UserError(
                f"{folder / name} was changed: remove {folder}, and run the study again"
            )
    place = folder / next(iter(files))
    return Source(
        name=record.name,
        said=record.said,
        code=record.code,
        kind=record.kind,
        place=place,
        files=files,
    )
