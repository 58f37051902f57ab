"""A report: a table with the verdicts behind its marks. And how a table's number gets its marks.

In: cells and verdicts. Out: `Report`s, and the `Cell`s of their tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean

from reports.results.cells import CellResult, spread
from reports.tables.table import Cell, Table
from reports.verdicts.verdict import Chosen, Mark, Verdict


@dataclass(frozen=True, kw_only=True)
class Report:
    """A table and the verdicts behind its marks.

    `split` is the split of which the table shows all cells; None where it shows a choice of them,
    or several splits.
    """

    table: Table
    verdicts: tuple[Verdict, ...]
    split: str | None = None


def score_cell(cell: CellResult | None, metric: str, split: str, verdict: Verdict | None) -> Cell:
    """Fill in a number; its marks, where the metric is the one that the task is tested by."""
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
    """Fill in the number of a side of a verdict, of one setting."""
    return Cell(
        value=side.score,
        deviation=side.deviation,
        marks=marks,
        n_trials=side.finished,
        settings=1,
        seeds=len(side.trials),
    )


def relabelled(report: Report, labels: Mapping[str, str]) -> Report:
    """Call the rows and columns of our own numbers as a study wants to have them called."""
    if not labels:
        return report

    def called(name: str) -> str:
        return labels.get(name, name)

    rows = [
        row if row.published else replace(row, labels=tuple(map(called, row.labels)))
        for row in report.table.rows
    ]
    groups = [
        replace(
            group,
            columns=tuple(replace(column, title=called(column.title)) for column in group.columns),
        )
        for group in report.table.groups
    ]
    return replace(report, table=replace(report.table, rows=tuple(rows), groups=tuple(groups)))
