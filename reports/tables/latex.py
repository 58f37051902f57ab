r"""LaTeX: a `Table` as a `table` environment with booktabs rules.

In: a `Table`. Out: a string that compiles as it stands with pdflatex and tectonic; the packages it
needs are named in a comment. A table that is wider than the line is scaled down to it, a longer one
than a page goes on in further environments with the same number. Names are escaped here and nowhere
else.
"""

from itertools import accumulate
from math import ceil
from typing import Final

from reports.tables.latex_text import escape
from reports.tables.table import MISSING, Cell, Row, Table
from reports.verdicts.verdict import Mark

# In lines: what fits on a page of the article class, and what stands around rows and caption.
PAGE: Final = 46
AROUND: Final = 6
WIDTH: Final = 75  # characters of a line of text
GAP: Final = 2  # characters between columns, a little less than there are
RULED: Final = 1.5  # lines of a row with a rule above it
SMALLER: Final = 0.8  # lines of notes, in footnotesize; they break badly

MARK_COMMANDS: Final[dict[Mark, str]] = {
    "dagger": r"\dagger",
    "asterisk": "*",
    "double-dagger": r"\ddagger",
    "section": r"\S",
}

FITTED: Final = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
CONTINUED: Final = (r"\addtocounter{table}{-1}", r"\caption[]{(continued)}")


def to_latex(table: Table) -> str:
    r"""Render `\begin{table}` to `\end{table}`, and again for rows that a page has no room for.

    The best of a column is in bold, marks are superscripts. Published rows are in italics,
    and the notes stand below the rows in small type: those that a page has room for, the others
    as comments.
    """
    lines, pages = [r"% needs \usepackage{booktabs,graphicx}"], _pages(table)
    for rows in pages:
        lines += [
            r"\begin{table}",
            r"\centering",
            *(CONTINUED if rows.start else _caption(table)),
            r"\par\medskip",
            FITTED,
            rf"\begin{{tabular}}{{{'l' * len(table.label_titles)}{'c' * len(table.columns)}}}",
            r"\toprule",
            *_head(table),
            r"\midrule",
            *_body(table, rows),
            r"\bottomrule",
            r"\end{tabular}}",
            *(_notes(table, rows) if rows is pages[-1] else []),
            r"\end{table}",
        ]
    return "\n".join(lines) + "\n"


def _caption(table: Table) -> list[str]:
    return [rf"\caption{{{escape(table.caption)}}}", rf"\label{{tab:{_label(table.name)}}}"]


def _pages(table: Table) -> list[range]:
    """Say which rows stand on which page; a page ends before a block where there is one."""
    heights, pages = _heights(table), list[range]()
    start, room = 0, _room(table, first=True)
    while True:
        rows = table.rows[start:]
        fit = max(1, sum(end <= room for end in accumulate(heights[start:])))
        if fit >= len(rows):
            return [*pages, range(start, len(table.rows))]
        blocks = [i for i in range(ceil(fit / 2), fit + 1) if rows[i].starts_block]
        pages.append(range(start, start + (blocks[-1] if blocks else fit)))
        start, room = pages[-1].stop, _room(table, first=False)


def _room(table: Table, *, first: bool) -> float:
    """Lines of a page that are left beside the caption and the head."""
    return PAGE - AROUND - (len(table.caption) / WIDTH if first else 1)


def _heights(table: Table) -> list[float]:
    """Each row's, in lines: a table that is wider than the line is scaled down to it."""
    texts = [[*row.labels, *map(table.text, row.cells)] for row in table.rows]
    heads = [*table.label_titles, *(column.title for column in table.columns)]
    widths = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    scale = min(1, WIDTH / sum(width + GAP for width in widths))
    return [scale * (RULED if row.starts_block else 1) for row in table.rows]


def _label(name: str) -> str:
    """Keep what a label may hold; anything else becomes a hyphen."""
    return "".join(c if c.isascii() and (c.isalnum() or c in ".:-") else "-" for c in name)


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _head(table: Table) -> list[str]:
    """Up to three lines: groups with their rules, titles, subtitles; an empty line is left out."""
    blank = [""] * len(table.label_titles)
    titles = [escape(title) for title in table.label_titles]
    lines = [_line(titles + [escape(column.title) for column in table.columns])]
    if any(group.title for group in table.groups):
        lines = [_line(blank + [_group(g.title, len(g.columns)) for g in table.groups])]
        lines += [_group_rules(table), _line(titles + [escape(c.title) for c in table.columns])]
    if any(column.subtitle for column in table.columns):
        lines.append(_line(blank + [_small(column.subtitle) for column in table.columns]))
    return lines


def _group(title: str, width: int) -> str:
    return rf"\multicolumn{{{width}}}{{c}}{{{escape(title)}}}"


def _group_rules(table: Table) -> str:
    rules, first = [], len(table.label_titles) + 1
    for group in table.groups:
        last = first + len(group.columns) - 1
        if group.title:
            rules.append(rf"\cmidrule(lr){{{first}-{last}}}")
        first = last + 1
    return " ".join(rules)


def _small(text: str) -> str:
    return rf"{{\small {escape(text)}}}" if text else ""


def _body(table: Table, rows: range) -> list[str]:
    lines: list[str] = []
    for row, best in list(zip(table.rows, table.best(), strict=True))[rows.start : rows.stop]:
        if row.starts_block and lines:
            lines.append(r"\midrule")
        labels = [_styled(escape(label), row) for label in row.labels]
        cells = [_cell(table, row, cell, top) for cell, top in zip(row.cells, best, strict=True)]
        lines.append(_line(labels + cells))
    return lines


def _styled(text: str, row: Row) -> str:
    return rf"\textit{{{text}}}" if row.published and text else text


def _cell(table: Table, row: Row, cell: Cell, best: bool) -> str:
    """A number; the marks take no width, so that numbers stay in line."""
    text = table.text(cell)
    number = text if text == MISSING else escape(text)
    number = number.replace("-", "$-$") if cell.value is not None else number
    number = rf"\textbf{{{number}}}" if best else _styled(number, row)
    marks = "".join(MARK_COMMANDS[mark] for mark in cell.marks)
    return number + (rf"\rlap{{$^{{{marks}}}$}}" if marks else "")


def _notes(table: Table, rows: range) -> list[str]:
    """The first notes are printed, as many as a page has room for; comments keep the others."""
    room = _room(table, first=rows.start == 0) - sum(_heights(table)[rows.start : rows.stop])
    heights = (SMALLER * ceil(len(note) / WIDTH) for note in table.notes)
    printed = sum(end <= room for end in accumulate(heights))
    first, rest = table.notes[:printed], table.notes[printed:]
    lines = [escape(note) for note in first]
    if rest:
        lines.append(
            f"{len(rest)} more {'line is' if len(rest) == 1 else 'lines are'} in the source."
        )
    small = [rf"{{\footnotesize\raggedright {line}\par}}" for line in lines]
    comments = [f"% {' '.join(note.split())}" for note in rest]
    return [r"\par\smallskip", *small, *comments] if lines else []
