"""The style of methods and their variants in all pictures: colour, marker, line and hatch.

In: the name of a method, or of a variant (`cat norm=mix`). Out: its `Style`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from search_spaces.method import Style
from search_spaces.methods import METHODS

VARIANTS: Final[dict[str, tuple[float, ...]]] = {
    "perturb": (1, 3),
    "norm": (4, 2, 1, 2, 1, 2),
    "train_fraction": (2, 5),
}
"""The dashes of variants, by the first option in their name."""

OTHERS: Final = (
    Style(light="#1b5e20", dark="#7bd389", marker="d", dashes=(9, 2, 1, 2), hatch="-|"),
    Style(light="#c2185b", dark="#ff8ab5", marker="p", dashes=(3, 3), hatch="\\\\|"),
    Style(light="#00838f", dark="#6fdbe6", marker="H", dashes=(5, 1, 1, 1), hatch="o."),
    Style(light="#5d4037", dark="#cdb0a6", marker="8", dashes=(2, 1), hatch="x-"),
)
"""Styles of methods that define none, used in turn."""


def choose_styles(names: Iterable[str], own: Mapping[str, Style | None]) -> dict[str, Style]:
    """Return the styles of all methods and variants; `own` are those of users' methods."""
    known = {name: method.style for name, method in METHODS.items() if method.style}
    for name in names:
        method = name.partition(" ")[0]
        if method not in known:
            known[method] = own.get(method) or OTHERS[len(known.keys() - METHODS) % len(OTHERS)]
    return {name: _vary(known, name) for name in names}


def find_style(name: str, styles: Mapping[str, Style] | None = None) -> Style:
    """Return the style of a method from `styles`, or its default style."""
    return (styles or {}).get(name) or choose_styles([name], {})[name]


def _vary(known: Mapping[str, Style], name: str) -> Style:
    """Return the method's style; a variant has its own dashes."""
    method, _, variant = name.partition(" ")
    style = known[method]
    return replace(style, dashes=VARIANTS[variant.partition("=")[0]]) if variant else style
