"""Plain text: a `Table` for a terminal, as wide as it needs, with its sentences wrapped.

In: a `Table` and a width in characters. Out: a string without markup; the best of a column stands
between asterisks, published rows between slashes. What a terminal would obey is printed as an
escape, since names come from files.
"""

import textwrap
import unicodedata
from typing import Final

from reports.tables.table import MARKS, Cell, Row, Table, compact
from search_spaces.text import clean

GAP: Final = "  "


def to_text(table: Table, width: int = 100) -> str:
    """Render the table; its rows are never broken, caption and notes are at most `width` wide."""
    table = compact(table)
    titles = [*table.label_titles, *(column.title for column in table.columns)]
    subtitles = [*[""] * len(table.label_titles), *(column.subtitle for column in table.columns)]
    heads = [[_plain(text) for text in line] for line in (titles, subtitles) if any(line)]
    body = [_row(table, *pair) for pair in zip(table.rows, table.best(), strict=True)]
    widths = [max(map(_columns, column)) for column in zip(*heads, *body, strict=True)]
    groups = _groups(table, widths)
    rule = "-" * (sum(widths) + len(GAP) * (len(widths) - 1))
    lines = [_line(table, line, widths) for line in (*heads, *body)]
    starts = [row.starts_block and place > 0 for place, row in enumerate(table.rows)]
    rows = [
        part
        for line, apart in zip(lines[len(heads) :], starts, strict=True)
        for part in ([""] if apart else []) + [line]
    ]
    notes = [
        line for note in (*table.notes, *table.signatures) for line in _wrapped(note, width, "  ")
    ]
    top = [*_wrapped(table.caption, width), rule, *groups, *lines[: len(heads)], rule]
    return "\n".join([*top, *rows, rule, *notes]) + "\n"


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
        if place < len(table.label_titles)
        else " " * (width - _columns(text)) + text
        for place, (text, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return GAP.join(padded).rstrip()


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Break at spaces, and a signature after one of its bars."""
    found = textwrap.wrap(
        _plain(text).replace("|", "|\u200b "),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("|\u200b ", "|").replace("|\u200b", "|") for line in found]


def _plain(text: str) -> str:
    """Put a name or a sentence in one clean line, however long."""
    return clean(" ".join(text.split()))


def _columns(text: str) -> int:
    """How many columns a terminal takes for it: two for each wide character, none for accents."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)
