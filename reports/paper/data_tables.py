"""Tables 1 and 2 of the paper: statistics of the datasets, as counted and as published.

In: a study's cells, and the data folder. Out: a `Report` for each table with available data. The
tables need no trials; if there are trials, a note names datasets that differ from those that the
trials used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from reports.paper.data_statistics import DataStatistics, data_statistics
from reports.results.cells import CellResult
from reports.tables.laid_out import CAT_PAPER
from reports.tables.report import Report
from reports.tables.table import Cell, Column, ColumnGroup, Row, Table
from search_spaces.errors import UserError
from search_spaces.layouts import DataLayout, data_layouts
from search_spaces.shipped_tasks import get_task
from trainers.data.loading import TaskData, choose_scored_rows, load_task
from trainers.records.metrics import get_metric

OURS: Final = "this data"
LENGTH: Final = (
    "Length: words per example, over both sentences of a pair; here a word is a"
    " whitespace-separated part with a letter or a digit."
)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The statistics of a study's datasets (`found`), and why others are `absent`.

    `differing` are datasets that differ from those that the study's trials used.
    """

    found: Mapping[str, DataStatistics]
    absent: Mapping[str, str]
    differing: frozenset[str]


def count_data(tasks: Sequence[str], folder: Path | None, cells: Sequence[CellResult]) -> Counted:
    """Load tasks from the data folder, or from the hub without one, and count their statistics."""
    found, absent, differing = {}, {}, set()
    for task in tasks:
        try:
            data = load_task(task, folder)
            found[task] = data_statistics(data, folder)
        except UserError as error:
            absent[task] = str(error)
            continue
        if _differs(data, cells):
            differing.add(task)
    return Counted(found=found, absent=absent, differing=frozenset(differing))


def data_table(number: int, study_name: str, counted: Counted) -> Report | None:
    """Build Table 1 or 2; None if none of its datasets was found."""
    layout = data_layouts()[number]
    tasks = layout.describes
    if not any(task in counted.found for task in tasks):
        return None
    ours = [
        _row(layout, task, printed, counted.found.get(task))
        for task, printed in zip(tasks, layout.published, strict=True)
    ]
    published = [_published_row(layout, row) for row in layout.published]
    caption = (
        f"{layout.title} Counted from the available data (-- if not available); lengths are"
        " means in words. In italics: as printed in the paper."
    )
    about = f"Table {number} of the paper; above, the data of study {study_name}. {LENGTH}"
    columns = tuple(Column(title=title, ranked=False) for title in layout.statistics.values())
    table = Table(
        name=f"{study_name}-{layout.name}",
        title=f"Table {number} of {CAT_PAPER}",
        caption=caption,
        label_titles=("Dataset", *([layout.kinds] if layout.kinds else []), "Source"),
        groups=(ColumnGroup(columns=columns),),
        rows=(*ours, replace(published[0], starts_block=True), *published[1:]),
        notes=(about, *_notes(tasks, counted)),
    )
    return Report(table=table, verdicts=())


def _row(layout: DataLayout, name: str, printed: Sequence[str], data: DataStatistics | None) -> Row:
    task = get_task(name)
    counts = _counts(task.metric, data) if data else {}
    cells = tuple(counts.get(statistic, Cell()) for statistic in layout.statistics)
    kind = (printed[1],) if layout.kinds else ()
    return Row(labels=(task.title, *kind, OURS), cells=cells)


def _counts(metric: str, data: DataStatistics) -> dict[str, Cell]:
    """Return the cells of all statistics that a layout may name."""
    rows = {split: _count(data.rows.get(split)) for split in ("train", "test", "test_difficult")}
    return {
        **rows,
        "labels": _count(data.labels),
        "domains": _count(data.domains),
        "metric": Cell(words=get_metric(metric).title),
        "train_length": _length(data, "train"),
        "dev_length": _length(data, "dev"),
    }


def _count(number: int | None) -> Cell:
    return Cell(value=None if number is None else Fraction(number), kind="count")


def _length(data: DataStatistics, split: str) -> Cell:
    return Cell(value=data.words.get(split), kind="mean")


def _published_row(layout: DataLayout, printed: Sequence[str]) -> Row:
    title, *rest = printed
    kind = (rest.pop(0),) if layout.kinds else ()
    cells = tuple(Cell(words=text) for text in rest)
    return Row(labels=(title, *kind, CAT_PAPER), cells=cells, published=True)


def _notes(tasks: Sequence[str], counted: Counted) -> list[str]:
    """Return notes on how the data differ from the published data, and from the trials' data."""
    notes = []
    for task in tasks:
        data = counted.found.get(task)
        if data and data.deviation:
            notes.append(data.deviation)
        if task in counted.differing:
            notes.append(f"task {task}: these are not the examples that the study's trials used")
        if task in counted.absent:
            notes.append(counted.absent[task])
    return notes


def _differs(data: TaskData, cells: Sequence[CellResult]) -> bool:
    """Return whether dev or test differ from those of the trials; training rows may vary."""
    trials = [trial for cell in cells if cell.task == data.name for trial in cell.finished]
    seen = {split: trial for trial in trials for split in trial.record.fingerprints}
    return any(
        choose_scored_rows(split, data.splits[split], seen[split].config).fingerprint()
        != seen[split].record.fingerprints[split]
        for split in ("dev", "test")
        if split in seen and split in data.splits
    )
