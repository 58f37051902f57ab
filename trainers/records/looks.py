"""Looks at test sets: each result that a report has shown on examples that chose nothing. No torch.

In: a store. Out: `LookRecord`s in `looks/`, one file each, named by its content: the same report
twice is one look. Whoever looks, changes the study and looks again has made the test set a dev set.
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
    """What was shown: a task's chosen trials, by the digest of their names, on a split's data."""

    task: str
    split: str
    data: str
    trials: str


def keep_look(store: Store, record: LookRecord) -> None:
    """Write the record, unless the same one is there.

    Raises:
        UserError: one that is there cannot be read.
    """
    keep_named(store.looks, record, WHAT)


def read_looks(store: Store) -> list[LookRecord]:
    """Read all records, in the order of their names.

    Raises:
        UserError: one cannot be read.
    """
    return read_named(store.looks, LookRecord, WHAT)
