"""Figures of a cell's scores over its settings: heatmaps, importances, parallel coordinates.

In: a `Heatmap`, an `Importance`, a `Landscape`. Out: Matplotlib figures. Scores are shaded in
cividis, whose lightness increases evenly, and also printed, so that figures are readable in grey.
"""

from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reports.page.drawing import add_legend, blank_figure, printable
from reports.page.heatmap import Heatmap
from reports.page.importance import Importance
from reports.page.landscape import Axis, Landscape
from reports.page.styles import find_style
from search_spaces.method import Style
from trainers.records.metrics import Values, get_metric

SHADES: Final = "cividis"
BEHIND: Final = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 0.8}
MOST_LINES: Final = 400


def heatmap_figure(heatmap: Heatmap, page: int) -> Figure:
    """Draw a page's panels side by side; scores are printed, and the best of the cell is framed."""
    _, panels, rows, columns = heatmap.scores.shape
    size = (1.2 + panels * max(1.4, 0.4 * columns), 0.9 + max(1.0, 0.32 * rows))
    figure = blank_figure(*size)
    grid = figure.subplots(1, panels, squeeze=False, sharey=True)[0]
    high = 100 * float(np.nanmax(heatmap.scores))
    low = min(100 * float(np.nanmin(heatmap.scores)), high - 0.1)  # a scale has two ends
    for panel, axes in enumerate(grid):
        scores = 100 * heatmap.scores[page, panel]
        image = axes.imshow(scores, cmap=SHADES, vmin=low, vmax=high, aspect="auto")
        _print_scores(axes, scores, low, high)
        if heatmap.panel:
            axes.set_title(printable(_at(heatmap.panel, panel)), fontsize=7)
        _label_axes(axes, heatmap, first=panel == 0)
    figure.colorbar(
        image,
        ax=grid,
        label=f"{get_metric(heatmap.landscape.metric).title} on {heatmap.landscape.split}, %",
    )
    return figure


def _at(axis: Axis, index: int) -> str:
    return f"{axis.name} {axis.labels[index]}"


def _label_axes(axes: Axes, heatmap: Heatmap, *, first: bool) -> None:
    axes.tick_params(length=0, labelsize=7)
    axes.set_xticks(range(len(heatmap.x.values)), [printable(label) for label in heatmap.x.labels])
    labels = heatmap.y.labels if heatmap.y else ("",)
    axes.set_yticks(range(len(labels)), [printable(label) for label in labels])
    axes.set_xlabel(heatmap.x.name)
    if first and heatmap.y:
        axes.set_ylabel(heatmap.y.name)


def _print_scores(axes: Axes, scores: Values, low: float, high: float) -> None:
    """Print each score, hatch fields without a score, and frame the best."""
    for (row, column), score in np.ndenumerate(scores):
        if np.isnan(score):
            axes.add_patch(_box(row, column, hatch="////", edgecolor="#888888"))
            continue
        ink = _ink((score - low) / (high - low))
        axes.text(column, row, f"{score:.1f}", ha="center", va="center", color=ink, fontsize=6)
        if score == high:
            axes.add_patch(_box(row, column, edgecolor="black", linewidth=1.5, clip_on=False))


def _ink(share: float) -> str:
    """Black or white, whichever has more contrast on a shade (WCAG 2 luminance)."""
    parts = np.array(mpl.colormaps[SHADES](share)[:3])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return "black" if linear @ [0.2126, 0.7152, 0.0722] > 0.179 else "white"


def _box(row: int, column: int, **looks: Any) -> Rectangle:
    return Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, **looks)


def importance_figure(
    landscape: Landscape, found: Importance, style: Style | None = None
) -> Figure:
    """Draw each axis's share of the variance: alone, and (hatched) with its interactions."""
    figure = blank_figure(3.4, 1 + 0.3 * len(found.shares))
    axes = figure.subplots()
    style, positions = style or find_style(landscape.method), np.arange(len(found.shares))
    together = [100 * (share.together or 0) for share in found.shares]
    if any(share.together is not None for share in found.shares):
        axes.barh(
            positions,
            together,
            height=0.6,
            color="white",
            edgecolor=style.light,
            hatch=style.hatch or "//",
            label="with interactions",
        )
    alone = [100 * share.alone for share in found.shares]
    axes.barh(positions, alone, height=0.3, color=style.light, label="alone")
    axes.set_yticks(positions, [share.axis for share in found.shares])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the variance, %")
    add_legend(figure, 2)
    return figure


def parallel_figure(landscape: Landscape) -> Figure:
    """Draw each trial as a line through its settings to its score, the best one thick."""
    figure = blank_figure(1.4 + 1.1 * len(landscape.axes), 2.8)
    axes = figure.subplots()
    low, high = float(landscape.scores.min()), float(landscape.scores.max())
    share = (
        (landscape.scores - low) / (high - low)
        if high > low
        else np.full(len(landscape.scores), 0.5)
    )
    heights = np.column_stack([_scale(landscape.value_indices, landscape.axes), share])
    shades = mpl.colormaps[SHADES]
    for row in _choose_lines(landscape)[::-1]:
        best = row == landscape.ranking[0]
        axes.plot(
            heights[row],
            color="#b84a00" if best else shades(0.85 * float(share[row])),
            linewidth=2.2 if best else 0.7,
            marker="^" if best else "",
        )
    for column, axis in enumerate(landscape.axes):
        labels = [printable(label) for label in axis.labels]
        _rule(axes, column, np.linspace(0, 1, len(labels)), labels)
    marks = np.array([0, 0.5, 1] if high > low else [0.5])
    _rule(
        axes, len(landscape.axes), marks, [f"{100 * (low + at * (high - low)):.1f}" for at in marks]
    )
    names = [*(axis.name for axis in landscape.axes), f"{get_metric(landscape.metric).title}, %"]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return figure


def _scale(indices: Any, axes: tuple[Axis, ...]) -> Values:
    """Scale indices (M, A) to 0 .. 1."""
    return np.asarray(indices / np.array([len(axis.values) - 1 for axis in axes]))


def _choose_lines(landscape: Landscape) -> list[int]:
    """Return the trials to draw, best first: all, or MOST_LINES evenly spaced in the ranking."""
    count = min(len(landscape.trials), MOST_LINES)
    rows = np.rint(np.linspace(0, len(landscape.trials) - 1, count)).astype(int)
    return [int(row) for row in landscape.ranking[rows]]


def _rule(axes: Axes, column: int, heights: Values, labels: list[str]) -> None:
    """Draw an axis with its labels beside it."""
    axes.axvline(column, color="#555555", linewidth=0.8)
    for height, label in zip(heights, labels, strict=True):
        axes.annotate(
            label,
            (column, float(height)),
            xytext=(5, 0),
            textcoords="offset points",
            fontsize=6,
            va="center",
            bbox=BEHIND,
        )
