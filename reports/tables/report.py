"""A report: a table with the verdicts behind its marks; and the cells of tables.

In: cells and verdicts. Out: `Report`s, and the `Cell`s of their tables with their marks.
"""

from dataclasses import dataclass
from statistics import fmean

from reports.results.cells import CellResult, spread
from reports.tables.fine_print import positive_label
from reports.tables.table import Cell, Table
from reports.verdicts.verdict import Chosen, Mark, Verdict
from search_spaces.tasks import Task
from trainers.records.metrics import get_metric


@dataclass(frozen=True, kw_only=True)
class Report:
    """A table and the verdicts behind its marks.

    `split` is the split of which the table shows all cells; None if it shows only some cells, or
    several splits.
    """

    table: Table
    verdicts: tuple[Verdict, ...]
    split: str | None = None


def score_cell(cell: CellResult | None, metric: str, split: str, verdict: Verdict | None) -> Cell:
    """Make the cell of a chosen setting; it has marks only if the metric is the one tested."""
    chosen = cell.chosen_on(split) if cell else None
    if cell is None or chosen is None:
        return Cell()
    scores = chosen.scores(split, metric)
    tested = verdict is not None and metric == chosen.record.metric
    return Cell(
        value=fmean(scores),
        deviation=spread(scores),
        marks=verdict.marks if verdict and tested else (),
        n_trials=len(cell.finished),
        settings=len(cell.comparable),
        seeds=len(scores),
    )


def side_cell(side: Chosen, marks: tuple[Mark, ...] = ()) -> Cell:
    """Make the cell of one side of a verdict."""
    return Cell(
        value=side.score,
        deviation=side.deviation,
        marks=marks,
        n_trials=side.finished,
        settings=1,
        seeds=len(side.trials),
    )


def metric_title(task: Task, metric: str) -> str:
    """Return the title of a metric, for F1 with the positive label."""
    title, positive = get_metric(metric).title, positive_label(task)
    return f"{title} ({positive})" if get_metric(metric).needs_positive and positive else title
