"""How often a test set was looked at: each report that shows other trials on it is a look.

In: the verdicts of a study and its store. Out: the number of looks by task and split, this one
among them, which is kept in the store.
"""

from collections.abc import Mapping, Sequence

from reports.verdicts.verdict import Verdict
from trainers.records.looks import LookRecord, keep_look, read_looks
from trainers.records.searches import digest_trials
from trainers.records.store import Store

Looks = Mapping[tuple[str, str], int]
"""How often by (task, split); of splits that choose, nothing is counted."""


def count_looks(verdicts: Sequence[Verdict], store: Store) -> dict[tuple[str, str], int]:
    """Keep this look at each split that took no part in a choice, and count all of them.

    Raises:
        UserError: a record that is there cannot be read.
        OSError: the store cannot be written.
    """
    shown: dict[tuple[str, str, str], set[str]] = {}
    for one in verdicts:
        if not one.selected and one.split != one.chosen_on:
            trials = shown.setdefault((one.task, one.split, one.data), set())
            trials.update(one.baseline.trials, one.system.trials)
    known = read_looks(store) if shown else []
    for (task, split, data), trials in shown.items():
        look = LookRecord(task=task, split=split, data=data, trials=digest_trials(trials))
        if look not in known:
            keep_look(store, look)
    known = read_looks(store) if shown else []
    return {
        (task, split): sum((look.task, look.data) == (task, data) for look in known)
        for task, split, data in shown
    }
