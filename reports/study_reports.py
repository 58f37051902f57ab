"""All tables of a study: those of the paper that it fills, then those of every study.

In: a study, the store, and where its data are. Out: `Report`s.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from reports.cells import CellResult, Key, read_groups
from reports.paper.data_tables import TASKS_OF, count_data, data_table
from reports.paper.layout import LAYOUTS
from reports.paper.tables import paper_table
from reports.tables.build import reports_of
from reports.tables.choice import Choice, choices
from reports.tables.report import Report
from search_spaces.cells import cells_of
from search_spaces.study import Study
from search_spaces.trial import TrialConfig
from trainers.store import Store


def study_reports(
    study: Study, store: Store, data: Path | None, *, intervals: bool = False
) -> list[Report]:
    """Build them; a table of the paper that the study has nothing of is left out.

    Tables 1 and 2 are counted from the data folder, or from the hub without one.

    Raises:
        UserError, CorruptTrial: as `read_cells`, `choices` and `paired_labels` do.
    """
    groups = cells_of(study)
    cells = read_groups(groups, store)
    chosen = choices(cells, store)
    of_data = _data_reports(study, cells, data)
    of_trials = [
        paper_table(number, study.name, *_own(study, number, store, groups, cells, chosen))
        for number in study.tables
        if number in LAYOUTS
    ]
    found = [report for report in (*of_data, *of_trials) if report]
    return [*found, *reports_of(study.name, cells, store, chosen, intervals=intervals)]


def left_out(study: Study, reports: Sequence[Report]) -> list[str]:
    """Say in a line which tables of the paper the study names and has nothing of, if any."""
    written = {report.table.name for report in reports}
    numbers = [n for n in study.tables if f"{study.name}-table{n}" not in written]
    if not numbers:
        return []
    hint = "; --data says where to count data" if set(numbers) & set(TASKS_OF) else ""
    return [f"no number yet for table {', '.join(map(str, numbers))} of the paper{hint}"]


def _data_reports(
    study: Study, cells: Sequence[CellResult], data: Path | None
) -> list[Report | None]:
    numbers = [number for number in study.tables if number in TASKS_OF]
    wanted = [task for number in numbers for task in TASKS_OF[number] if task in study.tasks]
    counted = count_data(wanted, data)
    return [data_table(number, study.name, cells, counted) for number in numbers]


def _own(
    study: Study,
    number: int,
    store: Store,
    groups: Mapping[Key, Sequence[TrialConfig]],
    cells: Sequence[CellResult],
    chosen: Mapping[Key, Choice],
) -> tuple[list[CellResult], Store, Mapping[Key, Choice]]:
    """Take a table's cells and choices from the study's; read anew where it has fewer trials."""
    wanted = cells_of(study, study.of_table(number))
    if all(len(group) == len(groups[key]) for key, group in wanted.items()):
        return [cell for cell in cells if cell.key in wanted], store, chosen
    own = read_groups(wanted, store)
    return own, store, choices(own, store)
