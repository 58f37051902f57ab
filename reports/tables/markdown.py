"""Markdown: a `Table` as a pipe table, for READMEs, issues and terminals.

In: a `Table`. Out: a string in GitHub's dialect: the caption and the table, or its notes. Names are
escaped here and nowhere else: what is markup to Markdown or HTML prints as itself. Column groups
and subtitles become part of the heading, since a pipe table has one heading line; blocks are not
separated.
"""

import re
from typing import Final

from reports.tables.table import MARKS, Cell, Row, Table, compact
from search_spaces.text import clean

ENTITIES: Final[dict[str, str]] = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "$": "&#36;",
    "@": "&#64;",
}
BACKSLASHED: Final = "\\`*_[]#|~"
ENTITIES_OF_NUMBERS: Final = str.maketrans({"<": "&lt;"})
SPACES: Final = str.maketrans(dict.fromkeys("\t\n\r\v\f", " "))
ESCAPES: Final = str.maketrans({**ENTITIES, **{c: f"\\{c}" for c in BACKSLASHED}})
# What would start a list, with the number before it.
LIST_MARKER: Final = re.compile(r"^(\d*)([-+.)])")


def escape(text: str) -> str:
    """Make any text print as itself in Markdown, in a cell or a paragraph; controls as escapes."""
    return LIST_MARKER.sub(r"\1\\\2", clean(text.strip().translate(SPACES)).translate(ESCAPES))


def to_markdown(table: Table) -> str:
    """Render the table: the best of a column in bold, published rows in italics."""
    table = compact(table)
    titles = [escape(title) for title in (*table.label_titles, *table.headings)]
    rules = ["---"] * len(table.label_titles) + ["---:"] * len(table.columns)
    rows = [_row(table, *pair) for pair in zip(table.rows, table.best(), strict=True)]
    lines = [escape(table.caption), "", _line(titles), _line(rules), *rows]
    return "\n".join(lines) + "\n"


def to_markdown_notes(table: Table) -> str:
    """Render the notes as a list, then the signatures as code."""
    lines = [f"Notes on `{clean(table.name)}`", "", *(f"- {escape(note)}" for note in table.notes)]
    if table.signatures:
        signed = (f"    {clean(line.translate(SPACES))}" for line in table.signatures)
        lines += ["", "How each comparison was tested, for programs:", "", *signed]
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(table: Table, row: Row, best: tuple[bool, ...]) -> str:
    labels = [_styled(escape(label), row) for label in row.labels]
    cells = [_cell(table, row, cell, top) for cell, top in zip(row.cells, best, strict=True)]
    return _line(labels + cells)


def _styled(text: str, row: Row) -> str:
    return f"<i>{text}</i>" if row.published and text else text


def _cell(table: Table, row: Row, cell: Cell, best: bool) -> str:
    text = escape(cell.words) or table.text(cell).translate(ENTITIES_OF_NUMBERS)
    number = f"**{text}**" if best else _styled(text, row)
    return number + "".join(MARKS[mark].replace("*", r"\*") for mark in cell.marks)
