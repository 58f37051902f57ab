"""Figures for papers: the pictures of a study as PDF and PNG, drawn by Matplotlib, with captions.

In: `Pictures` and `Forest`s. Out: file names and bytes; the same input gives the same bytes. Titles
are not part of a figure: `figures.tex` includes each one with its caption. A method has the same
colour, marker, line and hatch (`styles.py`) in all figures.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import chain, count
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from reports.page.budget_curves import BudgetPicture
from reports.page.curve_figures import budget_figure, training_curves_figure
from reports.page.drawing import SETTINGS
from reports.page.forest import Forest
from reports.page.forest_figure import forest_figure
from reports.page.heatmap import Heatmap
from reports.page.importance import Importance
from reports.page.landscape import Axis
from reports.page.pictures import CellPictures, Pictures, with_display_names
from reports.page.settings_figures import heatmap_figure, importance_figure, parallel_figure
from reports.page.styles import find_style
from reports.page.training_curves import TrainingCurve
from reports.tables.latex_text import escape
from search_spaces.method import Style
from trainers.records.metrics import get_metric

METADATA: Final[Mapping[str, dict[str, Any]]] = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": "catsweep"},
    "png": {"Software": None},
}
LONGEST_STEM: Final = 160
FEWEST_SETTINGS: Final = 3
"""With fewer settings, no budget figure is drawn."""
CAPTIONS: Final = "figures.tex"
MARKS_MEAN: Final = (
    "†, *: better, p < .05; ‡: also after the choice among settings and Holm's correction;"
    " §: confirmed on fresh seeds."
)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A figure, the name of its files, and its caption."""

    name: str
    figure: Figure
    caption: str


def draw_figures(
    pictures: Pictures,
    gains: Sequence[Forest] = (),
    *,
    every: bool = True,
    worth: float | None = None,
) -> dict[str, bytes]:
    """Draw each figure as `NAME.pdf` and `NAME.png`, and write the captions to `figures.tex`.

    The forest plots of gains come first, then the budget curves; `every` adds heatmaps,
    importances, parallel coordinates and training curves.
    """
    files: dict[str, bytes] = {}
    taken: set[str] = set()
    captions: dict[str, str] = {}
    with mpl.rc_context():
        mpl.rcdefaults()  # independent of this machine's settings
        mpl.rcParams.update(SETTINGS)
        for drawn in _figures(pictures, gains, every=every, worth=worth):
            stem = _stem(drawn.name, taken)
            captions[stem] = drawn.caption
            for ending, metadata in METADATA.items():
                file = BytesIO()
                drawn.figure.savefig(file, format=ending, metadata=metadata)
                files[f"{stem}.{ending}"] = file.getvalue()
    return files | ({CAPTIONS: _latex(captions).encode()} if captions else {})


def _stem(name: str, taken: set[str]) -> str:
    """Return a unique file stem for a figure, with safe characters and a limited length."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")
    if len(plain) > LONGEST_STEM:
        ends = plain[: LONGEST_STEM // 2], plain[-LONGEST_STEM // 2 :]
        plain = "-".join(end.strip("-.") for end in ends)
    numbered = (f"{plain}-{number}" for number in count(2))
    stem = next(one for one in chain([plain], numbered) if one.lower() not in taken)
    taken.add(stem.lower())
    return stem


def _latex(captions: Mapping[str, str]) -> str:
    """Write a figure environment for each figure; it needs \\usepackage{graphicx}."""
    return "\n".join(
        "\n".join(
            (
                r"\begin{figure}[t]",
                r"\centering",
                rf"\includegraphics[width=\linewidth]{{{stem}.pdf}}",
                rf"\caption{{{escape(caption)}}}",
                rf"\label{{fig:{stem}}}",
                r"\end{figure}",
                "",
            )
        )
        for stem, caption in captions.items()
    )


def _figures(
    pictures: Pictures, gains: Sequence[Forest], *, every: bool, worth: float | None
) -> Iterator[Drawn]:
    styles = {pictures.labels.get(name, name): style for name, style in pictures.styles.items()}
    for forest in gains:
        yield Drawn(
            name=f"gains-{forest.name}",
            figure=forest_figure(forest, styles, worth),
            caption=_gains_caption(forest, worth),
        )
    for budget in pictures.budgets:
        if max((len(curve.n) for curve in budget.curves), default=0) >= FEWEST_SETTINGS:
            yield _budget(budget, pictures.labels, styles)
    if every:
        for cell in pictures.cells:
            yield from figures_of_cell(cell, pictures)
        yield from _best_curves(pictures, styles)


def _gains_caption(forest: Forest, worth: float | None) -> str:
    first_lower = forest.title[:1].lower() + forest.title[1:]
    bars = f" Bars: {forest.bars}." if forest.bars else ""
    shade = f" Grey: gains below {100 * worth:g} points." if worth else ""
    return f"Gains over {forest.against} in points; {first_lower}.{bars}{shade} {MARKS_MEAN}"


def _budget(budget: BudgetPicture, labels: Mapping[str, str], styles: Mapping[str, Style]) -> Drawn:
    shown = with_display_names(budget, labels)
    return Drawn(
        name=f"budget-{budget.task}-{budget.encoder}",
        figure=budget_figure(shown, styles),
        caption=(
            f"{shown.task}, {shown.encoder}: expected best {get_metric(shown.metric).title} on"
            f" {shown.split} of n settings. Bands of {' and '.join(shown.banded)}:"
            f" {shown.level:.0%}, all n at once."
        ),
    )


def figures_of_cell(cell: CellPictures, pictures: Pictures) -> Iterator[Drawn]:
    """Draw the figures of one cell: heatmaps, parallel coordinates and importances."""
    landscape = cell.landscape
    shown = with_display_names(landscape, pictures.labels)
    name = f"{landscape.task}-{landscape.encoder}-{landscape.method}"
    metric = get_metric(landscape.metric).title
    if cell.heatmap:
        yield from _heatmaps(name, replace(cell.heatmap, landscape=shown))
    if landscape.axes:
        yield Drawn(
            name=f"parallel-{name}",
            figure=parallel_figure(shown),
            caption=f"{shown.title}: every trial's settings and its {metric} on {landscape.split}.",
        )
    if isinstance(cell.importance, Importance):
        yield Drawn(
            name=f"importance-{name}",
            figure=importance_figure(
                shown, cell.importance, find_style(landscape.method, pictures.styles)
            ),
            caption=(
                f"{shown.title}: each setting's share of the variance of {metric} on"
                f" {landscape.split} ({cell.importance.evaluator})."
            ),
        )


def _heatmaps(name: str, heatmap: Heatmap) -> Iterator[Drawn]:
    """Draw each page of a heatmap as a figure, all on one colour scale."""
    mean = f" Each number is a mean over {', '.join(heatmap.averaged)}." if heatmap.averaged else ""
    scored = f"{get_metric(heatmap.landscape.metric).title} on {heatmap.landscape.split}"
    for page in range(len(heatmap.scores)):
        suffix = f"-{heatmap.page.name}-{heatmap.page.labels[page]}" if heatmap.page else ""
        at = f", {_at(heatmap.page, page)}" if heatmap.page else ""
        yield Drawn(
            name=f"heatmap-{name}{suffix}",
            figure=heatmap_figure(heatmap, page),
            caption=(
                f"{heatmap.landscape.title}{at}: {scored}, in percent; the best is framed.{mean}"
            ),
        )


def _at(axis: Axis, index: int) -> str:
    return f"{axis.name} {axis.labels[index]}"


def _best_curves(pictures: Pictures, styles: Mapping[str, Style]) -> Iterator[Drawn]:
    groups: dict[tuple[str, str], dict[str, TrainingCurve]] = {}
    for curve in pictures.curves:
        groups.setdefault((curve.task, curve.encoder), {}).setdefault(curve.method, curve)
    for (task, encoder), best in groups.items():
        shown = [with_display_names(curve, pictures.labels) for curve in best.values()]
        metric = get_metric(shown[0].metric).title
        yield Drawn(
            name=f"curves-{task}-{encoder}",
            figure=training_curves_figure(shown, styles),
            caption=(
                f"{shown[0].task}, {shown[0].encoder}: training loss and {metric} on"
                f" {shown[0].split} by epoch, of each method's best trial."
            ),
        )
