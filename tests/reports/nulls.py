"""Studies in which no method is better than another, from trials in a store to marks in a table."""

from pathlib import Path

from tests.reports.cells import exchangeable
from tests.reports.stores import build, predict, read_cells, trials
from trainers.records.store import Store

TASKS = {"accuracy": "rte", "f1": "mrpc", "mcc": "cola"}


def marks_of_a_null(
    folder: Path, metric: str, counts: tuple[int, int], items: int, seed: int
) -> tuple[bool, bool]:
    """Whether the system's best of equally good trials has a dagger, and a double one."""
    baseline, system = exchangeable(items, counts, metric, seed=seed)
    store, task = Store(folder, create=True), TASKS[metric]
    groups = trials("standard", counts[0], task), trials("cat", counts[1], task)
    for group, side in zip(groups, (baseline, system), strict=True):
        predict(store, group, side.gold, side.predicted)
    first, _ = build("null", read_cells([*groups[0], *groups[1]], store), store)
    cell = first.table.rows[1].cells[0]
    return "dagger" in cell.marks, "double-dagger" in cell.marks
