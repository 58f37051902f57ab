"""Builders of tables: what is compared, what is marked, and what the choice of trials is worth.

In: cells and the store. Out: `Report`s: a Table and the tests behind its marks.
"""

from collections.abc import Mapping, Sequence

from reports.cells import CellResult, Key, of_one_class, report_splits
from reports.tables.captions import SPLIT_TITLES, TEST_TITLES, caption
from reports.tables.choice import ALPHA, BASELINE, Choice, choices
from reports.tables.report import Report, score_cell
from reports.tables.selection_table import selection_table
from reports.tables.table import Column, ColumnGroup, Row, Table
from reports.tables.tested import Tested, tested_cells, tested_notes
from trainers.records.metrics import get_metric
from trainers.records.store import Store

__all__ = [
    "ALPHA",
    "BASELINE",
    "SPLIT_TITLES",
    "TEST_TITLES",
    "Report",
    "Tested",
    "build_reports",
    "reports_of",
]


def build_reports(
    study: str, cells: Sequence[CellResult], store: Store, *, intervals: bool = False
) -> list[Report]:
    """One report per labelled split, then one on what the choice of the trials is worth.

    Each shows the best trial of each cell, tested against the baseline's; with `intervals` its
    notes hold each tested difference with an interval. The last has no tests of its own, and is
    left out as long as no trial is finished.

    Raises:
        UserError, CorruptTrial: as `choices` and `paired_labels` do.
    """
    return reports_of(study, cells, store, choices(cells, store), intervals=intervals)


def reports_of(
    study: str,
    cells: Sequence[CellResult],
    store: Store,
    chosen: Mapping[Key, Choice],
    *,
    intervals: bool = False,
) -> list[Report]:
    """Build the same from cells' choices.

    Raises:
        UserError, CorruptTrial: as `paired_labels` does.
    """
    splits = report_splits(cells) or ["dev"] if cells else []
    reports = [_build(study, split, cells, store, chosen, intervals) for split in splits]
    if chosen:
        reports.append(Report(table=selection_table(study, cells, chosen), tests=()))
    return reports


def _build(
    study: str,
    split: str,
    cells: Sequence[CellResult],
    store: Store,
    chosen: Mapping[Key, Choice],
    intervals: bool,
) -> Report:
    shown = [cell for cell in cells if has_split(cell, split)]
    found = tested_cells(shown, split, store, chosen, intervals=intervals)
    tests = {(t.task, t.encoder, t.method): t for t in found}
    scores = _scores_shown(shown)
    systems = list(dict.fromkeys((cell.encoder, cell.method) for cell in shown))
    by_key = {(cell.task, cell.encoder, cell.method): cell for cell in shown}
    rows = tuple(
        Row(
            labels=(encoder, method),
            cells=tuple(
                score_cell((task, encoder, method), metric, split, by_key, tests)
                for task, metric in scores
            ),
            starts_block=place > 0 and encoder != systems[place - 1][0],
        )
        for place, (encoder, method) in enumerate(systems)
    )
    titles = {cell.task: cell.definition.title for cell in shown}
    columns = tuple(
        Column(title=titles[task], subtitle=get_metric(metric).title) for task, metric in scores
    )
    table = Table(
        name=f"{study}-{split}",
        caption=caption(study, split, shown, found, one_class=of_one_class(shown, split, store)),
        label_titles=("Encoder", "Method"),
        groups=(ColumnGroup(columns=columns),),
        rows=rows,
        notes=tested_notes(found),
    )
    return Report(table=table, tests=tuple(found), split=split)


def has_split(cell: CellResult, split: str) -> bool:
    """Show a cell where one of its trials has the split, or may have it when one is finished."""
    if cell.finished:
        return any(split in trial.record.scores for trial in cell.finished)
    return split in cell.definition.splits


def _scores_shown(cells: Sequence[CellResult]) -> list[tuple[str, str]]:
    """(task, metric) of each column: the task's own metric, then those printed beside it."""
    tasks = {cell.task: cell.definition for cell in cells}
    return [(t, metric) for t, of in tasks.items() for metric in (of.metric, *of.beside)]
