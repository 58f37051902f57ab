"""What searches ran on a store: which trials each drew, and from which grid. No torch here.

In: a store. Out: `SearchRecord`s in `searches/`, one file per search, named by its content: a
search that is run again with the same trials to choose from leaves no second record. Reports read
them to tell a random draw, an adaptive search and an unfinished grid apart: the trials that ended
do not say it.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from search_spaces.cells import Sampling
from search_spaces.errors import UserError
from search_spaces.text import one_line
from trainers.records.files import Unreadable, listing, read_whole, write_file
from trainers.records.record import Count, Frozen, Record, decode_record, encode_record
from trainers.records.store import Store


class CellDraw(Frozen):
    """The trials of one cell that a search may run: `drawn`, of the grid with that digest."""

    task: str
    encoder: str
    method: str
    grid: str
    drawn: tuple[str, ...]


class SearchRecord(Record):
    """One search: its study and settings, its kind, and its draw in each cell.

    `kind` is `random` where the draw knew no score, `adaptive` where scores guide it.
    """

    study: str
    search: str
    kind: Sampling
    scheduler: str
    budget: Count | None
    seed: Count
    cells: tuple[CellDraw, ...]


def digest(signatures: Iterable[str]) -> str:
    """12 hex digits that name a set of trials."""
    return hashlib.sha256("\n".join(sorted(signatures)).encode()).hexdigest()[:12]


def keep_search(store: Store, record: SearchRecord) -> None:
    """Write the record, unless the same one is there, of whatever version.

    Raises:
        UserError: one that is there cannot be read.
    """
    known = (found.model_copy(update={"version": record.version}) for found in read_searches(store))
    if record not in known:
        data = encode_record(record)
        store.searches.mkdir(exist_ok=True)
        write_file(store.searches / _name(data), data)


def read_searches(store: Store) -> list[SearchRecord]:
    """Read all records, in the order of their names.

    Raises:
        UserError: one cannot be read.
    """
    paths = [Path(entry.path) for entry in listing(store.searches)]
    return [_read(path) for path in paths if path.match("[!.]*.json")]


def _read(path: Path) -> SearchRecord:
    try:
        data = read_whole(path)
        if path.name != _name(data):
            raise ValueError("its name is not that of its content")
        return decode_record(SearchRecord, data)
    except (IsADirectoryError, ValueError) as error:
        raise UserError(
            f"{path} is no record of a search ({one_line(error)}): without it a report cannot"
            " say how trials were chosen; restore the file, or remove it and run the grid whole"
        ) from error
    except OSError as error:
        raise Unreadable(path, error) from error


def _name(data: bytes) -> str:
    return f"{hashlib.sha256(data).hexdigest()[:12]}.json"
