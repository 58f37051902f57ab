"""Tables laid out by their rows and columns: the paper's, and those that a study describes.

In: a `Layout`, cells of a study and the verdicts on them. Out: a `Report`. The numbers are those of
the cells' chosen settings, with the same marks as in all tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from reports.results.cells import CellResult, Key
from reports.results.results import Board as Cells
from reports.statistics.across_tasks import AverageGain
from reports.tables.build import constant_row
from reports.tables.captions import caption
from reports.tables.marks import say_replicated
from reports.tables.notes import average_of, gain_words, verdict_notes
from reports.tables.report import Report, score_cell
from reports.tables.table import MISSING, Cell, Column, ColumnGroup, Row, Table
from reports.verdicts.judge import Verdicts
from reports.verdicts.looks import Looks
from reports.verdicts.verdict import BASELINE, Verdict
from search_spaces.layouts import Layout, PublishedRow
from search_spaces.methods import METHODS
from search_spaces.tasks import Task
from trainers.records.metrics import get_metric

OURS = "this study"


@dataclass(frozen=True, kw_only=True)
class Board:
    """A table in the making: its layout, and the cells and verdicts that fill it.

    `flat` are cells whose setting predicts one class for every example; `looks` are at test sets,
    `worth` is the smallest gain that matters.
    """

    layout: Layout
    definitions: Mapping[str, Task]
    cells: Mapping[Key, CellResult]
    verdicts: Mapping[Key, Verdict]
    flat: Sequence[CellResult]
    looks: Looks
    worth: float | None

    def scores(self, encoder: str, method: str) -> tuple[Cell, ...]:
        """Our numbers of a system, one for each of the table's tasks."""
        return tuple(
            score_cell(
                self.cells.get((task, encoder, method)),
                self.definitions[task].metric,
                self.layout.split,
                self.verdicts.get((task, encoder, method)),
            )
            for task in self.layout.columns
        )

    def systems(self) -> list[tuple[str, str]]:
        """Every (encoder, method): by encoder, then in the paper's order of methods."""
        places = {name: place for place, name in enumerate(self.layout.rows)}
        encoders = list(dict.fromkeys(encoder for _, encoder, _ in self.cells))
        found = dict.fromkeys((encoder, method) for _, encoder, method in self.cells)
        return sorted(
            found,
            key=lambda pair: (encoders.index(pair[0]), places.get(bare(pair[1]), len(places))),
        )

    @cached_property
    def gains(self) -> dict[tuple[str, str], AverageGain]:
        """The gains on the baseline averaged over the table's tasks, or those that all have.

        By system; one without a test over seeds on each of these tasks is left out.
        """
        places = self.common or range(len(self.layout.columns))
        tasks = [self.layout.columns[place] for place in places]
        found = {
            system: average_of([self.verdicts.get((task, *system)) for task in tasks])
            for system in self.systems()
        }
        return {system: gain for system, gain in found.items() if gain}

    @cached_property
    def common(self) -> tuple[int, ...]:
        """The tasks of which all our systems have a number, by place; none if that is all of them.

        A system without any number does not count.
        """
        rows = [self.scores(*system) for system in self.systems()]
        begun = [row for row in rows if any(cell.value is not None for cell in row)]
        tasks = range(len(self.layout.columns))
        shared = tuple(p for p in tasks if all(row[p].value is not None for row in begun))
        return shared if 1 < len(shared) < len(tasks) else ()


def lay_out(
    layout: Layout, cells: Cells, verdicts: Verdicts, tasks: Mapping[str, Task]
) -> Board | None:
    """Fill a layout with the cells of a study that are its own, and the verdicts on them.

    None where none of the cells has a finished trial.
    """
    shown = [c for c in cells if c.task in layout.columns and c.has_split(layout.split)]
    if layout.rows and not layout.others:
        shown = [cell for cell in shown if bare(cell.method) in layout.rows]
    if not any(cell.finished for cell in shown):
        return None
    keys = {cell.key for cell in shown}
    found = {verdict.key: verdict for verdict in verdicts.of(cells, layout.split)}
    return Board(
        layout=layout,
        definitions={name: tasks[name] for name in layout.columns},
        cells={cell.key: cell for cell in shown},
        verdicts={key: verdict for key, verdict in found.items() if key in keys},
        flat=verdicts.flat_of(shown, layout.split),
        looks=verdicts.looks,
        worth=verdicts.worth,
    )


def describe(board: Board, study: str) -> str:
    """Say how to read the numbers and marks, in a caption's words."""
    layout, shown = board.layout, list(board.cells.values())
    said = caption(
        study,
        layout.split,
        shown,
        list(board.verdicts.values()),
        flat=board.flat,
        looks=board.looks,
        tasks=layout.columns,
        beside=False,
    )
    return " ".join([said, *_subsampled(board), *_averaged(board)])


def layout_table(board: Board, name: str, study: str, heading: str = "") -> Report:
    """Build the table: our numbers, and those that others published in a block below.

    Published rows are in italics, with source and rule, and compete with none of ours.
    """
    layout, found = board.layout, list(board.verdicts.values())
    title = layout.title
    title += "" if not title or title.endswith((".", "!", "?")) else "."
    said = [heading, title, describe(board, study), *_of_published(layout)]
    source = ("Source",) if layout.published else ()
    ours, columns = (OURS,) if layout.published else (), columns_of(board)
    rows = rows_of(board, *ours)
    verdicts = [next((v for v in found if v.task == task), None) for task in layout.columns]
    beyond = [None] * (len(columns) - len(verdicts))
    constant = constant_row(rows, [*verdicts, *beyond], len(rows[0].labels))
    table = Table(
        name=name,
        caption=" ".join(part for part in said if part),
        label_titles=(
            "Encoder",
            "System" if layout.published else "Method",
            *training_column(layout, "Training rows"),
            *source,
        ),
        groups=(ColumnGroup(columns=columns),),
        rows=(*rows, *constant, *_published_rows(board)),
        notes=(*layout.notes, *verdict_notes(found, worth=board.worth)),
    )
    return Report(table=table, verdicts=tuple(found))


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
        labels=(found.encoder, found.system, *training, found.origin),
        cells=(*scores, *averages_of(board, scores, average)),
        published=True,
    )


def _of_published(layout: Layout) -> list[str]:
    """What is to be said of the published rows."""
    if not layout.published:
        return []
    sentences = [
        "Below, in italics and never bold: published numbers, with their source and, where it is"
        " stated, their rule of selection."
    ]
    if any(any(row.daggers) for row in layout.published):
        sentences.append("Daggers there are the source's.")
    return sentences


def bare(method: str) -> str:
    """Leave out of a cell's name how many training rows it has."""
    return method.split(" train_fraction=", maxsplit=1)[0]


def training_column(layout: Layout, words: str) -> tuple[str, ...]:
    """Return the title of the column that says how much was trained on, where there is one."""
    return (words,) if layout.training else ()


def columns_of(board: Board) -> tuple[Column, ...]:
    """Return a column for each task, and those of the averages and of the average gain.

    Averages compete where the gain of every system on the baseline has an interval.
    """
    tasks = [board.definitions[name] for name in board.layout.columns]
    columns = [Column(title=task.title, subtitle=get_metric(task.metric).title) for task in tasks]
    if not board.layout.average:
        return tuple(columns)
    systems = [system for system in board.systems() if system[1] != BASELINE]
    ranked = bool(systems) and all(system in board.gains for system in systems)
    columns.append(Column(title="Avg", ranked=ranked))
    if few := len(board.common):
        columns.append(Column(title=f"Avg of {few}", ranked=ranked))
    if board.gains:
        columns.append(Column(title="Avg gain", ranked=False))
    return tuple(columns)


def rows_of(board: Board, *more: str) -> list[Row]:
    """Our rows, with further labels behind the others."""
    rows: list[Row] = []
    for encoder, method in board.systems():
        scores = board.scores(encoder, method)
        labels = (encoder, _title(board.layout, method))
        share = training_column(board.layout, _share(board, encoder, method))
        row = Row(
            labels=(*labels, *share, *more),
            cells=(*scores, *averages_of(board, scores, gain=board.gains.get((encoder, method)))),
            starts_block=bool(rows) and encoder != rows[-1].labels[0],
        )
        rows.append(row)
    return rows


def _title(layout: Layout, method: str) -> str:
    """The paper's words for a system; a method that the table does not have keeps its own."""
    name = bare(method)
    return layout.rows.get(name) or (METHODS[name].title if name in METHODS else name)


def _share(board: Board, encoder: str, method: str) -> str:
    """How many of a task's training rows a system's finished trials were given."""
    shares = {
        trial.config.train_fraction
        for key, cell in board.cells.items()
        if key[1:] == (encoder, method)
        for trial in cell.finished
    }
    return " or ".join(f"{100 * share:g} %" for share in sorted(shares)) or MISSING


def averages_of(
    board: Board,
    scores: Sequence[Cell],
    average: Fraction | None = None,
    gain: AverageGain | None = None,
) -> tuple[Cell, ...]:
    """The mean over all tasks, as printed where it was, that over our tasks, and the gain."""
    if not board.layout.average:
        return ()
    cells = [_mean(scores) if average is None else Cell(value=average)]
    if common := board.common:
        cells.append(_mean([scores[place] for place in common]))
    if board.gains:
        cells.append(Cell(words=gain_words(gain)) if gain else Cell())
    return tuple(cells)


def _mean(scores: Sequence[Cell]) -> Cell:
    """The unrounded numbers' mean; missing where one of them is."""
    values = [cell.value for cell in scores if cell.value is not None]
    return Cell(value=sum(values) / len(values)) if len(values) == len(scores) else Cell()


def _averaged(board: Board) -> list[str]:
    """Say what the averages are over, and what may be said of their gains."""
    if not board.layout.average:
        return []
    names = [board.definitions[board.layout.columns[place]].title for place in board.common]
    said = ["Avg: over all tasks of the table; a dash where one is missing."]
    if names:
        said.append(
            f"Avg of {len(names)}: over those of which all our systems have a number"
            f" ({', '.join(names)})."
        )
    gains = board.gains
    if not gains:
        return [*said, "No average is bold: of one seed nothing says how sure it is."]
    said.append(
        f"Avg gain: on {BASELINE}, in points, with its {next(iter(gains.values())).level:.0%}"
        " interval over seeds and examples."
    )
    return [*said, *(_replicated(board, *system) for system in gains)]


def _replicated(board: Board, encoder: str, method: str) -> str:
    """Say on how many of the tasks a system is better at least."""
    own = [v for key, v in board.verdicts.items() if key[1:] == (encoder, method)]
    return say_replicated(f"{_title(board.layout, method)} with {encoder}", BASELINE, own)


def _subsampled(board: Board) -> list[str]:
    """Say so where trials were trained on a part of the published training rows."""
    parts: dict[str, set[str]] = {}
    for cell in board.cells.values():
        for config in (trial.config for trial in cell.finished):
            if config.n_per_class is not None:
                part = f"{config.n_per_class} of each class"
            elif config.train_fraction < 1:
                part = f"{100 * config.train_fraction:g} %"
            else:
                continue
            parts.setdefault(cell.definition.title, set()).add(part)
    said = [f"{title} {' or '.join(sorted(found))}" for title, found in parts.items()]
    return [f"Trained on a part of the training rows: {', '.join(said)}."] if said else []
