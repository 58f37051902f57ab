"""Records of the searches on a store: which trials each drew, from which grid. No torch here.

In: a store. Out: `SearchRecord`s in `searches/`, one file per search, named by its content: running
the same search again over the same trials leaves no second record. Reports need them to distinguish
a random search, an adaptive search and an unfinished grid, which the finished trials alone do not
show.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from search_spaces.cells import Sampling
from trainers.records.named import keep_named, read_named
from trainers.records.record import Count, Frozen, Record
from trainers.records.store import Store


class CellDraw(Frozen):
    """The trials of one cell that a search drew; `grid` is the digest of the whole grid."""

    task: str
    encoder: str
    method: str
    grid: str
    drawn: tuple[str, ...]


class SearchRecord(Record):
    """One search: its study and settings, its kind, and its draw in each cell.

    `kind` is `random` if the draw uses no scores, and `adaptive` if scores guide it.
    """

    study: str
    search: str
    kind: Sampling
    scheduler: str
    budget: Count | None
    seed: Count
    cells: tuple[CellDraw, ...]


def digest_trials(signatures: Iterable[str]) -> str:
    """Return 12 hex digits that name a set of trials, whatever their order."""
    return hashlib.sha256("\n".join(sorted(signatures)).encode()).hexdigest()[:12]


WHAT: Final = (
    "a search: without it a report cannot say how trials were chosen; restore the file, or remove"
    " it and run the grid whole"
)


def keep_search(store: Store, record: SearchRecord) -> None:
    """Write the record, unless the store has an equal one of any version.

    Raises:
        UserError: an existing record cannot be read.
    """
    keep_named(store.searches, record, WHAT)


def read_searches(store: Store) -> list[SearchRecord]:
    """Read all records, in the order of their file names.

    Raises:
        UserError: a record cannot be read.
    """
    return read_named(store.searches, SearchRecord, WHAT)
