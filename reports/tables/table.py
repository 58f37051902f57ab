"""Tables: numbers and marks in frozen types, without markup.

In: scores as exact fractions or floats, the names of rows and columns, and notes.
Out: a `Table` for all renderers. This file has the two rules that they share: how a number is
rounded, and which cells are the best of their column.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from typing import Final, Literal

from reports.verdicts.answer import SIGNS
from reports.verdicts.verdict import Mark

Kind = Literal["score", "p", "count", "mean"]

MARKS: Final = SIGNS
MISSING: Final = "--"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number: a score in [-1, 1], printed as a percentage; None where no trial gave one.

    Of `kind` p it is a probability, printed to four decimals; of `kind` count a whole number; of
    `kind` mean a number from 0 up, printed like a score but not as a percentage.
    Give a `Fraction` where the score is one: it is rounded exactly. A float is taken to 12
    decimals first, so that 0.8765 computed as 0.87649999999999995 still rounds up. `n_trials` is
    the number of finished trials that the score was chosen from: those of `settings` settings. Of
    several `seeds` it is the mean, and `deviation` their standard deviation. `words` are what a
    cell without a number says, such as a published number that is only known as printed.
    """

    value: Fraction | float | None = None
    words: str = ""
    marks: tuple[Mark, ...] = ()
    n_trials: int = 0
    settings: int = 0
    seeds: int = 1
    deviation: float | None = None
    kind: Kind = "score"

    def __post_init__(self) -> None:
        value = 0.0 if self.value is None else float(self.value)
        if self.kind == "score" and not abs(value) <= 1:
            raise ValueError(f"expected a score in [-1, 1], not a percentage, got {self.value}")
        if self.kind == "p" and not 0 <= value <= 1:
            raise ValueError(f"expected a p-value in [0, 1], got {self.value}")
        if self.kind == "count" and (value < 0 or not value.is_integer()):
            raise ValueError(f"expected a count, got {self.value}")
        if self.kind == "mean" and value < 0:
            raise ValueError(f"expected a mean of numbers from 0 up, got {self.value}")
        if self.value is not None and self.words:
            raise ValueError(f"expected a number or words, got {self.value} and {self.words!r}")
        unknown_marks = [mark for mark in self.marks if mark not in MARKS]
        if unknown_marks or self.n_trials < 0:
            raise ValueError(f"expected marks of {list(MARKS)} and n_trials >= 0, got {self}")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of scores: a title such as a task's, and under it a subtitle such as the metric.

    Where its numbers do not compete with each other, it is not `ranked` and none of them is best.
    """

    title: str
    subtitle: str = ""
    ranked: bool = True


@dataclass(frozen=True, kw_only=True)
class ColumnGroup:
    """Neighbouring columns under one title; without a title they stand by themselves."""

    columns: tuple[Column, ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """The labels and cells of a system.

    `starts_block` sets it apart from the row above. A row that does not compete is never the best
    of a column. A `published` row holds numbers from elsewhere: it is printed in italics, and does
    not compete, since it was selected by another rule.
    """

    labels: tuple[str, ...]
    cells: tuple[Cell, ...]
    starts_block: bool = False
    published: bool = False
    competes: bool = True


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table: `name` is that of its files, `label_titles` head the label columns.

    `title` is its heading on the page, such as `Test set`.

    `notes` say in plain English what the caption has no room for, an item each; `signatures` how
    each comparison was tested, a line each, for programs.

    Raises:
        ValueError: a row has another number of labels or cells than the table has columns for.
    """

    name: str
    caption: str
    label_titles: tuple[str, ...]
    groups: tuple[ColumnGroup, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    decimals: int = 1
    title: str = ""

    def __post_init__(self) -> None:
        expected = (len(self.label_titles), len(self.columns))
        for row in self.rows:
            got = (len(row.labels), len(row.cells))
            if got != expected:
                raise ValueError(
                    f"table {self.name!r}: expected {expected[0]} labels and {expected[1]} cells, "
                    f"got {got[0]} and {got[1]} in row {row.labels}"
                )
        if not self.label_titles or not self.columns or self.decimals < 0:
            raise ValueError(f"table {self.name!r}: expected labels, columns and decimals >= 0")

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns of scores, from left to right."""
        return tuple(column for group in self.groups for column in group.columns)

    @property
    def headings(self) -> tuple[str, ...]:
        """Every score column in one line, as `group / title (subtitle)`."""
        return tuple(
            (f"{group.title} / " if group.title else "")
            + with_metric(column.title, column.subtitle)
            for group in self.groups
            for column in group.columns
        )

    def text(self, cell: Cell) -> str:
        """Print the cell's number, with its deviation, or words, without marks; else `--`."""
        if cell.value is None:
            return cell.words or MISSING
        number = PRINTED[cell.kind](cell.value, self.decimals)
        if cell.deviation is None:
            return number
        return f"{number} ± {percent(cell.deviation, self.decimals)}"

    def best(self) -> tuple[tuple[bool, ...], ...]:
        """Return, by row, whether each cell equals the best of its column as printed."""
        units = [
            [
                self._competing(row, cell) if column.ranked else None
                for cell, column in zip(row.cells, self.columns, strict=True)
            ]
            for row in self.rows
        ]
        tops = [
            max((u for u in column if u is not None), default=None)
            for column in zip(*units, strict=True)
        ]
        return tuple(
            tuple(u is not None and u == top for u, top in zip(row, tops, strict=True))
            for row in units
        )

    def _competing(self, row: Row, cell: Cell) -> int | None:
        if row.published or not row.competes or cell.value is None:
            return None
        return rounded(cell.value, self.decimals)


def with_metric(title: str, metric: str) -> str:
    """`RTE (accuracy)`, `MRPC F1 (equivalent)`."""
    if not metric:
        return title
    return f"{title} {metric}" if metric.endswith(")") else f"{title} ({metric})"


def compact(table: Table) -> Table:
    """Drop label columns with a single value that the caption states, but never all of them."""
    kept = list(range(len(table.label_titles)))
    for column in range(len(kept)):
        values = {row.labels[column] for row in table.rows} - {""}
        if len(values) == 1 and len(kept) > 1 and values.pop() in table.caption:
            kept.remove(column)
    rows = [replace(row, labels=tuple(row.labels[column] for column in kept)) for row in table.rows]
    titles = tuple(table.label_titles[column] for column in kept)
    return replace(table, label_titles=titles, rows=tuple(rows))


def rounded(value: Fraction | float, decimals: int) -> int:
    """Round a score, as a percentage, half away from zero to an integer of 10^-decimals."""
    exact = value if isinstance(value, Fraction) else Fraction(f"{value:.12f}")
    units = floor(abs(exact) * Fraction(10 ** (decimals + 2)) + Fraction(1, 2))
    return units if exact >= 0 else -units


def percent(value: Fraction | float, decimals: int) -> str:
    """Print a score as a percentage without its sign: 0.8765 with one decimal is `87.7`."""
    units = rounded(value, decimals)
    digits = f"{abs(units):0{decimals + 1}d}"
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    return f"{'-' if units < 0 else ''}{whole}{'.' if fraction else ''}{fraction}"


def probability(value: Fraction | float) -> str:
    """Print a p-value to four decimals; a smaller one than they can show is `<0.0001`."""
    units = rounded(value, 2)
    return f"{units / 10_000:.4f}" if units else "<0.0001"


PRINTED: Final[dict[Kind, Callable[[Fraction | float, int], str]]] = {
    "score": percent,
    "p": lambda value, _: probability(value),
    "count": lambda value, _: f"{int(value):,}",
    "mean": lambda value, decimals: percent(value / 100, decimals),
}
