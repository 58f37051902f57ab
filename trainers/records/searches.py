"""What searches ran on a store: which trials each drew, and from which grid. No torch here.

In: a store. Out: `SearchRecord`s in `searches/`, one file per search, named by its content: a
search that is run again with the same trials to choose from leaves no second record. Reports read
them to tell a random draw, an adaptive search and an unfinished grid apart: the trials that ended
do not say it.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from search_spaces.cells import Sampling
from trainers.records.named import keep_named, read_named
from trainers.records.record import Count, Frozen, Record
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


def digest_trials(signatures: Iterable[str]) -> str:
    """12 hex digits that name a set of trials."""
    return hashlib.sha256("\n".join(sorted(signatures)).encode()).hexdigest()[:12]


WHAT: Final = (
    "a search: without it a report cannot say how trials were chosen; restore the file, or remove"
    " it and run the grid whole"
)


def keep_search(store: Store, record: SearchRecord) -> None:
    """Write the record, unless the same one is there, of whatever version.

    Raises:
        UserError: one that is there cannot be read.
    """
    keep_named(store.searches, record, WHAT)


def read_searches(store: Store) -> list[SearchRecord]:
    """Read all records, in the order of their names.

    Raises:
        UserError: one cannot be read.
    """
    return read_named(store.searches, SearchRecord, WHAT)
