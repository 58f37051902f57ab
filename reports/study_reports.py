"""Build all tables of a study: the paper's tables that it fills, then those of every study.

In: a study's `Results` and `Verdicts`, and the data folder. Out: `Report`s.
"""

from collections.abc import Sequence
from pathlib import Path

from reports.paper.data_tables import count_data, data_table
from reports.results.cells import CellResult
from reports.results.results import CellGroup, Results
from reports.tables.board import bare, lay_out
from reports.tables.build import build_reports
from reports.tables.confirmation_table import confirmation_report
from reports.tables.laid_out import layout_table
from reports.tables.report import Report
from reports.verdicts.judge import Verdicts
from search_spaces.cells import group_by_cell
from search_spaces.layouts import Layout, data_layouts, paper_layouts
from search_spaces.study import Study
from search_spaces.text import quoted


def study_reports(results: Results, verdicts: Verdicts, data: Path | None) -> list[Report]:
    """Build all tables; a table of the paper for which the study has no numbers is left out.

    Tables 1 and 2 are counted from the data folder, or from the hub if there is none.

    Raises:
        UserError: the data cannot be read.
    """
    data_reports = _build_data_reports(results.study, results.cells, data)
    return [*data_reports, *trial_reports(results, verdicts)]


def trial_reports(results: Results, verdicts: Verdicts) -> list[Report]:
    """Build the tables of trials, without those that describe data."""
    study = results.study
    layouts = paper_layouts()
    paper_reports = [
        _fill_layout(layouts[number], study, cells, verdicts, number)
        for number, cells in results.tables.items()
        if number in layouts
    ]
    own_reports = [
        _fill_layout(layout, study, results.cells, verdicts) for layout in study.own_tables
    ]
    reports = [report for report in (*paper_reports, *own_reports) if report]
    reports += build_reports(results, verdicts)
    if verdicts.confirmed:
        reports.append(confirmation_report(study, verdicts.confirmed, verdicts.worth))
    return reports


def _fill_layout(
    layout: Layout, study: Study, cells: CellGroup, verdicts: Verdicts, number: int | None = None
) -> Report | None:
    """Fill a layout of the paper or of the study; None if there is no number yet."""
    if not layout.rows:
        methods = dict.fromkeys(cell.method for cell in cells)
        layout = layout.model_copy(update={"rows": {method: method for method in methods}})
    board = lay_out(layout, cells, verdicts, study)
    name = f"{study.name}-{layout.name}"
    return layout_table(board, name, study.name, number) if board else None


def left_out(study: Study, reports: Sequence[Report]) -> list[str]:
    """Return remarks on the study's tables that have no numbers yet, and on rows without trials."""
    written = {report.table.name for report in reports}
    own = [table.name for table in study.own_tables if f"{study.name}-{table.name}" not in written]
    lines = [f"no number yet for table {', '.join(own)}"] if own else []
    lines += _rows_without_trials(study)
    numbers = [n for n in study.tables if f"{study.name}-table{n}" not in written]
    if not numbers:
        return lines
    hint = "; set --data to the data folder" if set(numbers) & set(data_layouts()) else ""
    return [*lines, f"no number yet for table {', '.join(map(str, numbers))} of the paper{hint}"]


def _rows_without_trials(study: Study) -> list[str]:
    """Return remarks on rows of the study's own tables to which no trial belongs."""
    known = (
        {bare(method) for _, _, method in group_by_cell(study)} if study.own_tables else set[str]()
    )
    return [
        f"table {layout.name}: no trial of the study belongs to row {quoted(row)} (known:"
        f" {', '.join(sorted(known))}; default values are not part of the name)"
        for layout in study.own_tables
        for row in layout.rows
        if row not in known
    ]


def _build_data_reports(
    study: Study, cells: Sequence[CellResult], data: Path | None
) -> list[Report]:
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
