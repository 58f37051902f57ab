"""The forest plot as a figure: gains over the baseline with intervals, a row per task and method.

In: a `Forest`. Out: a Matplotlib figure. Gain and mark are printed beside each row; the colour only
repeats which method it is.
"""

import textwrap
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.page.drawing import NO_STYLES, Styles, blank_figure, printable
from reports.page.forest import Forest, ForestRow
from reports.page.styles import find_style

ROW: Final = 0.2  # inches
LETTERS: Final = 64  # of 6 points in a line


def forest_figure(forest: Forest, styles: Styles = NO_STYLES, worth: float | None = None) -> Figure:
    """Draw a forest plot; `worth` (0 .. 1) shades the gains that are too small to matter."""
    groups = forest.groups
    lines = len(forest.rows) + len(groups)
    figure = blank_figure(3.4, 0.6 + ROW * lines)
    axes = figure.subplots()
    if worth is not None:
        axes.axvspan(-100 * worth, 100 * worth, color="#dddddd", linewidth=0)
    axes.axvline(0, color="#444444", linewidth=0.8)
    labels: list[str] = []
    for task, rows in groups.items():
        labels.append(printable(task))
        for row in rows:
            _draw_row(axes, len(labels), row, styles)
            labels.append(printable(row.method))
    _set_rows(axes, labels, _heads(forest))
    axes.set_xlabel(f"gain over {printable(forest.against)}, points")
    if forest.bars:
        bars = textwrap.wrap(f"Bars: {forest.bars}.", LETTERS)
        figure.supxlabel("\n".join(bars), fontsize=6)
        figure.set_figheight(figure.get_figheight() + 0.11 * len(bars))
    return figure


def _draw_row(axes: Axes, y: int, row: ForestRow, styles: Styles) -> None:
    """Draw the interval and the gain, and print both at the right edge."""
    style = find_style(row.method, styles)
    if row.low is not None and row.high is not None:
        axes.plot([100 * row.low, 100 * row.high], [y, y], color=style.light, linewidth=1.3)
    axes.plot([100 * row.gain], [y], color=style.light, marker=style.marker, markersize=5)
    axes.annotate(
        row.text,
        (1, y),
        xycoords=axes.get_yaxis_transform(),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=7,
        annotation_clip=False,
    )


def _set_rows(axes: Axes, labels: list[str], heads: set[int]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelsize=7)
    for y, label in enumerate(axes.get_yticklabels()):
        label.set_fontweight("bold" if y in heads else "normal")
    axes.spines["left"].set_visible(False)


def _heads(forest: Forest) -> set[int]:
    """Return the indices of the tasks' names among the rows."""
    heads, index = set[int](), 0
    for rows in forest.groups.values():
        heads.add(index)
        index += 1 + len(rows)
    return heads
