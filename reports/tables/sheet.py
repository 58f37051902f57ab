"""A table's texts in rows and columns, one axis like the other, so that they can be swapped.

In: a `Table`. Out: a `Sheet` of plain texts, with an estimate of the columns' widths in print.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reports.tables.table import Table, compact
from reports.verdicts.verdict import Mark

Labels = tuple[str, ...]

# Points of Computer Modern at 10 pt, which is wider than Times.
WIDTHS: Final = {
    **dict.fromkeys("ijltfrI.,:;'!|()[] /", 3.5),
    **dict.fromkeys("mwMW@%", 9.0),
    **dict.fromkeys("ABCDEFGHKLNOPQRSTUVXYZ&±+<>=†‡", 7.4),
}
OTHER: Final = 5.4


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A cell: its text, whether that is a number to align, and how it is printed."""

    text: str
    number: bool
    best: bool
    italic: bool
    marks: tuple[Mark, ...]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Entries (R, C) behind the labels of their rows and under the heads of their columns.

    A label and a head have a text for each of their levels, from the outer to the inner one;
    `corner` has the titles of the levels of labels. `italic` are indices of rows, or of columns
    where the table is `transposed`. A row in `blocks` is set apart from the one above.
    """

    corner: Labels
    labels: tuple[Labels, ...]
    heads: tuple[Labels, ...]
    entries: tuple[tuple[Entry, ...], ...]
    italic: frozenset[int] = frozenset()
    blocks: frozenset[int] = frozenset()
    transposed: bool = False

    def columns(self) -> list[tuple[Entry, ...]]:
        """The entries by column."""
        return list(zip(*self.entries, strict=True)) if self.entries else [()] * len(self.heads)

    def marks(self) -> list[int]:
        """The most marks that an entry of each column has."""
        return [max((len(e.marks) for e in column), default=0) for column in self.columns()]

    def label_widths(self) -> list[float]:
        """The width of each level of labels in points at 10 pt."""
        return [
            max(map(width_of, [title, *(key[level] for key in self.labels)]))
            for level, title in enumerate(self.corner)
        ]

    def column_widths(self) -> list[float]:
        """The width of each column in points at 10 pt; a head over several is not counted."""
        return [
            max(map(width_of, [*self._own(index), *(entry.text for entry in column)]))
            for index, column in enumerate(self.columns())
        ]

    def _own(self, index: int) -> list[str]:
        """The heads that it does not share with a neighbour."""
        head, last = self.heads[index], len(self.heads[index]) - 1
        near = [*self.heads[index - 1 : index], *self.heads[index + 1 :][:1]]
        shared = [any(other[: n + 1] == head[: n + 1] for other in near) for n in range(last)]
        return [text for text, others in zip(head, [*shared, False], strict=True) if not others]


def sheet_of(table: Table, *, transpose: bool = False) -> Sheet:
    """Arrange a table's texts; transposed, its systems are the columns."""
    shown = compact(table)
    entries = tuple(
        tuple(
            Entry(
                text=shown.text(cell),
                number=cell.value is not None,
                best=top,
                italic=row.published,
                marks=cell.marks,
            )
            for cell, top in zip(row.cells, best, strict=True)
        )
        for row, best in zip(shown.rows, shown.best(), strict=True)
    )
    labels = tuple(row.labels for row in shown.rows)
    heads = _used(
        [
            (group.title, column.title, column.subtitle)
            for group in shown.groups
            for column in group.columns
        ]
    )
    italic = frozenset(index for index, row in enumerate(shown.rows) if row.published)
    if transpose and entries:
        return Sheet(
            corner=("",) * len(heads[0]),
            labels=heads,
            heads=_used(labels),
            entries=tuple(zip(*entries, strict=True)),
            italic=italic,
            transposed=True,
        )
    return Sheet(
        corner=shown.label_titles,
        labels=labels,
        heads=heads,
        entries=entries,
        italic=italic,
        blocks=frozenset(index for index, row in enumerate(shown.rows) if row.starts_block),
    )


def _used(keys: Sequence[Labels]) -> tuple[Labels, ...]:
    """Leave out the levels of which no key has a text."""
    kept = [level for level in range(len(keys[0])) if any(key[level] for key in keys)]
    return tuple(tuple(key[level] for level in kept) for key in keys)


def width_of(text: str) -> float:
    """Estimate a text's width in points at 10 pt."""
    return sum(WIDTHS.get(character, OTHER) for character in text)
