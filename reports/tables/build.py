"""Build the tables of every study: one per split, and the selection table.

In: a study's results and verdicts. Out: `Report`s: a Table and the verdicts behind its marks.
"""

from collections.abc import Sequence

from reports.results.cells import CellResult, list_splits
from reports.results.results import Results
from reports.tables.captions import caption
from reports.tables.fine_print import fine_print
from reports.tables.marks import SPLIT_TITLES
from reports.tables.notes import gain_notes, signatures
from reports.tables.report import Report, score_cell
from reports.tables.selection_table import selection_table
from reports.tables.table import Cell, Column, ColumnGroup, Row, Table
from reports.verdicts.judge import Verdicts
from reports.verdicts.verdict import Verdict
from trainers.records.metrics import get_metric

NEAR = 0.01
"""The constant classifier is shown if a score is at most this far above its score."""
CONSTANT = "one class for all"


def build_reports(results: Results, verdicts: Verdicts) -> list[Report]:
    """Build one report per labelled split, then the selection table.

    Each shows the chosen setting of each cell. The selection table has no verdicts of its own, and
    is left out until a trial is finished.
    """
    cells = results.cells
    splits = list_splits(cells) or ["dev"] if cells else []
    reports = [_build(results, split, verdicts) for split in splits]
    if any(cell.finished for cell in cells):
        reports.append(Report(table=selection_table(results, verdicts), verdicts=()))
    return reports


def _build(results: Results, split: str, verdicts: Verdicts) -> Report:
    study_name, names = results.study.name, results.study.names
    shown = [cell for cell in results.cells if cell.has_split(split)]
    found = verdicts.on_split(results.cells, split)
    scores = _list_columns(shown)
    systems = list(dict.fromkeys((cell.encoder, cell.method) for cell in shown))
    by_key = {cell.key: cell for cell in shown}
    verdict_of = {verdict.key: verdict for verdict in found}
    rows = tuple(
        Row(
            labels=(names(encoder), names(method)),
            cells=tuple(
                score_cell(
                    by_key.get((task, encoder, method)),
                    metric,
                    split,
                    verdict_of.get((task, encoder, method)),
                )
                for task, metric in scores
            ),
            starts_block=index > 0 and encoder != systems[index - 1][0],
        )
        for index, (encoder, method) in enumerate(systems)
    )
    tasks = {cell.task: cell.definition for cell in shown}
    columns = tuple(
        Column(title=names.task(tasks[task]), subtitle=get_metric(metric).title)
        for task, metric in scores
    )
    flat = verdicts.flat_cells(shown, split)
    notes = fine_print(
        study_name, split, shown, found, names=names, flat=flat, looks=verdicts.looks
    )
    table = Table(
        name=f"{study_name}-{split}",
        title=f"{SPLIT_TITLES.get(split, split).capitalize()} set",
        caption=caption(split, shown, found, names=names),
        label_titles=("Encoder", "Method"),
        groups=(ColumnGroup(columns=columns),),
        rows=(*rows, *constant_row(rows, [_find_verdict(found, *column) for column in scores], 2)),
        notes=(*notes, *gain_notes(found, names, verdicts.worth)),
        signatures=signatures(found),
    )
    return Report(table=table, verdicts=tuple(found), split=split)


def _find_verdict(verdicts: Sequence[Verdict], task: str, metric: str) -> Verdict | None:
    """Return a verdict on a column's task, if the column's metric is the one that is tested."""
    return next((v for v in verdicts if v.task == task and v.definition.metric == metric), None)


def constant_row(rows: Sequence[Row], verdicts: Sequence[Verdict | None], labels: int) -> list[Row]:
    """Return a row with the best constant prediction's score, for columns with scores near it.

    `verdicts` has one verdict per column, or None for a column that is not tested. The list is
    empty if no column has a score near the constant's.
    """
    cells, blank = [], Cell(words=" ")
    for column, verdict in enumerate(verdicts):
        values = [row.cells[column].value for row in rows]
        numbers = [float(value) for value in values if value is not None]
        near = verdict and numbers and min(numbers) <= verdict.constant + NEAR
        cells.append(Cell(value=verdict.constant) if verdict and near else blank)
    if all(cell is blank for cell in cells):
        return []
    # The name belongs in the column of methods, after that of encoders.
    names = (CONSTANT,) if labels == 1 else ("", CONSTANT, *[""] * (labels - 2))
    return [Row(labels=names, cells=tuple(cells), starts_block=True, competes=False)]


def _list_columns(cells: Sequence[CellResult]) -> list[tuple[str, str]]:
    """Return (task, metric) of each column: the task's own metric, then its other metrics."""
    tasks = {cell.task: cell.definition for cell in cells}
    return [
        (name, metric) for name, task in tasks.items() for metric in (task.metric, *task.beside)
    ]
