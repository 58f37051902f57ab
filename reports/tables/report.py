"""A report: a table with the tests behind its marks. And how a table's number gets its marks.

In: cells and their tests. Out: `Report`s, and the `Cell`s of their tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reports.cells import CellResult, Key
from reports.tables.table import Cell, Mark, Table
from reports.tables.tested import Tested


@dataclass(frozen=True, kw_only=True)
class Report:
    """A table and the tests behind its marks.

    `split` is the split of which the table shows all cells; None where it shows a choice of them,
    or several splits.
    """

    table: Table
    tests: tuple[Tested, ...]
    split: str | None = None


def score_cell(
    key: Key,
    metric: str,
    split: str,
    cells: Mapping[Key, CellResult],
    tests: Mapping[Key, Tested],
) -> Cell:
    """Fill in a number; its mark, where the metric is the one that the task is tested by."""
    cell = cells.get(key)
    best = cell.best_on(split) if cell else None
    if cell is None or best is None:
        return Cell()
    record = best.record
    test = tests.get(key) if metric == record.metric else None
    value = record.scores[split][metric].value
    marks = tuple(mark for mark, holds in marks_of(test).items() if holds) if test else ()
    return Cell(value=value, marks=marks, n_trials=len(cell.finished))


def marks_of(test: Tested) -> dict[Mark, bool]:
    """Which marks a tested number has."""
    return {"dagger": test.marked, "double-dagger": test.survives}


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
