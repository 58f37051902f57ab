"""The table of predictions of other programs: a row per system, a column per task.

In: a `Folder` and the verdicts on it. Out: a `Report`.
"""

from collections.abc import Sequence
from statistics import fmean

from reports.results.folder import Folder
from reports.statistics.across_tasks import AverageGain
from reports.tables.averages import NOT_BOLD, gain_column
from reports.tables.build import constant_row
from reports.tables.captions import MOST_TASKS, explain_in_short, listed, with_room
from reports.tables.fine_print import BOLD, list_positive_labels
from reports.tables.marks import explain_marks, say_replicated, span
from reports.tables.notes import average_verdicts, gain_notes, gain_words, signatures
from reports.tables.report import Report, side_cell
from reports.tables.table import Cell, Column, ColumnGroup, Row, Table
from reports.verdicts.verdict import GIVEN, Verdict
from search_spaces.display_names import AS_GIVEN

ONE_MODEL = "One model each: the tests are of these models, not of the methods."


def folder_report(
    folder: Folder, verdicts: Sequence[Verdict], worth: float | None = None
) -> Report:
    """Build the table; with several tasks it has averages, and with several seeds average gains."""
    by_key = {(verdict.task, verdict.method): verdict for verdict in verdicts}
    first = [by_key[task.name, folder.systems[1]] for task in folder.tasks]
    shown = {folder.baseline: [side_cell(verdict.baseline) for verdict in first]}
    gains: dict[str, AverageGain | None] = {}
    for system in folder.systems[1:]:
        own = [by_key[task.name, system] for task in folder.tasks]
        shown[system] = [side_cell(verdict.system, verdict.marks) for verdict in own]
        gains[system] = average_verdicts(own)
    average = len(folder.tasks) > 1
    columns = [Column(title=task.name, subtitle=task.metric.title) for task in folder.tasks]
    if average:
        columns.append(Column(title="Avg", ranked=all(gains.values())))
    if known := [gain for gain in gains.values() if average and gain]:
        columns.append(gain_column(known[0]))
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
        caption=_caption(folder, verdicts),
        label_titles=("System",),
        groups=(ColumnGroup(columns=tuple(columns)),),
        rows=(*rows, *constant),
        notes=(*_notes(folder, verdicts, gains), *gain_notes(verdicts, AS_GIVEN, worth)),
        signatures=signatures(verdicts),
    )
    return Report(table=table, verdicts=tuple(verdicts), split=GIVEN)


def _caption(folder: Folder, verdicts: Sequence[Verdict]) -> str:
    """Write the caption: the source of the predictions, what a number is, and what marks mean."""
    tasks = [task.name for task in folder.tasks]
    few = f"on {listed(tasks)}" if len(tasks) <= MOST_TASKS else f"on {len(tasks)} tasks"
    seeds = _seeds(folder)
    models = f"Mean \u00b1 SD over {seeds} seeds." if seeds != "1" else ONE_MODEL
    marks = explain_in_short(verdicts, AS_GIVEN)
    chosen = "How systems were chosen is not known."
    sentences = [f"Predictions of {folder.name}, {few}.", models, *marks, chosen]
    return with_room(" ".join(sentences), _positive_labels(folder))


def _positive_labels(folder: Folder) -> list[str]:
    scored = [task for task in folder.tasks if task.metric.needs_positive]
    return list_positive_labels({task.name: task.labels[1] for task in scored})


def _seeds(folder: Folder) -> str:
    return span(len(rows) for task in folder.tasks for rows in task.predicted.values())


def _notes(
    folder: Folder, verdicts: Sequence[Verdict], gains: dict[str, AverageGain | None]
) -> list[str]:
    seeds, examples = _seeds(folder), [f"{task.name} {len(task.ids):,}" for task in folder.tasks]
    number = (
        "Each number is one model: the tests are of these models, not of the methods."
        if seeds == "1"
        else f"Each number is a mean over {seeds} seeds, with its standard deviation."
    )
    items = [
        f"Predictions in {folder.name}. {number} Examples: {', '.join(examples)}.",
        BOLD,
        *_positive_labels(folder),
        *explain_marks(verdicts, AS_GIVEN),
    ]
    known = {system: gain for system, gain in gains.items() if gain}
    if len(folder.tasks) > 1 and known:
        items.append(f"Avg gain: on {folder.baseline}, in points, with its 95% interval.")
        items += [
            say_replicated(system, folder.baseline, [v for v in verdicts if v.method == system])
            for system in known
        ]
    elif len(folder.tasks) > 1:
        items.append(NOT_BOLD)
    return [*items, "The files do not say how systems were chosen: no p allows for a choice."]
