"""Figures by budget and by epoch: the expected best of n settings, and training curves.

In: a `BudgetPicture`, or `TrainingCurve`s of one task and encoder. Out: Matplotlib figures.
"""

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from reports.page.budget_curves import BudgetCurve, BudgetPicture
from reports.page.drawing import NO_STYLES, Styles, add_legend, blank_figure, line_style
from reports.page.styles import find_style
from reports.page.training_curves import TrainingCurve
from search_spaces.method import Style
from trainers.records.metrics import Values, get_metric

BUDGETS: Final = tuple(step * 10**power for power in range(5) for step in (1, 2, 5))


def budget_figure(picture: BudgetPicture, styles: Styles = NO_STYLES) -> Figure:
    """Draw the expected best of n settings by method; the y axis fits the curves, not the bands.

    Only the baseline and the best other method have bands.
    """
    figure = blank_figure(3.4, 2.5)
    axes = figure.subplots()
    for curve in picture.curves:
        style = find_style(curve.method, styles)
        if curve.method in picture.banded:
            _draw_band(axes, curve, style)
        axes.plot(
            curve.n,
            100 * curve.expected,
            color=style.light,
            linestyle=line_style(style),
            marker=style.marker,
            markersize=4,
            markevery=max(1, len(curve.n) // 10),
            label=curve.method,
        )
    axes.set_xscale("log")
    most = max(int(curve.n[-1]) for curve in picture.curves)
    axes.set_xticks([n for n in BUDGETS if n <= most], minor=False)
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("settings")
    axes.set_ylabel(f"expected best {get_metric(picture.metric).title}, %")
    _fit(axes, [100 * curve.expected for curve in picture.curves])
    add_legend(figure, 3)
    return figure


def _draw_band(axes: Axes, curve: BudgetCurve, style: Style) -> None:
    low, high = 100 * curve.low, 100 * curve.high
    axes.fill_between(curve.n, low, high, color=style.light, alpha=0.12, linewidth=0)
    for edge in (low, high):
        axes.plot(curve.n, edge, color=style.light, linewidth=0.5, linestyle=line_style(style))


def _fit(axes: Axes, curves: list[Values]) -> None:
    values = np.concatenate(curves)
    room = max(1.0, 0.6 * float(np.ptp(values)))
    axes.set_ylim(float(values.min()) - room, min(100.0, float(values.max()) + room))


def training_curves_figure(best: list[TrainingCurve], styles: Styles = NO_STYLES) -> Figure:
    """Draw the training loss and the score by epoch of each method's best trial."""
    figure = blank_figure(6.8, 2.4)
    losses, scores = figure.subplots(1, 2)
    for curve in best:
        style = find_style(curve.method, styles)
        looks: dict[str, Any] = {
            "color": style.light,
            "marker": style.marker,
            "markersize": 3,
            "linestyle": line_style(style),
        }
        losses.plot(curve.epochs, curve.loss, **looks)
        scores.plot(curve.epochs, [100 * one for one in curve.scores], label=curve.method, **looks)
    losses.set_ylabel("mean training loss")
    scores.set_ylabel(f"{get_metric(best[0].metric).title} on {best[0].split}, %")
    for axes in (losses, scores):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    add_legend(figure, 4)
    return figure
