"""Cells of a study that fills tables: what a table compares is not chosen from."""

from pathlib import Path

import pytest

from reports.cells import read_groups
from reports.paper.variants import cells_of
from search_spaces.study import load_study, parse_study
from tests.results import keep
from trainers.searches import CellDraw, SearchRecord, digest, keep_search
from trainers.store import Store

STUDY = """
name: norms
tasks: [rte]
encoders: [tiny]
methods: [standard, cat]
tables: [10]
axes: {lr: [1e-3, 2e-3], norm: [mix, max], epsilon: [0.01], tau: [0.1], lambda: [0.3]}
"""


def test_each_variant_is_a_cell_of_its_own() -> None:
    study = parse_study(STUDY, source="norms")
    groups = cells_of(study, study.trials())
    assert {name: len(group) for (_, _, name), group in groups.items()} == {
        "standard": 2,
        "cat norm=mix": 2,
        "cat": 2,
    }
    assert all("norm=mix" in trial.describe() for trial in groups["rte", "tiny", "cat norm=mix"])


def test_a_study_that_fills_no_table_keeps_its_cells_whole() -> None:
    study = parse_study(STUDY.replace("tables: [10]\n", ""), source="norms")
    names = {name: len(group) for (_, _, name), group in cells_of(study, study.trials()).items()}
    assert names == {"standard": 2, "cat": 4}


def test_the_paper_s_cells() -> None:
    study = load_study("paper")
    groups = cells_of(study, study.trials())
    names = {name for _, _, name in groups}
    cat = {"cat", "cat norm=mix", "cat perturb=embedding", "cat train_fraction=0.5"}
    assert names == {"standard", "at", "scl", "pgd", "freeat", "freelb"} | cat
    assert sum(len(group) for group in groups.values()) == len(study.trials())
    roberta = "FacebookAI/roberta-large"
    assert len(groups["mnli", roberta, "cat"]) == 3 * 2 * 4 * 6 * 5
    half = groups["hwu64", roberta, "cat train_fraction=0.5"]
    assert {trial.train_fraction for trial in half} == {0.5}


def test_fewer_rows_than_a_task_s_other_trials_are_a_variant() -> None:
    mini = load_study("table6-mini")
    names = {name for _, _, name in cells_of(mini, mini.trials())}
    assert names == {"standard", "cat train_fraction=0.025"}


def drawing(names: list[str], grid: list[str]) -> SearchRecord:
    """A random search of so many of a grid's trials of `cat`."""
    draw = CellDraw(task="rte", encoder="tiny", method="cat", grid=digest(grid), drawn=tuple(names))
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
    cells = read_groups(cells_of(study, study.trials()), store)
    found = {c.method: (c.sampled, len(c.finished), c.undrawn, c.missing) for c in cells}
    assert found["standard"] == ("grid", 0, 0, 2)
    # Of one norm both trials were drawn, of the other one.
    part = ("random", 1, 1, 0) if own_grid else ("grid", 1, 0, 1)
    assert sorted([found["cat"], found["cat norm=mix"]]) == sorted([("grid", 2, 0, 0), part])
