"""Tables with a given layout: those of the paper, and those that a study defines.

In: a `Board`. Out: a `Report`. The numbers are those of the cells' chosen settings, with the usual
marks; published numbers follow below them.
"""

from dataclasses import replace
from fractions import Fraction

from reports.tables.averages import average_cells, average_columns, average_notes
from reports.tables.board import Board
from reports.tables.build import constant_row
from reports.tables.captions import caption, data_sets, only_encoder
from reports.tables.fine_print import fine_print
from reports.tables.notes import gain_notes, signatures
from reports.tables.report import Report
from reports.tables.table import MISSING, Cell, Column, ColumnGroup, Row, Table
from search_spaces.layouts import Layout, PublishedRow
from trainers.records.metrics import get_metric

OURS = "this study"
CAT_PAPER = "Pan et al. 2022"


def layout_table(board: Board, name: str, study_name: str, number: int | None = None) -> Report:
    """Build the table: the study's numbers, and published numbers in a block below.

    `number` is the table's number in the paper, if it is one of the paper's. Published rows are in
    italics, with their source, and are never bold.
    """
    layout, found = board.layout, list(board.verdicts.values())
    ours = (OURS,) if layout.published else ()
    rows, columns = _build_rows(board, *ours), _build_columns(board)
    verdicts = [next((v for v in found if v.task == task), None) for task in layout.columns]
    beyond = [None] * (len(columns) - len(verdicts))
    constant = constant_row(rows, [*verdicts, *beyond], len(rows[0].labels))
    table = Table(
        name=name,
        title=f"Table {number} of {CAT_PAPER}" if number else board.layout.title.rstrip("."),
        caption=_caption(board, number),
        label_titles=(
            "Encoder",
            "System" if layout.published else "Method",
            *training_column(layout, "Training rows"),
            *(("Source",) if layout.published else ()),
        ),
        groups=(ColumnGroup(columns=columns),),
        rows=(*rows, *constant, *_published_rows(board)),
        notes=_notes(board, study_name, number),
        signatures=signatures(found),
    )
    return Report(table=table, verdicts=tuple(found))


def _caption(board: Board, number: int | None) -> str:
    """Begin with the table's own title; one that is not the paper's need not name the data."""
    layout, shown = board.layout, list(board.cells.values())
    title = layout.title.rstrip(".")
    if number is None:
        ended = f"{title}{'' if title.endswith(('!', '?')) else '.'} " if title else ""
        title = f"{ended}{data_sets(layout.split, shown, board.names)}"
    elif not layout.published:
        title += only_encoder(shown, board.names)
    return caption(
        layout.split,
        shown,
        list(board.verdicts.values()),
        names=board.names,
        title=f"{title}.",
        also=_published_caption(layout),
    )


def _published_caption(layout: Layout) -> list[str]:
    """Return the caption's sentence on the published rows."""
    if not layout.published:
        return []
    return ["Italics: published, chosen by other rules."]


def _notes(board: Board, study_name: str, number: int | None) -> tuple[str, ...]:
    layout, found = board.layout, list(board.verdicts.values())
    items = [f"Laid out as Table {number} of the paper."] if number else []
    items += fine_print(
        study_name,
        layout.split,
        list(board.cells.values()),
        found,
        names=board.names,
        flat=board.flat,
        looks=board.looks,
        tasks=layout.columns,
        beside=False,
    )
    items += [*average_notes(board), *_rules(layout), *layout.notes]
    return (*items, *gain_notes(found, board.names, board.worth))


def _rules(layout: Layout) -> list[str]:
    """Return a note on how published systems were selected, as far as their sources state it."""
    if not layout.published:
        return []
    daggers = any(any(row.daggers) for row in layout.published)
    theirs = " Daggers there are the source's." if daggers else ""
    rules = [f"{row.system}, {row.origin}" for row in layout.published if row.rule]
    stated = f" Their rules of selection, where stated: {'; '.join(rules)}." if rules else ""
    return [f"Published numbers are in italics, and never bold.{theirs}{stated}"]


def _published_rows(board: Board) -> list[Row]:
    rows = [_published_row(board, found) for found in board.layout.published]
    return [replace(row, starts_block=True) for row in rows[:1]] + rows[1:]


def _published_row(board: Board, found: PublishedRow) -> Row:
    scores = tuple(
        Cell(value=value, marks=("dagger",) if marked else ())
        for value, marked in zip(found.values, found.daggers, strict=True)
    )
    average = None if found.average is None else Fraction(found.average) / 100
    training = training_column(board.layout, found.training)
    return Row(
        labels=(found.encoder, found.system, *training, found.source),
        cells=(*scores, *average_cells(board, scores, average)),
        published=True,
    )


def training_column(layout: Layout, words: str) -> tuple[str, ...]:
    """Return the text of the column on training rows, if the layout has that column."""
    return (words,) if layout.training else ()


def _build_columns(board: Board) -> tuple[Column, ...]:
    """Return a column per task, and those of the averages and of the average gain."""
    tasks = [board.definitions[name] for name in board.layout.columns]
    columns = [
        Column(title=board.names.task(task), subtitle=get_metric(task.metric).title)
        for task in tasks
    ]
    return (*columns, *average_columns(board))


def _build_rows(board: Board, *more: str) -> list[Row]:
    """Return the study's rows, with further labels after the others."""
    rows: list[Row] = []
    for encoder, method in board.systems():
        scores = board.scores(encoder, method)
        labels = (board.names(encoder), board.title(method))
        share = training_column(board.layout, _share(board, encoder, method))
        row = Row(
            labels=(*labels, *share, *more),
            cells=(*scores, *average_cells(board, scores, gain=board.gains.get((encoder, method)))),
            starts_block=bool(rows) and labels[0] != rows[-1].labels[0],
        )
        rows.append(row)
    return rows


def _share(board: Board, encoder: str, method: str) -> str:
    """Return the share of training rows that a system's finished trials used."""
    shares = {
        trial.config.train_fraction
        for key, cell in board.cells.items()
        if key[1:] == (encoder, method)
        for trial in cell.finished
    }
    return " or ".join(f"{100 * share:g} %" for share in sorted(shares)) or MISSING
