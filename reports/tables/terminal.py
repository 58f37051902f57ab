"""Plain text: a `Table` for a terminal, laid out for its width.

In: a `Table` and a width in characters. Out: a string without markup; the best of a column is
enclosed in asterisks, published rows in slashes. Columns that do not fit side by side are split
into parts below each other, and each part repeats the names of the rows. Control characters in
names are printed as escapes.
"""

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from reports.tables.table import MARKS, Cell, Row, Table, compact
from search_spaces.text import clean

GAP: Final = "  "
NARROWEST: Final = 8
"""The smallest width of a column of labels in characters."""


def to_text(table: Table, width: int = 100) -> str:
    """Render the table; no line is longer than `width`, unless a single number is."""
    table = compact(table)
    parts = _parts(table, width)
    grids = [line for part in parts for line in _grid(*part)]
    below = (*table.notes, *table.signatures)
    notes = [line for note in below for line in _wrapped(note, width, "  ")]
    return "\n".join([*_wrapped(table.caption, width), *grids, *notes]) + "\n"


@dataclass(frozen=True, kw_only=True)
class _Widths:
    """How wide the columns of labels and of numbers are."""

    labels: tuple[int, ...]
    numbers: tuple[int, ...]

    @property
    def named(self) -> int:
        """The width of all labels, with the gaps between them."""
        return sum(self.labels) + len(GAP) * (len(self.labels) - 1)

    @property
    def total(self) -> int:
        """The width of the whole table."""
        return self.named + sum(self.numbers) + len(GAP) * len(self.numbers)


def _parts(table: Table, width: int) -> list[tuple[Table, _Widths]]:
    """Split a table into parts that are narrow enough, each with all labels."""
    natural = _natural(table)
    if natural.total <= width:
        return [(table, natural)]
    numbers = _narrowed(table)
    room = max(width // 2, width - max(numbers) - len(GAP))
    labels = _shrunk(natural.labels, room)
    narrow = _Widths(labels=labels, numbers=numbers)
    found: list[list[int]] = [[]]
    for column, number in enumerate(numbers):
        used = sum(numbers[other] + len(GAP) for other in found[-1])
        if found[-1] and narrow.named + used + len(GAP) + number > width:
            found.append([])
        found[-1].append(column)
    return [
        (
            _select_columns(table, columns),
            _Widths(labels=labels, numbers=tuple(numbers[column] for column in columns)),
        )
        for columns in found
    ]


def _select_columns(table: Table, selected: Sequence[int]) -> Table:
    """Keep only the columns of numbers with these indices."""
    groups, first = [], 0
    for group in table.groups:
        span = range(first, first + len(group.columns))
        columns = tuple(table.columns[index] for index in selected if index in span)
        groups += [replace(group, columns=columns)] if columns else []
        first = span.stop
    rows = [replace(row, cells=tuple(row.cells[index] for index in selected)) for row in table.rows]
    return replace(table, groups=tuple(groups), rows=tuple(rows))


def _natural(table: Table) -> _Widths:
    """As wide as the longest text of each column."""
    heads, body = _heads(table), _body(table)
    widths = [max(map(_columns, column)) for column in zip(*heads, *body, strict=True)]
    first = len(table.label_titles)
    return _Widths(labels=tuple(widths[:first]), numbers=tuple(widths[first:]))


def _narrowed(table: Table) -> tuple[int, ...]:
    """As wide as the numbers and the longest word of the titles."""
    first = len(table.label_titles)
    body = [row[first:] for row in _body(table)]
    heads = [[_longest_word(text) for text in line[first:]] for line in _heads(table)]
    return tuple(max(map(_columns, column)) for column in zip(*heads, *body, strict=True))


def _longest_word(text: str) -> str:
    return max(text.split(), key=_columns, default="")


def _shrunk(widths: Sequence[int], room: int) -> tuple[int, ...]:
    """Make the widest columns narrower until all fit, if they can."""
    found = list(widths)
    while sum(found) + len(GAP) * (len(found) - 1) > room and max(found) > NARROWEST:
        found[found.index(max(found))] -= 1
    return tuple(found)


def _heads(table: Table) -> list[list[str]]:
    titles = [*table.label_titles, *(column.title for column in table.columns)]
    subtitles = [*[""] * len(table.label_titles), *(column.subtitle for column in table.columns)]
    return [[_plain(text) for text in line] for line in (titles, subtitles) if any(line)]


def _body(table: Table) -> list[list[str]]:
    return [_row(table, *pair) for pair in zip(table.rows, table.best(), strict=True)]


def _grid(table: Table, found: _Widths) -> list[str]:
    """Lay out one part: rules, groups, titles and rows."""
    widths = [*found.labels, *found.numbers]
    groups = _groups(table, widths)
    rule = "-" * (sum(widths) + len(GAP) * (len(widths) - 1))
    heads = [line for head in _heads(table) for line in _lines(table, head, widths)]
    rows = []
    for index, (row, cells) in enumerate(zip(table.rows, _body(table), strict=True)):
        rows += [""] if row.starts_block and index > 0 else []
        rows += _lines(table, cells, widths)
    return [rule, *groups, *heads, rule, *rows, rule]


def _lines(table: Table, cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Print a row, in several lines where a text is wider than its column."""
    parts = [_folded(text, width) for text, width in zip(cells, widths, strict=True)]
    height = max(map(len, parts))
    padded = [part + [""] * (height - len(part)) for part in parts]
    return [_line(table, list(line), list(widths)) for line in zip(*padded, strict=True)]


def _folded(text: str, width: int) -> list[str]:
    if _columns(text) <= width:
        return [text]
    return textwrap.wrap(text, max(1, width), break_on_hyphens=False) or [""]


def _groups(table: Table, widths: list[int]) -> list[str]:
    """A line over the columns of each group, which are widened where its title needs it."""
    if not any(group.title for group in table.groups):
        return []
    first = len(table.label_titles)
    parts = [" " * (sum(widths[:first]) + len(GAP) * (first - 1))]
    for group in table.groups:
        title = f" {_plain(group.title)} " if group.title else ""
        last = first + len(group.columns)
        span = sum(widths[first:last]) + len(GAP) * (len(group.columns) - 1)
        widths[first] += max(0, _columns(title) - span)
        more = max(0, span - _columns(title))
        fill = "-" if group.title else " "
        parts.append(fill * (more // 2) + title + fill * (more - more // 2))
        first = last
    return [GAP.join(parts).rstrip()]


def _row(table: Table, row: Row, best: tuple[bool, ...]) -> list[str]:
    rooms = [max(len(cell.marks) for cell in column) for column in _cells_by_column(table)]
    cells = [_cell(table, row, *each) for each in zip(row.cells, best, rooms, strict=True)]
    return [_styled(_plain(label), row) for label in row.labels] + cells


def _cells_by_column(table: Table) -> list[tuple[Cell, ...]]:
    return list(zip(*(row.cells for row in table.rows), strict=True))


def _styled(text: str, row: Row) -> str:
    return f"/{text}/" if row.published and text else text


def _cell(table: Table, row: Row, cell: Cell, best: bool, room: int) -> str:
    """A number, with room for asterisks and for the most marks of its column: all stay in line."""
    edge = "*" if best else "/" if row.published else ""
    number = f"{edge}{_plain(table.text(cell))}{edge}{''.join(MARKS[m] for m in cell.marks)}"
    return (number if edge else f" {number}") + " " * (room - len(cell.marks) + (not edge))


def _line(table: Table, cells: list[str], widths: list[int]) -> str:
    """Labels to the left, numbers to the right."""
    padded = [
        text + " " * (width - _columns(text))
        if index < len(table.label_titles)
        else " " * (width - _columns(text)) + text
        for index, (text, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return GAP.join(padded).rstrip()


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Break at spaces, and a signature after one of its bars."""
    found = textwrap.wrap(
        _plain(text).replace("|", "|\u200b "),
        width,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
    return [line.replace("|\u200b ", "|").replace("|\u200b", "|") for line in found]


def _plain(text: str) -> str:
    """Put a name or a sentence in one clean line, however long."""
    return clean(" ".join(text.split()))


def _columns(text: str) -> int:
    """Return the terminal columns of a text: two per wide character, none for combining accents."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)
