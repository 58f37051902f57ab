"""Rounding is half-up from exact values, and every best cell as printed is found."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.tables.table import Cell, Column, ColumnGroup, Row, Table, percent

fixed = settings(derandomize=True, deadline=None, max_examples=200, database=None)


def table_of(*columns: tuple[Fraction | float | None, ...], published: int = -1) -> Table:
    """A table with the given columns of values; row `published` is a published one."""
    names = tuple(Column(title=f"T{i}") for i in range(len(columns)))
    rows = tuple(
        Row(
            labels=(f"system {i}",),
            cells=tuple(Cell(value=value) for value in values),
            published=i == published,
        )
        for i, values in enumerate(zip(*columns, strict=True))
    )
    groups = (ColumnGroup(columns=names),)
    return Table(name="t", caption="c", label_titles=("Method",), groups=groups, rows=rows)


@pytest.mark.parametrize(
    ("value", "decimals", "printed"),
    [
        (Fraction(8765, 10000), 1, "87.7"),
        (0.8765, 1, "87.7"),
        (0.87649999999999, 1, "87.7"),
        (Fraction(87649999999999999, 10**17), 1, "87.6"),
        (0.8764, 1, "87.6"),
        (Fraction(1, 8), 0, "13"),
        (Fraction(1, 8), 2, "12.50"),
        (Fraction(2, 3), 3, "66.667"),
        (-0.0125, 1, "-1.3"),
        (-0.0001, 1, "0.0"),
        (0.0, 1, "0.0"),
        (0.004, 1, "0.4"),
        (1, 1, "100.0"),
        (-1.0, 0, "-100"),
    ],
)
def test_percentages_round_half_up(value: float, decimals: int, printed: str) -> None:
    assert percent(value, decimals) == printed


@fixed
@given(st.integers(1, 50_000), st.data(), st.integers(0, 3))
def test_a_quotient_prints_as_its_fraction(n: int, data: st.DataObject, decimals: int) -> None:
    right = data.draw(st.integers(0, n))
    exact = percent(Fraction(right, n), decimals)
    assert percent(right / n, decimals) == exact
    off = Fraction(exact) - Fraction(100 * right, n)
    assert -Fraction(1, 2) < off * 10**decimals <= Fraction(1, 2)


def test_every_system_equal_to_the_best_as_printed_is_best() -> None:
    table = table_of((0.9001, 0.90004, 0.8994), (0.5, 0.6, None))
    assert table.best() == ((True, False), (True, True), (False, False))


def test_missing_and_published_cells_are_never_the_best() -> None:
    assert table_of((None, None)).best() == ((False,), (False,))
    table = table_of((0.9, 0.8, 0.8), published=0)
    assert table.best() == ((False,), (True,), (True,))


def test_negative_scores_can_be_the_best() -> None:
    assert table_of((-0.2, -0.1)).best() == ((False,), (True,))


def test_text_and_headings() -> None:
    groups = (
        ColumnGroup(title="GLUE", columns=(Column(title="CoLA", subtitle="mcc"),)),
        ColumnGroup(columns=(Column(title="Avg"),)),
    )
    table = Table(name="t", caption="c", label_titles=("Method",), groups=groups, rows=())
    assert table.headings == ("GLUE / CoLA (mcc)", "Avg")
    assert [column.title for column in table.columns] == ["CoLA", "Avg"]
    assert table.text(Cell()) == "--"
    assert table.text(Cell(value=0.5)) == "50.0"
    assert table.best() == ()


@pytest.mark.parametrize("value", [87.7, -1.01, float("nan"), float("inf"), Fraction(3, 2)])
def test_a_cell_refuses_what_is_no_score(value: float) -> None:
    with pytest.raises(ValueError, match=r"expected a score in \[-1, 1\], not a percentage"):
        Cell(value=value)


def test_a_cell_refuses_unknown_marks_and_negative_counts() -> None:
    with pytest.raises(ValueError, match="expected marks of"):
        Cell(marks=("star",))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_trials >= 0"):
        Cell(n_trials=-1)


def test_a_cell_refuses_a_number_with_words_and_a_mean_below_zero() -> None:
    with pytest.raises(ValueError, match="expected a number or words"):
        Cell(value=0.5, words="0.5")
    with pytest.raises(ValueError, match="expected a mean of numbers from 0 up, got -1"):
        Cell(value=-1, kind="mean")


def test_a_table_refuses_rows_that_do_not_fit() -> None:
    groups = (ColumnGroup(columns=(Column(title="A"), Column(title="B"))),)
    row = Row(labels=("x",), cells=(Cell(),))
    with pytest.raises(ValueError, match="expected 1 labels and 2 cells, got 1 and 1"):
        Table(name="t", caption="", label_titles=("M",), groups=groups, rows=(row,))
    with pytest.raises(ValueError, match="expected labels, columns and decimals"):
        Table(name="t", caption="", label_titles=(), groups=groups, rows=())
