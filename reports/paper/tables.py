"""Tables 3 to 10 of the paper: our numbers in its rows and columns, and the published ones below.

In: cells of a study, and the choices of their trials. Out: a `Report` of a table. Ours are the best
trials of cells, tested as in all tables; published rows stand in a block of their own, in italics,
with source and rule, and compete with none of ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from reports.cells import CellResult, Key, of_one_class
from reports.paper.layout import LAYOUTS, Layout
from reports.paper.published import NOTES, PUBLISHED, PublishedRow
from reports.tables.captions import caption
from reports.tables.choice import Choice
from reports.tables.report import Report, score_cell
from reports.tables.table import MISSING, Cell, Column, ColumnGroup, Row, Table
from reports.tables.tested import Tested, tested_cells, tested_notes
from search_spaces.methods import METHODS
from search_spaces.shipped_tasks import get_task
from trainers.metrics import get_metric
from trainers.store import Store

OURS = "this study"


@dataclass(frozen=True, kw_only=True)
class Board:
    """A table in the making: its layout, and the cells and tests that fill it."""

    layout: Layout
    cells: Mapping[Key, CellResult]
    tests: Mapping[Key, Tested]

    def scores(self, encoder: str, method: str) -> tuple[Cell, ...]:
        """Our numbers of a system, one for each of the table's tasks."""
        return tuple(
            score_cell(
                (task, encoder, method),
                get_task(task).metric,
                self.layout.split,
                self.cells,
                self.tests,
            )
            for task in self.layout.tasks
        )

    def systems(self) -> list[tuple[str, str]]:
        """Every (encoder, method): by encoder, then in the paper's order of methods."""
        places = {name: place for place, name in enumerate(self.layout.systems)}
        encoders = list(dict.fromkeys(encoder for _, encoder, _ in self.cells))
        found = dict.fromkeys((encoder, method) for _, encoder, method in self.cells)
        return sorted(
            found,
            key=lambda pair: (encoders.index(pair[0]), places.get(_bare(pair[1]), len(places))),
        )

    def common(self) -> tuple[int, ...]:
        """The tasks of which all our systems have a number, by place; none if that is all of them.

        A system without any number does not count.
        """
        rows = [self.scores(*system) for system in self.systems()]
        begun = [row for row in rows if any(cell.value is not None for cell in row)]
        tasks = range(len(self.layout.tasks))
        shared = tuple(p for p in tasks if all(row[p].value is not None for row in begun))
        return shared if 1 < len(shared) < len(tasks) else ()


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
    shown = [c for c in cells if c.task in layout.tasks and _shows(c, layout.split)]
    if not any(cell.finished for cell in shown):
        return None
    found = tested_cells(shown, layout.split, store, chosen, intervals=intervals)
    board = Board(
        layout=layout,
        cells={cell.key: cell for cell in shown},
        tests={(test.task, test.encoder, test.method): test for test in found},
    )
    flat = of_one_class(shown, layout.split, store)
    said = caption(
        study, layout.split, shown, found, one_class=flat, tasks=layout.tasks, beside=False
    )
    table = Table(
        name=f"{study}-table{number}",
        caption=" ".join(
            [f"Table {number} of the paper. {layout.title}", said, *_more(number, board)]
        ),
        label_titles=("Encoder", "System", *_training(layout, "Training rows"), "Source"),
        groups=(ColumnGroup(columns=_columns(board)),),
        rows=(*_ours(board), *_published(number, board)),
        notes=(*NOTES.get(number, ()), *tested_notes(found)),
    )
    return Report(table=table, tests=tuple(found))


def _shows(cell: CellResult, split: str) -> bool:
    """Say whether the cell's trials have the split; a cell without any is a gap of the table."""
    return not cell.finished or any(split in trial.record.scores for trial in cell.finished)


def _bare(method: str) -> str:
    """Leave out of a cell's name how many training rows it has."""
    return method.split(" train_fraction=", maxsplit=1)[0]


def _training(layout: Layout, words: str) -> tuple[str, ...]:
    return (words,) if layout.training else ()


def _columns(board: Board) -> tuple[Column, ...]:
    tasks = [get_task(name) for name in board.layout.tasks]
    columns = [Column(title=task.title, subtitle=get_metric(task.metric).title) for task in tasks]
    few = len(board.common())
    return (*columns, Column(title="Avg"), *([Column(title=f"Avg of {few}")] if few else []))


def _ours(board: Board) -> list[Row]:
    rows: list[Row] = []
    for encoder, method in board.systems():
        scores = board.scores(encoder, method)
        labels = (encoder, _title(board.layout, method))
        share = _training(board.layout, _share(board, encoder, method))
        row = Row(
            labels=(*labels, *share, OURS),
            cells=(*scores, *_averages(board, scores)),
            starts_block=bool(rows) and encoder != rows[-1].labels[0],
        )
        rows.append(row)
    return rows


def _title(layout: Layout, method: str) -> str:
    """The paper's words for a system; a method that the table does not have keeps its own."""
    bare = _bare(method)
    return layout.systems.get(bare) or (METHODS[bare].title if bare in METHODS else bare)


def _share(board: Board, encoder: str, method: str) -> str:
    """How many of a task's training rows a system's finished trials were given."""
    shares = {
        trial.config.train_fraction
        for key, cell in board.cells.items()
        if key[1:] == (encoder, method)
        for trial in cell.finished
    }
    return " or ".join(f"{100 * share:g} %" for share in sorted(shares)) or MISSING


def _averages(
    board: Board, scores: Sequence[Cell], average: Fraction | None = None
) -> tuple[Cell, ...]:
    """The mean over all tasks, as printed where it was, and that over our tasks."""
    whole = _mean(scores) if average is None else Cell(value=average)
    common = board.common()
    return (whole, _mean([scores[place] for place in common])) if common else (whole,)


def _mean(scores: Sequence[Cell]) -> Cell:
    """The unrounded numbers' mean; missing where one of them is."""
    values = [cell.value for cell in scores if cell.value is not None]
    return Cell(value=sum(values) / len(values)) if len(values) == len(scores) else Cell()


def _published(number: int, board: Board) -> list[Row]:
    rows = [_published_row(board, found) for found in PUBLISHED[number]]
    return [replace(rows[0], starts_block=True), *rows[1:]]


def _published_row(board: Board, found: PublishedRow) -> Row:
    scores = tuple(
        Cell(value=value, marks=("dagger",) if marked else ())
        for value, marked in zip(found.scores(), found.daggers(), strict=True)
    )
    average = None if found.average is None else Fraction(found.average) / 100
    training = _training(board.layout, found.training)
    return Row(
        labels=(found.encoder, found.system, *training, found.origin),
        cells=(*scores, *_averages(board, scores, average)),
        published=True,
    )


def _more(number: int, board: Board) -> list[str]:
    """The sentences that only these tables need."""
    sentences = [*_subsampled(list(board.cells.values()))]
    sentences.append("Avg: over all tasks of the table; a dash where one is missing.")
    names = [get_task(board.layout.tasks[place]).title for place in board.common()]
    if names:
        sentences.append(
            f"Avg of {len(names)}: over those of which all our systems have a number"
            f" ({', '.join(names)})."
        )
    sentences.append(
        "Below, in italics and never bold: published numbers, with their source and, where it is"
        " stated, their rule of selection."
    )
    if any(any(row.daggers()) for row in PUBLISHED[number]):
        sentences.append("Daggers there are the source's.")
    return sentences


def _subsampled(cells: Sequence[CellResult]) -> list[str]:
    """Say so where trials were trained on a part of the published training rows."""
    parts: dict[str, set[str]] = {}
    for cell in cells:
        for config in (trial.config for trial in cell.finished):
            if config.n_per_class is not None:
                part = f"{config.n_per_class} of each class"
            elif config.train_fraction < 1:
                part = f"{100 * config.train_fraction:g} %"
            else:
                continue
            parts.setdefault(get_task(cell.task).title, set()).add(part)
    said = [f"{title} {' or '.join(sorted(found))}" for title, found in parts.items()]
    return [f"Trained on a part of the training rows: {', '.join(said)}."] if said else []
