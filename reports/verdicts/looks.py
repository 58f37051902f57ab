"""Count how often a test set was looked at: each report with different trials on it is a look.

In: the verdicts of a study and its store. Out: the number of looks by task and split, including
this one, which is recorded in the store.
"""

from collections.abc import Mapping, Sequence

from reports.verdicts.verdict import Verdict
from trainers.records.looks import LookRecord, keep_look, read_looks
from trainers.records.searches import digest_trials
from trainers.records.store import Store

Looks = Mapping[tuple[str, str], int]
"""The number of looks by (task, split); splits that choose settings are not counted."""


def count_looks(verdicts: Sequence[Verdict], store: Store) -> dict[tuple[str, str], int]:
    """Record this look at each split that took no part in the choice, and count all looks.

    Raises:
        UserError: an existing record cannot be read.
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
