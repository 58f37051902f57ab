"""Looks at test sets: every result on a test set that a report has shown. No torch here.

In: a store. Out: `LookRecord`s in `looks/`, one file each, named by its content: showing the same
report twice is one look. Looking, changing the study and looking again turns a test set into a dev
set.
"""

from typing import Final

from trainers.records.named import keep_named, read_named
from trainers.records.record import Record
from trainers.records.store import Store

WHAT: Final = (
    "a look at a test set: without it a report cannot say how often it was looked at; restore the"
    " file, or remove it"
)


class LookRecord(Record):
    """What was shown: the chosen trials of a task (a digest of their names) on a split's data."""

    task: str
    split: str
    data: str
    trials: str


def keep_look(store: Store, record: LookRecord) -> None:
    """Write the record, unless the store has it already.

    Raises:
        UserError: an existing record cannot be read.
    """
    keep_named(store.looks, record, WHAT)


def read_looks(store: Store) -> list[LookRecord]:
    """Read all records, in the order of their file names.

    Raises:
        UserError: a record cannot be read.
    """
    return read_named(store.looks, LookRecord, WHAT)
