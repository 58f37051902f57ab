"""Cells of a study that fills tables, drawn at random."""

from pathlib import Path

import pytest

from reports.results.cells import read_groups
from search_spaces.cells import group_by_cell
from search_spaces.study import parse_study
from tests.results import keep
from trainers.records.searches import CellDraw, SearchRecord, digest_trials, keep_search
from trainers.records.store import Store

STUDY = """
name: norms
tasks: [rte]
encoders: [tiny]
methods: [standard, cat]
tables: [10]
axes: {lr: [1e-3, 2e-3], norm: [mix, max], epsilon: [0.01], tau: [0.1], lambda: [0.3]}
"""


def drawing(names: list[str], grid: list[str]) -> SearchRecord:
    """A random search of so many of a grid's trials of `cat`."""
    draw = CellDraw(
        task="rte", encoder="tiny", method="cat", grid=digest_trials(grid), drawn=tuple(names)
    )
    return SearchRecord(
        study="norms",
        search="random",
        kind="random",
        scheduler="fifo",
        budget=len(names),
        seed=0,
        cells=(draw,),
    )


@pytest.mark.parametrize("own_grid", [True, False])
def test_a_part_of_a_random_draw_is_a_random_draw(own_grid: bool, tmp_path: Path) -> None:
    study = parse_study(STUDY, source="norms")
    store = Store(tmp_path / "store", create=True)
    cat = [trial for trial in study.trials() if trial.method.name == "cat"]
    names = [trial.signature for trial in cat]
    keep_search(store, drawing(names[:3], names if own_grid else names[:3]))
    for trial in cat[:3]:
        keep(store, trial, {"dev": 150})
    cells = read_groups(group_by_cell(study), store)
    found = {c.method: (c.sampled, len(c.finished), c.undrawn, c.missing) for c in cells}
    assert found["standard"] == ("grid", 0, 0, 2)
    # Of one norm both trials were drawn, of the other one.
    part = ("random", 1, 1, 0) if own_grid else ("grid", 1, 0, 1)
    assert sorted([found["cat"], found["cat norm=mix"]]) == sorted([("grid", 2, 0, 0), part])
