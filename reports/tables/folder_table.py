"""The table of predictions made elsewhere: a row for each system, a column for each task.

In: a `Folder` and the verdicts on it. Out: a `Report`.
"""

from collections.abc import Sequence
from statistics import fmean

from reports.results.cells import spread
from reports.results.folder import Folder, GivenTask
from reports.statistics.across_tasks import AverageGain, average_gain
from reports.tables.build import constant_row
from reports.tables.marks import explain_marks, say_replicated
from reports.tables.notes import gain_words, verdict_notes
from reports.tables.report import Report
from reports.tables.table import Cell, Column, ColumnGroup, Row, Table
from reports.verdicts.verdict import GIVEN, Verdict
from trainers.records.metrics import score


def folder_report(
    folder: Folder, verdicts: Sequence[Verdict], worth: float | None = None
) -> Report:
    """Build it; with several tasks of several seeds each, with averages and their gains."""
    by_key = {(verdict.task, verdict.method): verdict for verdict in verdicts}
    gains = {system: _gain(folder, system, by_key) for system in folder.systems[1:]}
    average = len(folder.tasks) > 1
    columns = [Column(title=task.name, subtitle=task.metric.title) for task in folder.tasks]
    if average:
        columns.append(Column(title="Avg", ranked=all(gains.values())))
    if average and any(gains.values()):
        columns.append(Column(title="Avg gain", ranked=False))
    rows = []
    for system in folder.systems:
        cells = [_cell(task, system, by_key.get((task.name, system))) for task in folder.tasks]
        if average:
            cells.append(Cell(value=fmean([float(cell.value or 0) for cell in cells])))
        if len(cells) < len(columns):
            gain = gains.get(system)
            cells.append(Cell(words=gain_words(gain)) if gain else Cell())
        rows.append(Row(labels=(system,), cells=tuple(cells)))
    first = [by_key[task.name, folder.systems[1]] for task in folder.tasks]
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


def _cell(task: GivenTask, system: str, verdict: Verdict | None) -> Cell:
    rows, classes = task.predicted[system], len(task.labels)
    scores = [score(task.metric, task.gold, row, classes).value for row in rows]
    return Cell(
        value=fmean(scores),
        deviation=spread(scores),
        marks=verdict.marks if verdict else (),
        n_trials=len(scores),
        settings=1,
        seeds=len(scores),
    )


def _gain(
    folder: Folder, system: str, verdicts: dict[tuple[str, str], Verdict]
) -> AverageGain | None:
    gains = [verdicts[task.name, system].gain for task in folder.tasks]
    tests = [gain for gain in gains if gain]
    return average_gain(tests) if len(tests) == len(gains) else None


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
