"""Records of which settings of a study were confirmed, with which fresh seeds. No torch here.

In: a store. Out: `ConfirmationRecord`s in `confirmations/`, one file each, named by its content.
"""

from typing import Final

from trainers.records.named import keep_named, read_named
from trainers.records.record import Count, Frozen, Record
from trainers.records.store import Store

WHAT: Final = (
    "a confirmation: without it a report cannot say what was confirmed; restore the file, or remove"
    " it and run catsweep confirm again"
)


class ConfirmedCell(Frozen):
    """The setting that was chosen in a cell; `setting` is its signature with seed 0."""

    task: str
    encoder: str
    method: str
    setting: str


class ConfirmationRecord(Record):
    """The chosen settings of a study, and the seeds that each is trained with to confirm it."""

    study: str
    seeds: tuple[Count, ...]
    cells: tuple[ConfirmedCell, ...]


def keep_confirmation(store: Store, record: ConfirmationRecord) -> None:
    """Write the record, unless the store has it already.

    Raises:
        UserError: an existing record cannot be read.
    """
    keep_named(store.confirmations, record, WHAT)


def read_confirmations(store: Store, study: str) -> list[ConfirmationRecord]:
    """Read a study's records, in the order of their file names.

    Raises:
        UserError: a record cannot be read.
    """
    records = read_named(store.confirmations, ConfirmationRecord, WHAT)
    return [record for record in records if record.study == study]
