"""What the store has of a study, read once: verdicts, tables, page and figures are made of this.

In: a study and its store. Out: `Results`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reports.results.cells import CellResult, Key, read_groups
from reports.results.confirmed import Confirmed, read_confirmed
from search_spaces.cells import group_by_cell
from search_spaces.study import Study
from search_spaces.trial import TrialConfig
from trainers.records.store import Store

Board = tuple[CellResult, ...]
"""The cells that are compared with each other: a study's, or those of one table of the paper."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """A study's trials by cell, and what became of each; predictions are still in the store.

    `tables` has the cells of each table of the paper that the study fills, by number: the study's
    own, but where the table has fewer trials than the study. `confirmed` has fresh seeds of chosen
    settings.
    """

    study: Study
    store: Store
    trials: Mapping[Key, Sequence[TrialConfig]]
    cells: Board
    tables: Mapping[int, Board] = field(default_factory=dict)
    confirmed: Confirmed = field(default_factory=Confirmed)

    @property
    def boards(self) -> list[Board]:
        """The study's cells, then those of its tables."""
        return [self.cells, *self.tables.values()]


def read_results(study: Study, store: Store) -> Results:
    """Read the cells of a study.

    Raises:
        UserError, CorruptTrial: as `read_groups` does.
    """
    trials = group_by_cell(study)
    cells = tuple(read_groups(trials, store, study.known_tasks))
    tables = {number: _of_table(study, number, store, cells) for number in study.tables}
    confirmed = read_confirmed(study, cells, store)
    return Results(
        study=study,
        store=store,
        trials=trials,
        cells=cells,
        tables=tables,
        confirmed=confirmed,
    )


def _of_table(study: Study, number: int, store: Store, cells: Board) -> Board:
    """Take a table's cells from the study's; read those anew that have fewer trials."""
    wanted = group_by_cell(study, study.of_table(number))
    totals = {cell.key: cell.total for cell in cells}
    if all(len(group) == totals[key] for key, group in wanted.items()):
        return tuple(cell for cell in cells if cell.key in wanted)
    return tuple(read_groups(wanted, store, study.known_tasks))
