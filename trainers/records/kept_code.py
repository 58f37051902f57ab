"""The code of users' own methods and metrics, as a store keeps it. No torch.

    code/<digest>/method.json       what is known of the method; the sources' checksums
    code/<digest>/metric.json       the same of a metric
    code/<digest>/<file>.py         its sources, if it is no installed package's

In: a source and its method or metric. Out: the same again, without its code being run; or what it
defines, for those who need it. What was kept does not change while its file is edited.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field

from search_spaces.errors import UserError
from search_spaces.method import Method, MethodSettings, Option, OwnSettings, Style
from search_spaces.own_methods import method_of
from search_spaces.sources import Source, find_source, load_named
from trainers.records.files import (
    Unreadable,
    is_there,
    listing,
    read_whole,
    write_file,
    write_first,
)
from trainers.records.metrics import OWN, OWN_NAME, Metric
from trainers.records.own_metrics import metric_of
from trainers.records.record import Count, FileName, Record, Sha256, decode_record, encode_record
from trainers.records.store import Store

Digest = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class CodeRecord(Record):
    """Code that trials of a store were made with, or were to be; `files` have their checksums."""

    name: str
    title: str
    code: Digest
    said: str
    kind: str
    target: str
    files: dict[FileName, Sha256]


class MetricRecord(CodeRecord):
    """A metric; `lowest` is its lowest value."""

    lowest: float


class MethodRecord(CodeRecord):
    """A method."""

    options: dict[str, Option]
    cost: Count
    by_example: bool
    style: Style | None

    def known(self) -> Method:
        """Return what is known of the method, without its class."""
        return Method(
            name=self.name,
            title=self.title,
            options=self.options,
            cost=self.cost,
            by_example=self.by_example,
            style=self.style,
            code=self.code,
        )


Kept = TypeVar("Kept", bound=CodeRecord)


def keep_method(store: Store, source: Source, method: Method) -> None:
    """Copy a method's sources into the store, once, and note what is known of it.

    Raises:
        UserError: it cannot be written.
    """
    record = MethodRecord(
        **_about(source),
        title=method.title,
        options=dict(method.options),
        cost=method.cost,
        by_example=method.by_example,
        style=method.style,
    )
    _keep(store, source, record)


def keep_metric(store: Store, source: Source, metric: Metric) -> None:
    """Copy a metric's sources into the store, once.

    Raises:
        UserError: it cannot be written.
    """
    record = MetricRecord(**_about(source), title=metric.title, lowest=metric.lowest)
    _keep(store, source, record)


def _about(source: Source) -> dict[str, Any]:
    about = {name: getattr(source, name) for name in ("name", "code", "said", "kind", "target")}
    assert source.code is not None
    return {**about, "files": checksums(source)}


def checksums(source: Source) -> dict[str, str]:
    """Return the checksum of each of a source's files."""
    return {name: hashlib.sha256(text).hexdigest() for name, text in source.files.items()}


def _keep(store: Store, source: Source, record: CodeRecord) -> None:
    folder = store.code / record.code
    place = folder / f"{source.noun}.json"
    if is_there(place):
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in source.files.items():
        write_file(folder / name, content)
    write_first(place, encode_record(record))


def kept_methods(store: Store) -> list[MethodRecord]:
    """Read what a store knows of users' own methods, the latest last.

    Raises:
        UserError: a record of them cannot be read.
    """
    return _kept(store.code, "method", MethodRecord)


def kept_metrics(store: Store) -> list[MetricRecord]:
    """Read what a store knows of users' own metrics.

    Raises:
        UserError: a record of them cannot be read.
    """
    return _kept(store.code, "metric", MetricRecord)


def _kept(code: Path, noun: str, kind: type[Kept]) -> list[Kept]:
    places = [Path(entry.path) / f"{noun}.json" for entry in listing(code)]
    there = [place for place in places if is_there(place)]
    return [_read(place, kind) for place in sorted(there, key=lambda p: p.stat().st_mtime)]


def _read(path: Path, kind: type[Kept]) -> Kept:
    try:
        return decode_record(kind, read_whole(path))
    except (IsADirectoryError, ValueError) as error:
        raise UserError(
            f"{path} is no record of a {path.stem} ({error}): remove {path.parent}, and run the"
            " study again"
        ) from error
    except OSError as error:
        raise Unreadable(path, error) from error


def load_method_type(code: Path | None, settings: OwnSettings) -> type[MethodSettings]:
    """Import the class of a method from the code that a store keeps.

    Raises:
        UserError: it is not there, was altered, or is of a package that has changed.
    """
    return _load_once(code, settings.name, settings.code)


@cache
def _load_once(code: Path | None, name: str, digest: str) -> type[MethodSettings]:
    """A worker trains many trials of a method."""
    source = kept_source(code, "method", name, digest)
    kind = method_of(source, load_named(source)).settings
    assert kind is not None
    return kind


def know_kept_metric(code: Path | None, metric: str) -> None:
    """Load a metric that no package has from the code that a store keeps; no other is touched.

    Raises:
        UserError: as `kept_source` and `metric_of`.
    """
    if OWN_NAME.fullmatch(metric) and metric not in OWN:
        name, _, digest = metric.partition("@")
        source = kept_source(code, "metric", name, digest)
        metric_of(source, load_named(source))


def kept_source(code: Path | None, noun: str, name: str, digest: str) -> Source:
    """Return the source of code that a store keeps, held against its checksums.

    Raises:
        UserError: it is not there, was altered, or is of a package that has changed.
    """
    place = code / digest / f"{noun}.json" if code else None
    if place is None or not is_there(place):
        raise UserError(f"{noun} {name}: the store has no code {digest} of it")
    return _source(place.parent, _read(place, KINDS[noun]), noun)


KINDS: Final[dict[str, type[CodeRecord]]] = {"method": MethodRecord, "metric": MetricRecord}


def _source(folder: Path, record: CodeRecord, noun: str) -> Source:
    if not record.files:
        source = find_source(record.said, folder, noun)
        if source.code != record.code:
            raise UserError(
                f"{noun} {record.name}: {record.said} has another version here than the store's"
                " trials: install the same one on every machine"
            )
        return source
    files = {name: read_whole(folder / name) for name in record.files}
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != record.files[name]:
            raise UserError(
                f"{folder / name} was changed: remove {folder}, and run the study again"
            )
    return Source(
        noun=noun,
        name=record.name,
        said=record.said,
        code=record.code,
        kind=record.kind,
        place=folder / next(iter(files)),
        files=files,
    )
