"""What all figures share: their settings, their letters, and a legend that hides nothing.

In: sizes, names and looks. Out: Matplotlib figures to draw on. Names print as themselves: nothing
in them is read as mathematics, and a character that the font lacks is printed as its code point.
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
    "pdf.fonttype": 42,  # letters stay letters: journals refuse type 3
    "hatch.linewidth": 0.5,
    "savefig.dpi": 200,
}
Styles = Mapping[str, Style]
NO_STYLES: Final[Styles] = {}


def printable(text: str) -> str:
    """Put the code point in place of each character that the font has no glyph for."""
    return "".join(c if ord(c) in _glyphs() else f"U+{ord(c):04X}" for c in text)


@cache
def _glyphs() -> frozenset[int]:
    font = get_font(findfont(FontProperties(family=[SETTINGS["font.family"]])))
    return frozenset(font.get_charmap())


def blank_figure(width: float, height: float) -> Figure:
    """Make a figure of so many inches; its title stands in its caption."""
    return Figure(figsize=(width, height), layout="constrained")


def add_legend(figure: Figure, most: int) -> None:
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


def line_of(style: Style) -> tuple[int, tuple[float, ...]] | str:
    """Return a method's line as Matplotlib takes it."""
    return (0, style.dashes) if style.dashes else "-"
