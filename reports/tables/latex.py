r"""LaTeX: a `Table` as a `table` environment with booktabs rules, its caption below.

In: a `Table`. Out: a string that compiles as it stands with pdflatex and tectonic; the packages it
needs are named in a comment, and comments at its end say how each comparison was tested. A table
that no column of a two-column paper has room for spans both (`table*`); a longer one than a page
goes on in further environments with the same number. Names are escaped here and nowhere else.
"""

from dataclasses import dataclass
from itertools import accumulate, groupby
from math import ceil
from typing import Final

from reports.tables.aligned import align
from reports.tables.latex_text import escape
from reports.tables.sheet import Labels, Sheet, sheet_of
from reports.tables.table import Table

COLUMN: Final = 219  # points: a column of a two-column paper, the narrowest in use (ACL's)
TEXT: Final = 455  # points: both columns
ONE_COLUMN: Final = 345  # points: a line of the article class
SIZES: Final = (("small", 0.92, 6), ("small", 0.92, 4), ("footnotesize", 0.85, 3))
"""Type sizes to try, the part of 10 pt that they are, and points between columns, each side."""
MARK: Final = 4.5
"""Points that a mark takes; the gap between columns has room for one."""

# In lines: what fits on a page, and what stands around rows and caption.
PAGE: Final = 46
AROUND: Final = 6
RULED: Final = 1.5  # lines of a row with a rule above it
CHARACTER: Final = 5  # points of a caption's character

FITTED: Final = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
CONTINUED: Final = (r"\addtocounter{table}{-1}", r"\caption[]{(continued)}")


@dataclass(frozen=True)
class Fit:
    """How a table is set: its environment, type size, points between columns, whether scaled."""

    environment: str
    size: str
    scale: float
    gap: int
    guarded: bool


def to_latex(table: Table, *, wide: bool = False, transpose: bool = False) -> str:
    r"""Render `\begin{table}` to `\end{table}`, and again for rows that a page has no room for.

    `wide` lets it span both columns of a two-column paper though one has room for it; `transpose`
    makes rows of its columns.
    """
    sheet = sheet_of(table, transpose=transpose)
    fit = _fit(sheet, wide=wide)
    packages = "booktabs,graphicx" if fit.guarded else "booktabs"
    lines = [rf"% needs \usepackage{{{packages}}}"]
    if fit.guarded:
        lines.append(
            "% made smaller where it is wider than the line: to avoid that, leave out rows"
            " or columns, or --transpose"
        )
    pages = _pages(table, sheet, fit)
    for rows in pages:
        lines += [
            rf"\begin{{{fit.environment}}}[t]",
            r"\centering",
            rf"\{fit.size}",
            rf"\setlength{{\tabcolsep}}{{{fit.gap}pt}}",
            *([FITTED] if fit.guarded else []),
            rf"\begin{{tabular}}{{{_spec(sheet, fit)}}}",
            r"\toprule",
            *_head(sheet),
            r"\midrule",
            *_body(sheet, rows),
            r"\bottomrule",
            r"\end{tabular}" + ("}" if fit.guarded else ""),
            *(CONTINUED if rows.start else _caption(table)),
            rf"\end{{{fit.environment}}}",
        ]
    lines += [f"% {' '.join(line.split())}" for line in table.signatures]
    return "\n".join(lines) + "\n"


def _caption(table: Table) -> list[str]:
    return [rf"\caption{{{escape(table.caption)}}}", rf"\label{{tab:{label_of(table.name)}}}"]


def label_of(name: str) -> str:
    """Keep what a label may hold; anything else becomes a hyphen."""
    return "".join(c if c.isascii() and (c.isalnum() or c in ".:-") else "-" for c in name)


def _fit(sheet: Sheet, *, wide: bool) -> Fit:
    """Choose the largest type with which the table fits a column, or else both."""
    for environment, room in (("table", COLUMN), ("table*", TEXT))[wide:]:
        for size, scale, gap in SIZES:
            width = _width(sheet, scale, gap)
            if width <= room:
                return Fit(environment, size, scale, gap, guarded=width > ONE_COLUMN)
    return Fit("table*", *SIZES[-1], guarded=True)


def _width(sheet: Sheet, scale: float, gap: int) -> float:
    """Estimate its width in points."""
    widths = _label_widths(sheet) + sheet.column_widths()
    return scale * sum(widths) + 2 * gap * len(widths) + sum(_more(sheet))


def _more(sheet: Sheet) -> list[float]:
    """Points of each column behind which the gap has no room for all marks."""
    return [MARK * max(0, most - 1) for most in sheet.marks()]


def _label_widths(sheet: Sheet) -> list[float]:
    widths = sheet.label_widths()
    return widths[1:] if _spanning(sheet) else widths


def _spanning(sheet: Sheet) -> bool:
    """Return whether outer labels get rows of their own: of three levels, over several rows."""
    outer = [key[:1] for key in sheet.labels]
    shared = any(not _is_new(outer, index) for index in range(len(outer)))
    return len(sheet.corner) > 2 and shared and not sheet.transposed


def _spec(sheet: Sheet, fit: Fit) -> str:
    """Labels to the left, numbers centred, with more room behind those with several marks."""
    gaps = [rf"@{{\hspace{{{2 * fit.gap + more:g}pt}}}}" if more else "" for more in _more(sheet)]
    return "l" * len(_label_widths(sheet)) + "".join(f"c{gap}" for gap in gaps)


def _pages(table: Table, sheet: Sheet, fit: Fit) -> list[range]:
    """Say which rows stand on which page; a page ends before a block where there is one."""
    heights, pages = _heights(sheet, fit), list[range]()
    start, room = 0, _room(table, fit, first=True)
    while True:
        number = len(heights) - start
        fitting = max(1, sum(end <= room for end in accumulate(heights[start:])))
        if fitting >= number:
            return [*pages, range(start, len(heights))]
        ends = range(start + ceil(fitting / 2), start + fitting + 1)
        blocks = [index for index in ends if index in sheet.blocks]
        pages.append(range(start, blocks[-1] if blocks else start + fitting))
        start, room = pages[-1].stop, _room(table, fit, first=False)


def _room(table: Table, fit: Fit, *, first: bool) -> float:
    """Lines of a page that are left beside the caption and the head."""
    line = COLUMN if fit.environment == "table" else ONE_COLUMN
    return PAGE - AROUND - (len(table.caption) * CHARACTER / line if first else 1)


def _heights(sheet: Sheet, fit: Fit) -> list[float]:
    """Each row's, in lines of normal size, with the row of an outer label above it."""
    outer = [key[:1] for key in sheet.labels]
    return [
        fit.scale
        * ((RULED if index in sheet.blocks else 1) + (_spanning(sheet) and _is_new(outer, index)))
        for index in range(len(outer))
    ]


def _is_new(keys: list[Labels], index: int) -> bool:
    return index == 0 or keys[index] != keys[index - 1]


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _head(sheet: Sheet) -> list[str]:
    """A line for each level of heads: one over several columns has a rule below it."""
    corner = list(sheet.corner[_spanning(sheet) :])
    levels, first, lines = len(sheet.heads[0]), len(corner) + 1, list[str]()
    for level in range(levels):
        last = level == levels - 1
        titles = corner if last else [""] * len(corner)
        spans = _spans(sheet, level, merge=not last)
        heads = [_one_head(sheet, span, level) for span in spans]
        lines.append(_line([escape(title) for title in titles] + heads))
        rules = [
            rf"\cmidrule(lr){{{first + span.start}-{first + span.stop - 1}}}"
            for span in spans
            if len(span) > 1 and sheet.heads[span.start][level]
        ]
        lines += [" ".join(rules)] if rules else []
    return lines


def _spans(sheet: Sheet, level: int, *, merge: bool) -> list[range]:
    """Neighbouring columns with the same head, down to this level."""
    indices = range(len(sheet.heads))
    alone = [not merge or not head[level] for head in sheet.heads]
    keys = [(p,) if alone[p] else sheet.heads[p][: level + 1] for p in indices]
    runs = [list(run) for _, run in groupby(indices, key=keys.__getitem__)]
    return [range(run[0], run[-1] + 1) for run in runs]


def _one_head(sheet: Sheet, span: range, level: int) -> str:
    text = escape(sheet.heads[span.start][level])
    if text and sheet.transposed and span.start in sheet.italic:
        text = rf"\textit{{{text}}}"
    return rf"\multicolumn{{{len(span)}}}{{c}}{{{text}}}" if len(span) > 1 else text


def _body(sheet: Sheet, rows: range) -> list[str]:
    columns = [align(column) for column in sheet.columns()]
    lines: list[str] = []
    for index in rows:
        if index in sheet.blocks and lines:
            lines.append(r"\midrule")
        labels = [_label(sheet, index, text) for text in sheet.labels[index]]
        again = index > rows.start and index not in sheet.blocks and not _starts(sheet, index)
        if _spanning(sheet):
            outer, *labels = labels
            if outer and not again:
                width = len(labels) + len(sheet.heads)
                lines.append(_line([rf"\multicolumn{{{width}}}{{l}}{{{outer}}}"]))
        elif again and len(labels) > 1:
            labels[0] = ""
        lines.append(_line(labels + [column[index] for column in columns]))
    return lines


def _starts(sheet: Sheet, index: int) -> bool:
    """Whether the outer label is another than in the row above."""
    return sheet.labels[index][0] != sheet.labels[index - 1][0]


def _label(sheet: Sheet, index: int, text: str) -> str:
    italic = index in sheet.italic and not sheet.transposed
    return rf"\textit{{{escape(text)}}}" if italic and text else escape(text)
