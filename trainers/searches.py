"""What searches ran on a store: which trials each drew, and from which grid. No torch here.

In: a store. Out: `SearchRecord`s in `searches/`, one file per search, named by its content: a
search that is run again with the same trials to choose from leaves no second record. Reports read
them to tell a random draw, an adaptive search and an unfinished grid apart: the trials that ended
do not say it.
"""

import hashlib
from collections.abc import Iterable
from typing import Literal

from pydantic import ValidationError

from search_spaces.errors import UserError
from search_spaces.text import one_line
from trainers.files import write_file
from trainers.outcome import Frozen
from trainers.store import Store

SEARCHES_VERSION = 1
Kind = Literal["grid", "random", "adaptive"]


class CellDraw(Frozen):
    """The trials of one cell that a search may run: `drawn`, of the grid with that digest."""

    task: str
    encoder: str
    method: str
    grid: str
    drawn: tuple[str, ...]


class SearchRecord(Frozen):
    """One search: its study and settings, its kind, and its draw in each cell.

    `kind` is `random` where the draw knew no score, `adaptive` where scores guide it.
    """

    version: int = SEARCHES_VERSION
    study: str
    search: str
    kind: Kind
    scheduler: str
    budget: int | None
    seed: int
    cells: tuple[CellDraw, ...]


def digest(signatures: Iterable[str]) -> str:
    """12 hex digits that name a set of trials."""
    return hashlib.sha256("\n".join(sorted(signatures)).encode()).hexdigest()[:12]


def keep_search(store: Store, record: SearchRecord) -> None:
    """Write the record, unless the same one is there."""
    data = record.model_dump_json().encode()
    path = store.root / "searches" / f"{hashlib.sha256(data).hexdigest()[:12]}.json"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        write_file(path, data)


def read_searches(store: Store) -> list[SearchRecord]:
    """Read all records, in the order of their names.

    Raises:
        UserError: one cannot be read.
    """
    found = []
    for path in sorted((store.root / "searches").glob("*.json")):
        try:
            found.append(SearchRecord.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError) as error:
            raise UserError(
                f"{path} is no record of a search ({one_line(error)}): without it a report cannot"
                " say how trials were chosen; restore the file, or remove it and run the grid whole"
            ) from error
    return found
