"""Cells of a study: what a table compares is not chosen from together."""

from search_spaces.cells import group_by_cell
from search_spaces.study import load_study, parse_study

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
    groups = group_by_cell(study)
    assert {name: len(group) for (_, _, name), group in groups.items()} == {
        "standard": 2,
        "cat norm=mix": 2,
        "cat": 2,
    }
    assert all("norm=mix" in trial.describe() for trial in groups["rte", "tiny", "cat norm=mix"])


def test_a_study_that_fills_no_table_keeps_its_cells_whole() -> None:
    study = parse_study(STUDY.replace("tables: [10]\n", ""), source="norms")
    names = {name: len(group) for (_, _, name), group in group_by_cell(study).items()}
    assert names == {"standard": 2, "cat": 4}


def test_the_paper_s_cells() -> None:
    study = load_study("paper")
    groups = group_by_cell(study)
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
    names = {name for _, _, name in group_by_cell(mini)}
    assert names == {"standard", "cat train_fraction=0.025"}
