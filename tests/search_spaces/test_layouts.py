"""A study's own tables and display names: checked as they are read."""

from fractions import Fraction

import pytest

from search_spaces.cells import group_by_cell
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
    assert list(table.rows.items()) == [("at", "at"), ("standard", "standard")]
    assert table.columns == ("mrpc", "library")
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


def with_published(row: str = "91.5 60.5†") -> Study:
    others = f"{{encoder: BERT, system: SOTA, scores: {row}, average: 76.0, source: Doe 2020}}"
    return study(**{"average: true": f"average: true, published: [{others}]"})


def test_rows_of_others_stand_in_ones_own_tables_and_keep_their_columns() -> None:
    (table,) = with_published().own_tables
    (row,) = table.published
    assert row.values == (Fraction(915, 1000), Fraction(605, 1000))
    assert (row.daggers, row.origin, row.average) == ((False, True), "Doe 2020", "76.0")
    (narrow,) = with_published().narrow(["library"]).own_tables
    assert (narrow.columns, narrow.published[0].scores) == (("library",), ("60.5†",))
    assert narrow.published[0].average is None, "it was of two columns"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("91.5", "SOTA has 1 scores, but the table has 2 columns"),
        ("91.5 x", "'x'"),
        ("nan 1", "'nan'"),
    ],
)
def test_published_rows_that_do_not_fit(row: str, says: str) -> None:
    with pytest.raises(UserError, match="table main") as error:
        with_published(row)
    assert says in str(error.value)


def test_variants_of_a_method_are_rows_and_cells_of_their_own() -> None:
    text = STUDY.replace("methods: [standard, at]", "methods: [standard, cat]").replace(
        "epsilon: [5e-3]}", "epsilon: [5e-3], tau: [.1], lambda: [.3], norm: [max, mix]}"
    )
    text = text.replace("at: AT", "cat norm=mix: CAT (mixed)")
    rows = "rows: [standard, cat, cat norm=mix]"
    study = parse_study(text.replace("rows: [at, standard]", rows), "x")
    names = {method for _, _, method in group_by_cell(study)}
    assert names == {"standard", "cat", "cat norm=mix"}
    plain = parse_study(text.replace("rows: [at, standard]", "rows: [standard, cat]"), "x")
    assert {method for _, _, method in group_by_cell(plain)} == {"standard", "cat"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("rows: [at, standard]", "rows: [at nor=mix]", ["option of at in table main", "'norm'"]),
        ("rows: [at, standard]", "rows: [at norm]", ["'at norm': expected norm=VALUE"]),
        ("columns: [mrpc, library]", "columns: []", ["table main", "columns"]),
        (", columns: [mrpc, library]", "", ["table main", "columns is missing"]),
        ("columns: [mrpc, library]", "columns: [mrp]", ["task of table main 'mrp'", "'mrpc'"]),
        ("rows: [at, standard]", "rows: [cat]", ["method of table main 'cat'"]),
        ("rows: [at, standard]", "rows: [at, at]", ["table main", "'at' occurs twice"]),
        ("split: test", "split: tset", ["table main", "a split should be one of"]),
        ("name: main", "name: dev", ["table dev", "choose another name"]),
        ("name: main", "name: table3", ["table table3", "choose another name"]),
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


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            "standrad",
            "unknown method, encoder or task in labels 'standrad'; did you mean 'standard'",
        ),
        ("cat", "unknown method, encoder or task in labels 'cat'"),
        ("at nrom=l2", "unknown option of at in labels 'nrom'; did you mean 'norm'"),
        ("at norm", "labels: 'at norm': expected norm=VALUE"),
    ],
)
def test_a_label_of_nothing_in_the_study_is_refused(key: str, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        study(**{"labels: {standard:": f'labels: {{"{key}":'})


@pytest.mark.parametrize("key", ["at norm=l2", "at train_fraction=0.5", "tiny", "mrpc"])
def test_labels_name_variants_encoders_and_tasks(key: str) -> None:
    found = study(**{"labels: {standard:": f'labels: {{"{key}":'})
    assert found.narrow(["library"]).labels[key] == "Fine-tuning", "legal still, of fewer tasks"


@pytest.mark.parametrize("rows", ["[]", "{}"])
def test_a_table_that_lists_no_rows_is_refused(rows: str) -> None:
    with pytest.raises(
        UserError, match=r"table main: rows.*leave rows out to show all of the study's"
    ):
        study(**{"rows: [at, standard]": f"rows: {rows}"})
    assert study(**{"rows: [at, standard], ": ""}).own_tables[0].rows == {}
