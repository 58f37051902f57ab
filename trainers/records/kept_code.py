"""The code of users' own methods and metrics, as a store keeps it. No torch.

    code/<digest>/method.json       a method's options, cost and style; checksums of its sources
    code/<digest>/metric.json       the same for a metric
    code/<digest>/<file>.py         the sources, unless they belong to an installed package

In: a source and its method or metric. Out: its record, read without running the code; or, for those
who train or score, the class or function itself. The copy does not change when the file is edited.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field

from search_spaces.errors import UserError
from search_spaces.method import Method, MethodSettings, Option, OwnSettings, Style
from search_spaces.own_methods import make_method
from search_spaces.sources import Source, find_source, load_object
from trainers.records.files import (
    Unreadable,
    list_folder,
    path_exists,
    read_whole,
    write_file,
    write_if_absent,
)
from trainers.records.metrics import OWN_METRICS, OWN_NAME, Metric
from trainers.records.own_metrics import make_metric
from trainers.records.record import Count, FileName, Record, Sha256, decode_record, encode_record
from trainers.records.store import Store

Digest = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class CodeRecord(Record):
    """Code that trials of a store use; `files` has the checksums of its sources.

    `said` is the entry of the study that names it, such as `./focal.py@Focal`.
    """

    name: str
    title: str
    code: Digest
    said: str
    kind: str
    target: str
    files: dict[FileName, Sha256]


class MetricRecord(CodeRecord):
    """A user's own metric; `lowest` is its lowest possible value."""

    lowest: float


class MethodRecord(CodeRecord):
    """A user's own method."""

    options: dict[str, Option]
    cost: Count
    by_example: bool
    style: Style | None

    def to_method(self) -> Method:
        """Return the method as studies and reports know it, without its class."""
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
    """Copy a method's sources into the store, once, with a record of its options.

    Raises:
        UserError: they cannot be written.
    """
    record = MethodRecord(
        **_source_fields(source),
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
        UserError: they cannot be written.
    """
    record = MetricRecord(**_source_fields(source), title=metric.title, lowest=metric.lowest)
    _keep(store, source, record)


def _source_fields(source: Source) -> dict[str, Any]:
    assert source.code is not None
    return {
        "name": source.name,
        "code": source.code,
        "said": source.entry,
        "kind": source.kind,
        "target": source.target,
        "files": compute_checksums(source),
    }


def compute_checksums(source: Source) -> dict[str, str]:
    """Compute the SHA-256 of each of a source's files."""
    return {name: hashlib.sha256(text).hexdigest() for name, text in source.files.items()}


def _keep(store: Store, source: Source, record: CodeRecord) -> None:
    folder = store.code / record.code
    path = folder / f"{source.noun}.json"
    if path_exists(path):
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in source.files.items():
        write_file(folder / name, content)
    write_if_absent(path, encode_record(record))


def read_methods(store: Store) -> list[MethodRecord]:
    """Read the records of users' own methods in a store, the latest last.

    Raises:
        UserError: a record cannot be read.
    """
    return _read_records(store.code, "method", MethodRecord)


def read_metrics(store: Store) -> list[MetricRecord]:
    """Read the records of users' own metrics in a store, the latest last.

    Raises:
        UserError: a record cannot be read.
    """
    return _read_records(store.code, "metric", MetricRecord)


def _read_records(code: Path, noun: str, kind: type[Kept]) -> list[Kept]:
    paths = [Path(entry.path) / f"{noun}.json" for entry in list_folder(code)]
    present = [path for path in paths if path_exists(path)]
    return [_read_record(path, kind) for path in sorted(present, key=lambda p: p.stat().st_mtime)]


def _read_record(path: Path, kind: type[Kept]) -> Kept:
    try:
        return decode_record(kind, read_whole(path))
    except (IsADirectoryError, ValueError) as error:
        raise UserError(
            f"{path} is not a valid record of a {path.stem} ({error}): remove {path.parent}, and"
            " run the study again"
        ) from error
    except OSError as error:
        raise Unreadable(path, error) from error


def load_method_type(code: Path | None, settings: OwnSettings) -> type[MethodSettings]:
    """Import a method's class from the code that a store keeps.

    Raises:
        UserError: the code is missing or was altered, or its package has changed.
    """
    return _load_once(code, settings.name, settings.code)


@cache
def _load_once(code: Path | None, name: str, digest: str) -> type[MethodSettings]:
    """Import once per process: a worker trains many trials of a method."""
    source = read_source(code, "method", name, digest)
    kind = make_method(source, load_object(source)).settings
    assert kind is not None
    return kind


def load_kept_metric(code: Path | None, metric: str) -> None:
    """Load a user's own metric from the code that a store keeps; do nothing for a shipped one.

    Raises:
        UserError: as `read_source` and `make_metric`.
    """
    if OWN_NAME.fullmatch(metric) and metric not in OWN_METRICS:
        name, _, digest = metric.partition("@")
        source = read_source(code, "metric", name, digest)
        make_metric(source, load_object(source))


def read_source(code: Path | None, noun: str, name: str, digest: str) -> Source:
    """Read the source of code that a store keeps, and check it against its checksums.

    Raises:
        UserError: the code is missing or was altered, or its package has changed.
    """
    path = code / digest / f"{noun}.json" if code else None
    if path is None or not path_exists(path):
        raise UserError(f"{noun} {name}: the store has no code {digest} of it")
    return _make_source(path.parent, _read_record(path, RECORD_TYPES[noun]), noun)


RECORD_TYPES: Final[dict[str, type[CodeRecord]]] = {"method": MethodRecord, "metric": MetricRecord}


def _make_source(folder: Path, record: CodeRecord, noun: str) -> Source:
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
        entry=record.said,
        code=record.code,
        kind=record.kind,
        path=folder / next(iter(files)),
        files=files,
    )
