"""All tables of a study: those of the paper that it fills, then those of every study.

In: a study's `Results`, and where its data are. Out: `Report`s.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from reports.cells import CellResult, Key, read_groups
from reports.paper.data_tables import count_data, data_table
from reports.results import Results
from reports.tables.build import reports_of
from reports.tables.choice import Choice, choices
from reports.tables.laid_out import bare, lay_out, layout_table
from reports.tables.report import Report, relabelled
from search_spaces.cells import cells_of
from search_spaces.layouts import Layout, data_layouts, paper_layouts
from search_spaces.study import Study
from search_spaces.text import quoted
from trainers.records.store import Store


def study_reports(results: Results, data: Path | None, *, intervals: bool = False) -> list[Report]:
    """Build them; a table of the paper that the study has nothing of is left out.

    Tables 1 and 2 are counted from the data folder, or from the hub without one.

    Raises:
        UserError, CorruptTrial: as `choices` and `paired_labels` do.
    """
    study, cells = results.study, results.cells
    return [*_data_reports(study, cells, data), *trial_reports(results, intervals=intervals)]


def trial_reports(results: Results, *, intervals: bool = False) -> list[Report]:
    """Build those that have tests: no data are counted.

    Raises:
        UserError, CorruptTrial: as `study_reports` does.
    """
    study, store, cells = results.study, results.store, results.cells
    chosen = choices(cells, store)
    of_paper = [
        _laid_out(
            layout,
            study,
            *_own(study, number, store, cells, chosen),
            intervals=intervals,
            heading=f"Table {number} of the paper.",
        )
        for number in study.tables
        if (layout := paper_layouts().get(number))
    ]
    laid = [
        _laid_out(layout, study, cells, store, chosen, intervals=intervals)
        for layout in study.own_tables
    ]
    found = [report for report in (*of_paper, *laid) if report]
    found += reports_of(study.name, cells, store, chosen, intervals=intervals)
    titles = {
        study.task(name).title: label for name, label in study.labels.items() if name in study.tasks
    }
    return [relabelled(report, {**titles, **study.display_names}) for report in found]


def _laid_out(
    layout: Layout,
    study: Study,
    cells: Sequence[CellResult],
    store: Store,
    chosen: Mapping[Key, Choice],
    *,
    intervals: bool,
    heading: str = "",
) -> Report | None:
    """Lay out a table of the paper's or the study's own; None where it has no number yet."""
    if not layout.rows:
        methods = dict.fromkeys(cell.method for cell in cells)
        layout = layout.model_copy(update={"rows": {method: method for method in methods}})
    board = lay_out(layout, cells, store, chosen, study.known_tasks, intervals=intervals)
    name = f"{study.name}-{layout.name}"
    return layout_table(board, name, study.name, store, heading) if board else None


def left_out(study: Study, reports: Sequence[Report]) -> list[str]:
    """Say in a line which tables of the paper the study names and has nothing of, if any."""
    written = {report.table.name for report in reports}
    own = [table.name for table in study.own_tables if f"{study.name}-{table.name}" not in written]
    lines = [f"no number yet for table {', '.join(own)}"] if own else []
    lines += _rows_without_trials(study)
    numbers = [n for n in study.tables if f"{study.name}-table{n}" not in written]
    if not numbers:
        return lines
    hint = "; --data says where to count data" if set(numbers) & set(data_layouts()) else ""
    return [*lines, f"no number yet for table {', '.join(map(str, numbers))} of the paper{hint}"]


def _rows_without_trials(study: Study) -> list[str]:
    """Name the rows of the study's own tables that none of its trials belongs to."""
    known = {bare(method) for _, _, method in cells_of(study)} if study.own_tables else set[str]()
    return [
        f"table {layout.name}: no trial of the study is {quoted(row)} (there is:"
        f" {', '.join(sorted(known))}; a value that is the default goes unnamed)"
        for layout in study.own_tables
        for row in layout.rows
        if row not in known
    ]


def _data_reports(study: Study, cells: Sequence[CellResult], data: Path | None) -> list[Report]:
    numbers = [number for number in study.tables if number in data_layouts()]
    wanted = [
        task
        for number in numbers
        for task in data_layouts()[number].describes
        if task in study.tasks
    ]
    counted = count_data(wanted, data, cells)
    tables = [data_table(number, study.name, counted) for number in numbers]
    return [table for table in tables if table]


def _own(
    study: Study,
    number: int,
    store: Store,
    cells: Sequence[CellResult],
    chosen: Mapping[Key, Choice],
) -> tuple[list[CellResult], Store, Mapping[Key, Choice]]:
    """Take a table's cells and choices from the study's; read anew where it has fewer trials."""
    wanted = cells_of(study, study.of_table(number))
    totals = {cell.key: cell.total for cell in cells}
    if all(len(group) == totals[key] for key, group in wanted.items()):
        return [cell for cell in cells if cell.key in wanted], store, chosen
    own = read_groups(wanted, store, study.known_tasks)
    return own, store, choices(own, store)
