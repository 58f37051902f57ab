"""Figures for papers: the pictures of a study as PDF and PNG, by Matplotlib, and their captions.

In: `Pictures` and `Forest`s. Out: file names and bytes, the same for the same input. A figure has
no title in it: `figures.tex` includes each one with its caption. A method has the colour, marker,
line and hatch of `styles.py` in all of them.
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
from reports.page.curve_figures import budget_figure, curves_figure
from reports.page.drawing import SETTINGS
from reports.page.forest import Forest
from reports.page.forest_figure import forest_figure
from reports.page.heatmap import Heatmap
from reports.page.importance import Importance
from reports.page.landscape import Axis
from reports.page.pictures import CellPictures, Pictures, with_display_names
from reports.page.settings_figures import heatmap_figure, importance_figure, parallel_figure
from reports.page.styles import style_of
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
"""With fewer there is no budget to speak of."""
CAPTIONS: Final = "figures.tex"
MARKS_MEAN: Final = (
    "†, *: better, p < .05; ‡: still so after the choice among the settings and Holm's correction;"
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
    """Draw `NAME.pdf` and `NAME.png` of each, and write their captions to `figures.tex`.

    The gains come first, then what a budget buys; `every` adds heatmaps, importances, parallel
    coordinates and training curves.
    """
    files: dict[str, bytes] = {}
    taken: set[str] = set()
    captions: dict[str, str] = {}
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever this machine's own settings are
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
    """Name a file as its picture, in characters and a length that every disk takes, once."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")
    if len(plain) > LONGEST_STEM:
        ends = plain[: LONGEST_STEM // 2], plain[-LONGEST_STEM // 2 :]
        plain = "-".join(end.strip("-.") for end in ends)
    numbered = (f"{plain}-{number}" for number in count(2))
    stem = next(one for one in chain([plain], numbered) if one.lower() not in taken)
    taken.add(stem.lower())
    return stem


def _latex(captions: Mapping[str, str]) -> str:
    """Write a float for each figure, to be pasted; it takes \\usepackage{graphicx}."""
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


def _gains_caption(of: Forest, worth: float | None) -> str:
    first_lower = of.title[:1].lower() + of.title[1:]
    bars = f" Bars: {of.bars}." if of.bars else ""
    shade = f" Grey: gains below {100 * worth:g} points." if worth else ""
    return f"Gains over {of.against} in points; {first_lower}.{bars}{shade} {MARKS_MEAN}"


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
    """Draw a cell's scores over its settings."""
    of = cell.landscape
    shown = with_display_names(of, pictures.labels)
    name, metric = f"{of.task}-{of.encoder}-{of.method}", get_metric(of.metric).title
    if cell.heatmap:
        heat = replace(cell.heatmap, of=with_display_names(cell.heatmap.of, pictures.labels))
        yield from _heatmaps(name, heat)
    if of.axes:
        yield Drawn(
            name=f"parallel-{name}",
            figure=parallel_figure(shown),
            caption=f"{shown.title}: every trial's settings and its {metric} on {of.split}.",
        )
    if isinstance(cell.importance, Importance):
        yield Drawn(
            name=f"importance-{name}",
            figure=importance_figure(shown, cell.importance, style_of(of.method, pictures.styles)),
            caption=(
                f"{shown.title}: each setting's share of the variance of {metric} on {of.split}"
                f" ({cell.importance.evaluator})."
            ),
        )


def _heatmaps(name: str, of: Heatmap) -> Iterator[Drawn]:
    """Draw a heatmap's pages as a figure each, all on one scale."""
    mean = f" Each number is a mean over {', '.join(of.averaged)}." if of.averaged else ""
    for page in range(len(of.scores)):
        suffix = f"-{of.page.name}-{of.page.labels[page]}" if of.page else ""
        at = f", {_at(of.page, page)}" if of.page else ""
        yield Drawn(
            name=f"heatmap-{name}{suffix}",
            figure=heatmap_figure(of, page),
            caption=(
                f"{of.of.title}{at}: {get_metric(of.of.metric).title} on {of.of.split}, in percent;"
                f" the best is framed.{mean}"
            ),
        )


def _at(axis: Axis, place: int) -> str:
    return f"{axis.name} {axis.labels[place]}"


def _best_curves(pictures: Pictures, styles: Mapping[str, Style]) -> Iterator[Drawn]:
    groups: dict[tuple[str, str], dict[str, TrainingCurve]] = {}
    for curve in pictures.curves:
        groups.setdefault((curve.task, curve.encoder), {}).setdefault(curve.method, curve)
    for (task, encoder), best in groups.items():
        shown = [with_display_names(curve, pictures.labels) for curve in best.values()]
        metric = get_metric(shown[0].metric).title
        yield Drawn(
            name=f"curves-{task}-{encoder}",
            figure=curves_figure(shown, styles),
            caption=(
                f"{shown[0].task}, {shown[0].encoder}: training loss and {metric} on"
                f" {shown[0].split} by epoch, of each method's best trial."
            ),
        )
