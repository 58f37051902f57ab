"""The results of a study, read from the store once for verdicts, tables, page and figures.

In: a study and its store. Out: `Results`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reports.results.cells import CellKey, CellResult, read_groups
from reports.results.confirmed import Confirmed, read_confirmed
from search_spaces.cells import group_by_cell
from search_spaces.study import Study
from search_spaces.trial import TrialConfig
from trainers.records.store import Store

CellGroup = tuple[CellResult, ...]
"""Cells that are compared with each other: those of a study, or of one table of the paper."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """A study's trials by cell, and their results; predictions stay in the store.

    `tables` has the cells of each table of the paper that the study fills, by its number: the
    study's own cells, or cells with fewer trials if the table has fewer. `confirmed` has fresh
    seeds of chosen settings.
    """

    study: Study
    store: Store
    trials: Mapping[CellKey, Sequence[TrialConfig]]
    cells: CellGroup
    tables: Mapping[int, CellGroup] = field(default_factory=dict)
    confirmed: Confirmed = field(default_factory=Confirmed)

    @property
    def groups(self) -> list[CellGroup]:
        """The study's cells, then those of its tables."""
        return [self.cells, *self.tables.values()]


def read_results(study: Study, store: Store) -> Results:
    """Read the cells of a study.

    Raises:
        UserError, CorruptTrial: as for `read_groups`.
    """
    trials = group_by_cell(study)
    cells = tuple(read_groups(trials, store, study.known_tasks))
    tables = {number: _read_table_cells(study, number, store, cells) for number in study.tables}
    confirmed = read_confirmed(study, cells, store)
    return Results(
        study=study,
        store=store,
        trials=trials,
        cells=cells,
        tables=tables,
        confirmed=confirmed,
    )


def _read_table_cells(study: Study, number: int, store: Store, cells: CellGroup) -> CellGroup:
    """Select a table's cells from the study's; read them again if the table has fewer trials."""
    wanted = group_by_cell(study, study.of_table(number))
    totals = {cell.key: cell.total for cell in cells}
    if all(len(group) == totals[key] for key, group in wanted.items()):
        return tuple(cell for cell in cells if cell.key in wanted)
    return tuple(read_groups(wanted, store, study.known_tasks))
