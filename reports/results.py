"""What the store has of a study, read once: tables, page and figures are made of this.

In: a study and its store. Out: `Results`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.cells import CellResult, Key, read_groups
from search_spaces.cells import cells_of
from search_spaces.study import Study
from search_spaces.trial import TrialConfig
from trainers.records.store import Store


@dataclass(frozen=True, kw_only=True)
class Results:
    """A study's trials by cell, and what became of each; predictions are still in the store."""

    study: Study
    store: Store
    trials: Mapping[Key, Sequence[TrialConfig]]
    cells: Sequence[CellResult]


def read_results(study: Study, store: Store) -> Results:
    """Read the cells of a study.

    Raises:
        UserError, CorruptTrial: as `read_groups` does.
    """
    trials = cells_of(study)
    cells = read_groups(trials, store, study.known_tasks)
    return Results(study=study, store=store, trials=trials, cells=cells)
