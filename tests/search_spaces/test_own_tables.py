"""A study's own tables and display names: checked as they are read."""

import pytest

from search_spaces.errors import UserError
from search_spaces.study import Study, parse_study

STUDY = """
name: tabled
tasks: [library, mrpc]
encoders: [tiny]
methods: [standard, at]
axes: {lr: [1e-3], epsilon: [5e-3]}
tables:
  - {name: main, rows: [at, standard], columns: [mrpc, library], split: test, average: true}
labels: {standard: Fine-tuning, at: AT}
"""


def study(**changes: str) -> Study:
    text = STUDY
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return parse_study(text, "here")


def test_tables_and_labels_are_of_the_whole_study() -> None:
    found = study()
    (table,) = found.own_tables
    assert (table.rows, table.columns) == (("at", "standard"), ("mrpc", "library"))
    assert (table.split, table.average, table.title) == ("test", True, "")
    assert found.labels == {"standard": "Fine-tuning", "at": "AT"}
    assert found.tables == (), "numbers alone are tables of the paper"
    assert [trial.cell for trial in found.trials()] == [
        trial.cell for trial in parse_study(STUDY[: STUDY.index("tables:")], "here").trials()
    ]


def test_a_narrowed_study_has_the_columns_that_are_left() -> None:
    assert study().narrow(["mrpc"]).own_tables[0].columns == ("mrpc",)
    only = study(**{"columns: [mrpc, library]": "columns: [library]"})
    assert only.narrow(["mrpc"]).own_tables == ()


def test_own_tables_stand_beside_the_paper_s() -> None:
    found = study(**{"tables:\n": "tables:\n  - 7\n"})
    assert found.tables == (7,)
    assert [table.name for table in found.own_tables] == ["main"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("columns: [mrpc, library]", "columns: []", ["table main", "columns"]),
        (", columns: [mrpc, library]", "", ["table main", "columns is missing"]),
        ("columns: [mrpc, library]", "columns: [mrp]", ["task of table main 'mrp'", "'mrpc'"]),
        ("rows: [at, standard]", "rows: [cat]", ["method of table main 'cat'"]),
        ("rows: [at, standard]", "rows: [at, at]", ["table main", "'at' is there twice"]),
        ("split: test", "split: tset", ["table main", "a split should be one of"]),
        ("name: main", "name: dev", ["table dev", "name is taken"]),
        ("name: main", "name: table3", ["table table3", "name is taken"]),
        ("name: main, ", "", ["a table of your own", "name is missing"]),
        ("average: true", "avg: true", ["table main", "unknown key 'avg'"]),
        ("tables:\n", "tables:\n  - {name: main, columns: [mrpc]}\n", ["two tables", "main"]),
        ("labels: {standard:", "labels: {standard: {}, x:", ["labels.standard"]),
    ],
)
def test_what_is_no_table_is_told(old: str, new: str, expected: list[str]) -> None:
    with pytest.raises(UserError) as error:
        study(**{old: new})
    for part in expected:
        assert part in str(error.value)
