"""The table of predictions made elsewhere: a row for each system, a column for each task.

In: a `Folder` and the verdicts on it. Out: a `Report`.
"""

from collections.abc import Sequence
from statistics import fmean

from reports.results.folder import Folder
from reports.statistics.across_tasks import AverageGain
from reports.tables.build import constant_row
from reports.tables.marks import explain_marks, say_replicated
from reports.tables.notes import average_of, gain_words, verdict_notes
from reports.tables.report import Report, side_cell
from reports.tables.table import Cell, Column, ColumnGroup, Row, Table
from reports.verdicts.verdict import GIVEN, Verdict


def folder_report(
    folder: Folder, verdicts: Sequence[Verdict], worth: float | None = None
) -> Report:
    """Build it; with several tasks of several seeds each, with averages and their gains."""
    by_key = {(verdict.task, verdict.method): verdict for verdict in verdicts}
    first = [by_key[task.name, folder.systems[1]] for task in folder.tasks]
    shown = {folder.baseline: [side_cell(verdict.baseline) for verdict in first]}
    gains: dict[str, AverageGain | None] = {}
    for system in folder.systems[1:]:
        own = [by_key[task.name, system] for task in folder.tasks]
        shown[system] = [side_cell(verdict.system, verdict.marks) for verdict in own]
        gains[system] = average_of(own)
    average = len(folder.tasks) > 1
    columns = [Column(title=task.name, subtitle=task.metric.title) for task in folder.tasks]
    if average:
        columns.append(Column(title="Avg", ranked=all(gains.values())))
    if average and any(gains.values()):
        columns.append(Column(title="Avg gain", ranked=False))
    rows = []
    for system in folder.systems:
        cells = [*shown[system]]
        if average:
            cells.append(Cell(value=fmean([float(cell.value or 0) for cell in cells])))
        if len(cells) < len(columns):
            gain = gains.get(system)
            cells.append(Cell(words=gain_words(gain)) if gain else Cell())
        rows.append(Row(labels=(system,), cells=tuple(cells)))
    constant = constant_row(rows, [*first, *[None] * (len(columns) - len(first))], 1)
    table = Table(
        name=folder.name,
        caption=_caption(folder, verdicts, gains),
        label_titles=("System",),
        groups=(ColumnGroup(columns=tuple(columns)),),
        rows=(*rows, *constant),
        notes=verdict_notes(verdicts, folder.baseline, worth),
    )
    return Report(table=table, verdicts=tuple(verdicts), split=GIVEN)


def _caption(
    folder: Folder, verdicts: Sequence[Verdict], gains: dict[str, AverageGain | None]
) -> str:
    counts = sorted({len(rows) for task in folder.tasks for rows in task.predicted.values()})
    examples = ", ".join(f"{task.name} {len(task.ids):,}" for task in folder.tasks)
    if counts == [1]:
        number = "Each number is one model: the tests are of these models, not of the methods."
    else:
        seeds = " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
        number = f"Each number is a mean over {seeds} seeds, with its standard deviation."
    said = [
        f"Predictions in {folder.name}. {number} Examples: {examples}.",
        "Bold: best of its column as printed.",
        *explain_marks(verdicts, folder.baseline),
    ]
    known = {system: gain for system, gain in gains.items() if gain}
    if len(folder.tasks) > 1 and known:
        said.append(f"Avg gain: on {folder.baseline}, in points, with its 95% interval.")
        said += [
            say_replicated(system, folder.baseline, [v for v in verdicts if v.method == system])
            for system in known
        ]
    elif len(folder.tasks) > 1:
        said.append("No average is bold: of one seed nothing says how sure it is.")
    said.append("The files do not say how systems were chosen: no p allows for a choice.")
    return " ".join(said)
