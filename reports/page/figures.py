"""Figures for papers: the pictures of a study as PDF and PNG, by Matplotlib.

In: `Pictures`. Out: file names and bytes, the same for the same input. A method has the colour,
marker, line and hatch of `styles.py` in all of them; scores are shaded in cividis, whose lightness
rises evenly, and printed, so that nothing is lost in grey. Names print as themselves: nothing in
them is read as mathematics, and a character that the font lacks is printed as its code point.
"""

import math
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from io import BytesIO
from itertools import chain, count
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullLocator

from reports.page.budget_curves import BudgetPicture
from reports.page.heatmap import Heatmap
from reports.page.importance import Importance
from reports.page.landscape import Axis, Landscape
from reports.page.pictures import Pictures, called
from reports.page.styles import style_of
from reports.page.training_curves import TrainingCurve
from search_spaces.method import Style
from trainers.records.metrics import Values, short_name

SETTINGS: Final[Any] = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib, so figures look the same everywhere
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "pdf.fonttype": 42,  # letters stay letters: journals refuse type 3
    "hatch.linewidth": 0.5,
    "savefig.dpi": 200,
}
METADATA: Final[Mapping[str, dict[str, Any]]] = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": "catsweep"},
    "png": {"Software": None},
}
SHADES: Final = "cividis"
BEHIND: Final = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 0.8}
LINES: Final = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
MOST_LINES: Final = 400
LONGEST_STEM: Final = 160
LETTERS: Final = 14  # in an inch of a title of 8 points
Styles = Mapping[str, Style]
NO_STYLES: Final[Styles] = {}
BUDGETS: Final = tuple(step * 10**power for power in range(5) for step in (1, 2, 5))


def draw_figures(pictures: Pictures) -> dict[str, bytes]:
    """Draw every picture as `NAME.pdf` and `NAME.png`."""
    files: dict[str, bytes] = {}
    taken: set[str] = set()
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever this machine's own settings are
        mpl.rcParams.update(SETTINGS)
        for name, figure in _figures(pictures):
            stem = _stem(name, taken)
            for ending, metadata in METADATA.items():
                file = BytesIO()
                figure.savefig(file, format=ending, metadata=metadata)
                files[f"{stem}.{ending}"] = file.getvalue()
    return files


def _stem(name: str, taken: set[str]) -> str:
    """Name a file as its picture, in characters and a length that every disk takes, once."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")
    if len(plain) > LONGEST_STEM:
        ends = plain[: LONGEST_STEM // 2], plain[-LONGEST_STEM // 2 :]
        plain = "-".join(end.strip("-.") for end in ends)
    numbered = (f"{plain}-{number}" for number in count(2))
    stem = next(one for one in chain([plain], numbered) if one.lower() not in taken)
    taken.add(stem.lower())
    return stem


def _figures(pictures: Pictures) -> Iterator[tuple[str, Figure]]:
    for cell in pictures.cells:
        of = cell.landscape
        name = f"{of.task}-{of.encoder}-{of.method}"
        heat = cell.heatmap
        yield from _heatmaps(name, heat and replace(heat, of=called(heat.of, pictures.labels)))
        shown = called(of, pictures.labels)
        if of.axes:
            yield f"parallel-{name}", parallel_figure(shown)
        if isinstance(cell.importance, Importance):
            style = style_of(of.method, pictures.styles)
            yield f"importance-{name}", importance_figure(shown, cell.importance, style)
    styles = {pictures.labels.get(name, name): style for name, style in pictures.styles.items()}
    for budget in pictures.budgets:
        if budget.curves:
            yield (
                f"budget-{budget.task}-{budget.encoder}",
                budget_figure(
                    called(budget, pictures.labels),
                    styles,
                ),
            )
    groups: dict[tuple[str, str], dict[str, TrainingCurve]] = {}
    for curve in pictures.curves:
        groups.setdefault((curve.task, curve.encoder), {}).setdefault(curve.method, curve)
    for (task, encoder), best in groups.items():
        yield (
            f"curves-{task}-{encoder}",
            curves_figure([called(curve, pictures.labels) for curve in best.values()], styles),
        )


def _heatmaps(name: str, of: Heatmap | None) -> Iterator[tuple[str, Figure]]:
    """Draw a heatmap's pages as a figure each, all on one scale."""
    for page in range(0 if of is None else len(of.scores)):
        assert of is not None
        suffix = f"-{of.page.name}-{of.page.labels[page]}" if of.page else ""
        yield f"heatmap-{name}{suffix}", heatmap_figure(of, page)


def printable(text: str) -> str:
    """Put the code point in place of each character that the font has no glyph for."""
    return "".join(c if ord(c) in _glyphs() else f"U+{ord(c):04X}" for c in text)


@cache
def _glyphs() -> frozenset[int]:
    font = get_font(findfont(FontProperties(family=[SETTINGS["font.family"]])))
    return frozenset(font.get_charmap())


def _figure(width: float, height: float, *titles: str) -> Figure:
    """Make a figure under its titles, wrapped to the width; further lines add to the height."""
    most = int(LETTERS * width)
    lines = [line for title in titles for line in textwrap.wrap(printable(title), most)]
    figure = Figure(figsize=(width, height + 0.13 * (len(lines) - 1)), layout="constrained")
    figure.suptitle("\n".join(lines), fontsize=8)
    return figure


def _legend(figure: Figure, most: int) -> None:
    """Put a legend of everything that has a label below the plots; its rows add to the height.

    It has as many columns as the figure is wide enough for, and `most` at most.
    """
    for across in range(most, 0, -1):
        legend = figure.legend(loc="outside lower center", ncols=across, handlelength=3.5)
        if across == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()
    rows = math.ceil(len(legend.get_texts()) / across)
    figure.set_figheight(figure.get_figheight() + 0.17 * rows)


def _line(style: Style) -> tuple[int, tuple[float, ...]] | str:
    return (0, style.dashes) if style.dashes else "-"


def budget_figure(of: BudgetPicture, styles: Styles = NO_STYLES) -> Figure:
    """Draw the expected best of n settings by method, with its band; the y axis fits the curves."""
    bands = f"bands: {of.level:.0%}, all n at once"
    figure = _figure(3.4, 2.5, f"{of.task}, {of.encoder}: {of.split}", bands)
    axes = figure.subplots()
    for curve in of.curves:
        style = style_of(curve.method, styles)
        axes.fill_between(
            curve.n, 100 * curve.low, 100 * curve.high, color=style.light, alpha=0.12, linewidth=0
        )
        for edge in (curve.low, curve.high):
            axes.plot(curve.n, 100 * edge, color=style.light, linewidth=0.5, linestyle=_line(style))
        axes.plot(
            curve.n,
            100 * curve.expected,
            color=style.light,
            linestyle=_line(style),
            marker=style.marker,
            markersize=4,
            markevery=max(1, len(curve.n) // 10),
            label=curve.method,
        )
    axes.set_xscale("log")
    most = max(int(curve.n[-1]) for curve in of.curves)
    axes.set_xticks([n for n in BUDGETS if n <= most], minor=False)
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("settings")
    axes.set_ylabel(f"expected best {short_name(of.metric)}, %")
    _fit(axes, [100 * curve.expected for curve in of.curves])
    _legend(figure, 3)
    return figure


def _fit(axes: Axes, curves: list[Values]) -> None:
    values = np.concatenate(curves)
    room = max(1.0, 0.6 * float(np.ptp(values)))
    axes.set_ylim(float(values.min()) - room, min(100.0, float(values.max()) + room))


def heatmap_figure(of: Heatmap, page: int) -> Figure:
    """Draw a page's panels side by side, with the scores printed and the cell's best one framed."""
    _, panels, rows, columns = of.scores.shape
    size = (1.2 + panels * max(1.4, 0.4 * columns), 0.9 + max(1.0, 0.32 * rows))
    title = f"{of.of.title}, {_at(of.page, page)}" if of.page else of.of.title
    means = [f"each number is a mean over {', '.join(of.averaged)}"] if of.averaged else []
    figure = _figure(*size, title, *means)
    grid = figure.subplots(1, panels, squeeze=False, sharey=True)[0]
    high = 100 * float(np.nanmax(of.scores))
    low = min(100 * float(np.nanmin(of.scores)), high - 0.1)  # a scale has two ends
    for panel, axes in enumerate(grid):
        scores = 100 * of.scores[page, panel]
        image = axes.imshow(scores, cmap=SHADES, vmin=low, vmax=high, aspect="auto")
        _print_scores(axes, scores, low, high)
        if of.panel:
            axes.set_title(printable(_at(of.panel, panel)), fontsize=7)
        _label_axes(axes, of, first=panel == 0)
    figure.colorbar(image, ax=grid, label=f"{short_name(of.of.metric)} on {of.of.split}, %")
    return figure


def _at(axis: Axis, place: int) -> str:
    return f"{axis.name} {axis.labels[place]}"


def _label_axes(axes: Axes, of: Heatmap, *, first: bool) -> None:
    axes.tick_params(length=0, labelsize=7)
    axes.set_xticks(range(len(of.x.values)), [printable(label) for label in of.x.labels])
    labels = of.y.labels if of.y else ("",)
    axes.set_yticks(range(len(labels)), [printable(label) for label in labels])
    axes.set_xlabel(of.x.name)
    if first and of.y:
        axes.set_ylabel(of.y.name)


def _print_scores(axes: Axes, scores: Values, low: float, high: float) -> None:
    """Print each score, dark on bright; hatch what has none, and frame the best."""
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


def importance_figure(of: Landscape, found: Importance, style: Style | None = None) -> Figure:
    """Draw each axis's share of the variance: alone, and with its interactions, hatched."""
    figure = _figure(3.4, 1 + 0.3 * len(found.shares), of.title)
    axes = figure.subplots()
    style, places = style or style_of(of.method), np.arange(len(found.shares))
    together = [100 * (share.together or 0) for share in found.shares]
    if any(share.together is not None for share in found.shares):
        axes.barh(
            places,
            together,
            height=0.6,
            color="white",
            edgecolor=style.light,
            hatch=style.hatch or "//",
            label="with interactions",
        )
    alone = [100 * share.alone for share in found.shares]
    axes.barh(places, alone, height=0.3, color=style.light, label="alone")
    axes.set_yticks(places, [share.axis for share in found.shares])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel(f"share of the variance, %\n({found.evaluator})")
    _legend(figure, 2)
    return figure


def parallel_figure(of: Landscape) -> Figure:
    """Draw each trial as a line through its settings to its score, the best one thick."""
    figure = _figure(1.4 + 1.1 * len(of.axes), 2.8, of.title)
    axes = figure.subplots()
    low, high = float(of.scores.min()), float(of.scores.max())
    share = (of.scores - low) / (high - low) if high > low else np.full(len(of.scores), 0.5)
    heights = np.column_stack([_heights(of.places, of.axes), share])
    shades = mpl.colormaps[SHADES]
    for row in _drawn(of)[::-1]:
        best = row == of.ranking[0]
        axes.plot(
            heights[row],
            color="#b84a00" if best else shades(0.85 * float(share[row])),
            linewidth=2.2 if best else 0.7,
            marker="^" if best else "",
        )
    for column, axis in enumerate(of.axes):
        labels = [printable(label) for label in axis.labels]
        _rule(axes, column, np.linspace(0, 1, len(labels)), labels)
    marks = np.array([0, 0.5, 1] if high > low else [0.5])
    _rule(axes, len(of.axes), marks, [f"{100 * (low + at * (high - low)):.1f}" for at in marks])
    axes.set_xticks(
        range(len(of.axes) + 1), [*(axis.name for axis in of.axes), f"{short_name(of.metric)}, %"]
    )
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return figure


def _heights(places: Any, axes: tuple[Axis, ...]) -> Values:
    """Scale indices (M, A) to 0 .. 1."""
    return np.asarray(places / np.array([len(axis.values) - 1 for axis in axes]))


def _drawn(of: Landscape) -> list[int]:
    """Return all trials, or MOST_LINES evenly through the ranking with both ends, best first."""
    count = min(len(of.trials), MOST_LINES)
    rows = np.rint(np.linspace(0, len(of.trials) - 1, count)).astype(int)
    return [int(row) for row in of.ranking[rows]]


def _rule(axes: Axes, column: int, heights: Values, labels: list[str]) -> None:
    """Draw an axis with its labels, clear of a marker at their height."""
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


def curves_figure(best: list[TrainingCurve], styles: Styles = NO_STYLES) -> Figure:
    """Draw losses and scores by epoch of each method's best trial."""
    figure = _figure(6.8, 2.6, f"{best[0].task}, {best[0].encoder}: best trials")
    losses, scores = figure.subplots(1, 2)
    for curve in best:
        style = style_of(curve.method, styles)
        for place, (name, values) in enumerate(curve.losses.items()):
            losses.plot(
                curve.epochs,
                values,
                color=style.light,
                marker=style.marker,
                markersize=3,
                linestyle=LINES[place % len(LINES)],
                label=f"{curve.method}: {name}",
            )
        scores.plot(
            curve.epochs,
            [100 * score for score in curve.scores],
            color=style.light,
            marker=style.marker,
            markersize=3,
            linestyle=_line(style),
            label=f"{curve.method}: {short_name(curve.metric)}",
        )
    losses.set_ylabel("mean training loss")
    scores.set_ylabel(f"{short_name(best[0].metric)} on {best[0].split}, %")
    for axes in (losses, scores):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _legend(figure, 3)
    return figure
