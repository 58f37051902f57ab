"""The forest plot of the page: a table whose rows draw their intervals in SVG, without scripts.

In: a `Forest`. Out: HTML, every name escaped. Positions are percentages of a cell's width, so that
the plot fits every screen.
"""

from html import escape
from typing import Final

from reports.page.forest import Forest, ForestRow
from reports.statistics.across_tasks import Equivalence

HEIGHT: Final = 22
TICKS: Final = 4
WORDS: Final = {
    "§": "§ confirmed on fresh seeds",
    "‡": "‡ better",
    "†": "† better before corrections",
    "*": "* better before corrections",
    "": "not shown",
}


def forest_html(forest: Forest, worth: float | None = None) -> str:
    """Write the table; `worth` (0 .. 1) shades the gains that are too small to matter."""
    low, high = forest.span
    room = 0.06 * (high - low) or 0.01
    scale = _Scale(low - room, high + room)
    worths = f'<th scope="col">A gain of {_points(worth)}</th>' if worth else ""
    body = "".join(
        _row(row, name, index == 0, scale, worth, worths != "")
        for name, rows in forest.groups.items()
        for index, row in enumerate(rows)
    )
    bars = f" Bars: {escape(forest.bars)}." if forest.bars else ""
    shade = f" Grey: gains below {100 * worth:g} points." if worth else ""
    return (
        '<div class="scroll" role="region" tabindex="0" aria-label="Gains">'
        f'<table class="forest"><caption class="unseen">{escape(forest.title)}</caption>'
        '<thead><tr><th scope="col">Task</th><th scope="col">Method</th>'
        f'<th scope="col" class="plot">Gain over {escape(forest.against)}, points</th>'
        f'<th scope="col">Gain</th><th scope="col">Verdict</th>{worths}</tr></thead>'
        f"<tbody>{body}</tbody>"
        f'<tfoot><tr><td colspan="2"></td><td class="plot">{_axis(scale)}</td>'
        f'<td colspan="{3 if worth else 2}"></td></tr></tfoot></table></div>'
        f'<p class="note">{bars}{shade}</p>\n'
    )


EDGE: Final = 0.04
"""The share of the width at each edge where a number would be cut."""


class _Scale:
    """Converts a gain to a position in per cent of the width."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def at(self, gain: float) -> str:
        return f"{100 * self.share(gain):.2f}%"

    def share(self, gain: float) -> float:
        return min(1.0, max(0.0, (gain - self.low) / (self.high - self.low)))

    def anchor(self, gain: float) -> str:
        """Return where a number begins, so that none is cut at the edges."""
        share = self.share(gain)
        return "start" if share < EDGE else "end" if share > 1 - EDGE else "middle"


def _points(share: float) -> str:
    return f"{100 * share:g} point{'' if share == 0.01 else 's'}"


def _row(
    row: ForestRow, task: str, first: bool, scale: _Scale, worth: float | None, settles: bool
) -> str:
    kind = f"{row_class(row)}{' block' if first else ''}"
    return (
        f'<tr class="{kind}"><th scope="row">{escape(task) if first else ""}</th>'
        f'<th scope="row">{escape(row.method)}</th><td class="plot">{_bar(row, scale, worth)}</td>'
        f'<td class="number">{escape(row.text.removesuffix(row.mark).strip())}</td>'
        f'<td class="verdict">{escape(describe_row(row))}</td>'
        + (
            f'<td class="settled">{escape(describe_equivalence(row.settled, worth or 0))}</td>'
            if settles
            else ""
        )
        + "</tr>"
    )


def row_class(row: ForestRow) -> str:
    """Return the CSS class of a row's colour, which its words repeat."""
    if row.mark in ("§", "‡"):
        return "holds"
    if row.mark:
        return "marked"
    return "worse" if row.side == "behind" else "open"


def describe_row(row: ForestRow) -> str:
    """Return in words what the marks of a row mean."""
    if row.side == "behind":
        return "worse" if row.remains else "worse before corrections"
    return WORDS[row.mark]


def describe_equivalence(settled: Equivalence | None, worth: float) -> str:
    """Return in words what a test settles about the smallest gain that matters; a dash if none."""
    words: dict[Equivalence | None, str] = {
        "better": f"better by {_points(worth)}",
        "no gain worth it": f"no gain worth {_points(worth)}",
        None: "–",
    }
    return words.get(settled, str(settled))


def _bar(row: ForestRow, scale: _Scale, worth: float | None) -> str:
    middle = HEIGHT / 2
    shapes = []
    if worth:
        left, right = (float(scale.at(side * worth)[:-1]) for side in (-1, 1))
        shapes.append(
            f'<rect class="worth" x="{left:.2f}%" width="{right - left:.2f}%" y="0"'
            f' height="{HEIGHT}"/>'
        )
    zero = scale.at(0)
    shapes.append(f'<line class="zero" x1="{zero}" x2="{zero}" y1="0" y2="{HEIGHT}"/>')
    if row.low is not None and row.high is not None:
        shapes.append(
            f'<line class="reach" x1="{scale.at(row.low)}" x2="{scale.at(row.high)}"'
            f' y1="{middle}" y2="{middle}"/>'
        )
    shapes.append(f'<circle cx="{scale.at(row.gain)}" cy="{middle}" r="5"/>')
    label = escape(f"{row.task}, {row.method}: {row.text}")
    size = f'width="100%" height="{HEIGHT}"'
    return f'<svg {size} role="img" aria-label="{label}">{"".join(shapes)}</svg>'


def _axis(scale: _Scale) -> str:
    """Draw the numbers of the axis at round values."""
    span = 100 * (scale.high - scale.low)
    step = next(
        s * 10.0**p for p in range(-2, 3) for s in (1, 2, 5) if span / (s * 10.0**p) <= TICKS
    )
    first = -int(-100 * scale.low // step)
    last = int(100 * scale.high // step)
    texts = "".join(
        f'<text x="{scale.at(at * step / 100)}" y="12"'
        f' text-anchor="{scale.anchor(at * step / 100)}">{_tick(at * step)}</text>'
        for at in range(first, last + 1)
    )
    return f'<svg width="100%" height="16" role="img" aria-label="points">{texts}</svg>'


def _tick(points: float) -> str:
    return f"{'+' if points > 0 else ''}{points:g}".replace("-", "\u2212")
