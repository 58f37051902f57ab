"""How each method looks in every picture: colour, marker, line and hatch.

In: a method's name, or that of a variant (`cat norm=mix`). Out: its `Style`. No two share marker
and line, so that pictures survive greyscale and colour blindness. The first colours are those of
Okabe and Ito (2008).
"""

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Style:
    """A method's looks: `light` and `dark` are its colours on light and on dark paper.

    `marker` and `hatch` are named as in Matplotlib; `dashes` are lengths on, off, ... in line
    widths, none for a solid line.
    """

    light: str
    dark: str
    marker: str
    dashes: tuple[float, ...]
    hatch: str


STYLES: Final[dict[str, Style]] = {
    "standard": Style(light="#3b3b3b", dark="#d6d6d6", marker="o", dashes=(), hatch=""),
    "at": Style(light="#0072b2", dark="#56b4e9", marker="s", dashes=(5, 2), hatch="//"),
    "cat": Style(light="#b84a00", dark="#ff9a52", marker="^", dashes=(10, 2), hatch="\\\\"),
    "scl": Style(light="#007a59", dark="#3fd0a4", marker="D", dashes=(1, 2), hatch="xx"),
    "pgd": Style(light="#a34f80", dark="#e3a1c6", marker="v", dashes=(6, 2, 1, 2), hatch=".."),
    "freeat": Style(light="#8a6100", dark="#f0b93a", marker="P", dashes=(3, 1), hatch="++"),
    "freelb": Style(light="#1f6f9c", dark="#8fd0f5", marker="X", dashes=(8, 3), hatch="oo"),
    "rdrop": Style(light="#6b3fa0", dark="#c3a4ee", marker="<", dashes=(2, 2), hatch="--"),
    "r3f": Style(light="#882255", dark="#f08cb8", marker=">", dashes=(7, 2, 2, 2), hatch="||"),
    "smart": Style(light="#2f6b3a", dark="#93d89f", marker="h", dashes=(4, 1, 1, 1), hatch="**"),
    "stdpp": Style(light="#666666", dark="#a8a8a8", marker="*", dashes=(1, 1), hatch="///"),
}

VARIANTS: Final[dict[str, tuple[float, ...]]] = {
    "perturb": (1, 3),
    "norm": (4, 2, 1, 2, 1, 2),
    "train_fraction": (2, 5),
}
"""The lines of variants, by the first option that they are named by."""


def style_of(name: str) -> Style:
    """Look a method or a variant of it up; a variant has the method's colour and marker."""
    method, _, variant = name.partition(" ")
    if not variant:
        return STYLES[method]
    return replace(STYLES[method], dashes=VARIANTS[variant.partition("=")[0]])
