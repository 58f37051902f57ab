"""Plain-text grids: rows with names and right-aligned cells, laid out for a width.

In: heads, and rows of text. Out: lines, none wider than the width unless a single cell is. Columns
that do not fit side by side go below each other, and each part repeats the names of its rows.
"""

import textwrap
from collections.abc import Sequence
from typing import Final

GAP: Final = "  "
SHORTEST_NAME: Final = 8
"""Characters that the names of rows keep, however narrow the terminal is."""

Row = tuple[str, Sequence[str]]
"""A row's name, and its cells."""


def grid_lines(
    heads: Sequence[str], rows: Sequence[Row], width: int, indent: str = ""
) -> list[str]:
    """Lay out a grid; a name or a head that is too long is wrapped at its spaces."""
    columns = [[row[1][k] for row in rows] for k in range(len(heads))]
    widths = [
        max([_longest_word(head), *map(len, cells)])
        for head, cells in zip(heads, columns, strict=True)
    ]
    longest = max(len(name) for name, _ in rows)
    room = width - len(indent) - len(GAP) - max(widths, default=0)
    name_width = max(min(longest, room), SHORTEST_NAME)
    parts: list[list[int]] = [[]]
    used = start = len(indent) + name_width
    for index, column in enumerate(widths):
        if parts[-1] and used + len(GAP) + column > width:
            parts.append([])
            used = start
        parts[-1].append(index)
        used += len(GAP) + column
    lines = list[str]()
    for part in parts:
        chosen = [widths[index] for index in part]
        lines += _head_lines([heads[index] for index in part], chosen, indent + " " * name_width)
        for name, cells in rows:
            first, *rest = textwrap.wrap(name, name_width, break_on_hyphens=False) or [""]
            texts = [f"{cells[index]:>{widths[index]}}" for index in part]
            lines.append(GAP.join([f"{indent}{first:{name_width}}", *texts]).rstrip())
            lines += [f"{indent}{line}" for line in rest]
    return lines


def _head_lines(heads: Sequence[str], widths: Sequence[int], start: str) -> list[str]:
    """Wrap heads to the widths of their columns; they end on the line above the cells."""
    if not any(heads):
        return []
    wrapped = [
        textwrap.wrap(head, width, break_on_hyphens=False)
        for head, width in zip(heads, widths, strict=True)
    ]
    height = max(map(len, wrapped))
    padded = [[""] * (height - len(lines)) + lines for lines in wrapped]
    return [
        GAP.join(
            [start, *(f"{text:>{width}}" for text, width in zip(line, widths, strict=True))]
        ).rstrip()
        for line in zip(*padded, strict=True)
    ]


def _longest_word(text: str) -> int:
    return max(map(len, text.split()), default=0)
