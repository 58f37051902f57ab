"""Tables 3 to 10 of the paper: our numbers in its rows and columns, and the published ones below.

In: cells of a study, and the choices of their trials. Out: a `Report` of a table. Published rows
stand in a block of their own, in italics, with source and rule, and compete with none of ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from reports.cells import CellResult, Key
from reports.paper.layout import LAYOUTS
from reports.paper.published import NOTES, PUBLISHED, PublishedRow
from reports.tables.choice import Choice
from reports.tables.laid_out import (
    Board,
    averages_of,
    columns_of,
    describe,
    lay_out,
    rows_of,
    training_column,
)
from reports.tables.report import Report
from reports.tables.table import Cell, ColumnGroup, Row, Table
from reports.tables.tested import tested_notes
from search_spaces.shipped_tasks import TASKS
from trainers.records.store import Store

OURS = "this study"


def paper_table(
    number: int,
    study: str,
    cells: Sequence[CellResult],
    store: Store,
    chosen: Mapping[Key, Choice],
    *,
    intervals: bool = False,
) -> Report | None:
    """Build Table `number` from the cells of a study that are its own.

    With `intervals` its notes hold each tested difference with an interval.

    Returns None where none of them has a finished trial.

    Raises:
        UserError, CorruptTrial: as `paired_labels` does.
    """
    layout = LAYOUTS[number]
    board = lay_out(layout, cells, store, chosen, TASKS, intervals=intervals)
    if board is None:
        return None
    found = list(board.tests.values())
    said = [f"Table {number} of the paper. {layout.title}", describe(board, study, store)]
    training = training_column(layout, "Training rows")
    table = Table(
        name=f"{study}-table{number}",
        caption=" ".join([*said, *_more(number)]),
        label_titles=("Encoder", "System", *training, "Source"),
        groups=(ColumnGroup(columns=columns_of(board)),),
        rows=(*rows_of(board, OURS), *_published(number, board)),
        notes=(*NOTES.get(number, ()), *tested_notes(found)),
    )
    return Report(table=table, tests=tuple(found))


def _published(number: int, board: Board) -> list[Row]:
    rows = [_published_row(board, found) for found in PUBLISHED[number]]
    return [replace(rows[0], starts_block=True), *rows[1:]]


def _published_row(board: Board, found: PublishedRow) -> Row:
    scores = tuple(
        Cell(value=value, marks=("dagger",) if marked else ())
        for value, marked in zip(found.scores(), found.daggers(), strict=True)
    )
    average = None if found.average is None else Fraction(found.average) / 100
    training = training_column(board.layout, found.training)
    return Row(
        labels=(found.encoder, found.system, *training, found.origin),
        cells=(*scores, *averages_of(board, scores, average)),
        published=True,
    )


def _more(number: int) -> list[str]:
    """What is to be said of the published rows."""
    sentences = [
        "Below, in italics and never bold: published numbers, with their source and, where it is"
        " stated, their rule of selection."
    ]
    if any(any(row.daggers()) for row in PUBLISHED[number]):
        sentences.append("Daggers there are the source's.")
    return sentences
