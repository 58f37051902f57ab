"""What all figures share: Matplotlib settings, printable text, and the legend.

In: sizes, names and styles. Out: Matplotlib figures to draw on. Names are printed literally, not
read as mathematics; a character that the font lacks is printed as its code point.
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from search_spaces.method import Style

SETTINGS: Final[Any] = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib, so figures look the same everywhere
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "pdf.fonttype": 42,  # TrueType: journals refuse type 3 fonts
    "hatch.linewidth": 0.5,
    "savefig.dpi": 200,
}
Styles = Mapping[str, Style]
NO_STYLES: Final[Styles] = {}


def printable(text: str) -> str:
    """Replace each character that the font has no glyph for by its code point."""
    return "".join(c if ord(c) in _glyphs() else f"U+{ord(c):04X}" for c in text)


@cache
def _glyphs() -> frozenset[int]:
    font = get_font(findfont(FontProperties(family=[SETTINGS["font.family"]])))
    return frozenset(font.get_charmap())


def blank_figure(width: float, height: float) -> Figure:
    """Make an empty figure of this size in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def add_legend(figure: Figure, most: int) -> None:
    """Add a legend below the plots, and increase the figure's height by its rows.

    It has as many columns as fit into the width, at most `most`.
    """
    for columns in range(most, 0, -1):
        legend = figure.legend(loc="outside lower center", ncols=columns, handlelength=3.5)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()
    rows = math.ceil(len(legend.get_texts()) / columns)
    figure.set_figheight(figure.get_figheight() + 0.17 * rows)


def line_style(style: Style) -> tuple[int, tuple[float, ...]] | str:
    """Return the Matplotlib line style of a method."""
    return (0, style.dashes) if style.dashes else "-"
