"""The tables of every study: a table for each split, and what the choice of settings is worth.

In: a study's results and verdicts. Out: `Report`s: a Table and the verdicts behind its marks.
"""

from collections.abc import Sequence

from reports.results.cells import CellResult, list_splits
from reports.results.results import Results
from reports.tables.captions import caption
from reports.tables.fine_print import fine_print
from reports.tables.notes import gain_notes, signatures
from reports.tables.report import Report, metric_title, score_cell
from reports.tables.selection_table import selection_table
from reports.tables.table import Cell, Column, ColumnGroup, Row, Table
from reports.verdicts.judge import Verdicts
from reports.verdicts.verdict import Verdict

NEAR = 0.01
"""How close to a constant classifier's a score is when that one is shown, too."""
CONSTANT = "one class for all"


def build_reports(results: Results, verdicts: Verdicts) -> list[Report]:
    """One report per labelled split, then one on what the choice of the settings is worth.

    Each shows the chosen setting of each cell. The last has no verdicts of its own, and is left out
    as long as no trial is finished.
    """
    cells = results.cells
    splits = list_splits(cells) or ["dev"] if cells else []
    reports = [_build(results, split, verdicts) for split in splits]
    if any(cell.finished for cell in cells):
        reports.append(Report(table=selection_table(results, verdicts), verdicts=()))
    return reports


def _build(results: Results, split: str, verdicts: Verdicts) -> Report:
    study, names = results.study.name, results.study.names
    shown = [cell for cell in results.cells if cell.has_split(split)]
    found = verdicts.on_split(results.cells, split)
    scores = _scores_shown(shown)
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
            starts_block=place > 0 and encoder != systems[place - 1][0],
        )
        for place, (encoder, method) in enumerate(systems)
    )
    tasks = {cell.task: cell.definition for cell in shown}
    columns = tuple(
        Column(title=names.task(tasks[task]), subtitle=metric_title(tasks[task], metric))
        for task, metric in scores
    )
    flat = verdicts.flat_cells(shown, split)
    notes = fine_print(study, split, shown, found, names=names, flat=flat, looks=verdicts.looks)
    table = Table(
        name=f"{study}-{split}",
        caption=caption(split, shown, found, names=names),
        label_titles=("Encoder", "Method"),
        groups=(ColumnGroup(columns=columns),),
        rows=(*rows, *constant_row(rows, [_tested_by(found, *one) for one in scores], 2)),
        notes=(*notes, *gain_notes(found, names, verdicts.worth)),
        signatures=signatures(found),
    )
    return Report(table=table, verdicts=tuple(found), split=split)


def _tested_by(found: Sequence[Verdict], task: str, metric: str) -> Verdict | None:
    """Return a verdict on a column's task, where the metric is the one that is tested."""
    return next((v for v in found if v.task == task and v.definition.metric == metric), None)


def constant_row(rows: Sequence[Row], verdicts: Sequence[Verdict | None], labels: int) -> list[Row]:
    """A row of the best score of naming one class for all, in the columns that come near it.

    `verdicts` has one of each column, or None for a column that is not tested.
    """
    cells, blank = [], Cell(words=" ")
    for place, verdict in enumerate(verdicts):
        values = [row.cells[place].value for row in rows]
        numbers = [float(value) for value in values if value is not None]
        near = verdict and numbers and min(numbers) <= verdict.constant + NEAR
        cells.append(Cell(value=verdict.constant) if verdict and near else blank)
    if all(cell is blank for cell in cells):
        return []
    # In the column of methods, behind that of encoders.
    names = (CONSTANT,) if labels == 1 else ("", CONSTANT, *[""] * (labels - 2))
    return [Row(labels=names, cells=tuple(cells), starts_block=True, competes=False)]


def _scores_shown(cells: Sequence[CellResult]) -> list[tuple[str, str]]:
    """(task, metric) of each column: the task's own metric, then those printed beside it."""
    tasks = {cell.task: cell.definition for cell in cells}
    return [(t, metric) for t, of in tasks.items() for metric in (of.metric, *of.beside)]
