"""Any text as LaTeX that prints it.

In: a string. Out: ASCII that prints as that string in a cell, a caption or a note. Accented Latin
letters become accent commands, Greek letters and common symbols their commands. Any other
character, such as one of a script that the standard fonts lack, is printed as its code point,
`U+4E2D`, so that nothing vanishes from a paper unseen.
"""

import re
import unicodedata
from typing import Final

SPECIAL: Final[dict[str, str]] = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "$": r"\$",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    # A signature has no other place to break.
    "|": r"\textbar\allowbreak{}",
    "`": r"\`{}",
    '"': r"\textquotedblright{}",
    # At the start of a row these are read as an argument of the row above.
    "[": "{[}",
    "*": "{*}",
    "\t": " ",
    "\n": " ",
    "\r": " ",
    "\u00a0": "~",
}

# Two in a row would become one character: -- is a dash, '' a quotation mark.
LIGATURE: Final = re.compile(r"(?<=-)(?=-)|(?<=')(?=')|(?<=,)(?=,)")

# Combining marks that the oldest standard encoding (OT1) has a command for.
ACCENTS: Final[dict[str, str]] = {
    "\u0300": r"\`",
    "\u0301": r"\'",
    "\u0302": r"\^",
    "\u0303": r"\~",
    "\u0304": r"\=",
    "\u0306": r"\u",
    "\u0307": r"\.",
    "\u0308": r"\"",
    "\u030a": r"\r",
    "\u030b": r"\H",
    "\u030c": r"\v",
    "\u0323": r"\d",
    "\u0327": r"\c",
    "\u0331": r"\b",
}
BELOW: Final = "\u0323\u0327\u0331"

LETTERS: Final[dict[str, str]] = {
    "ß": r"\ss",
    "æ": r"\ae",
    "Æ": r"\AE",
    "œ": r"\oe",
    "Œ": r"\OE",
    "ø": r"\o",
    "Ø": r"\O",
    "ł": r"\l",
    "Ł": r"\L",
    "ı": r"\i",
    "…": r"\ldots",
    "–": r"\textendash",
    "—": r"\textemdash",
    "‘": r"\textquoteleft",
    "’": r"\textquoteright",
    "“": r"\textquotedblleft",
    "”": r"\textquotedblright",
}
MATH: Final[dict[str, str]] = {
    "α": r"\alpha",
    "β": r"\beta",
    "γ": r"\gamma",
    "δ": r"\delta",
    "ε": r"\epsilon",
    "ζ": r"\zeta",
    "η": r"\eta",
    "θ": r"\theta",
    "ι": r"\iota",
    "κ": r"\kappa",
    "λ": r"\lambda",
    "μ": r"\mu",
    "ν": r"\nu",
    "ξ": r"\xi",
    "π": r"\pi",
    "ρ": r"\rho",
    "ς": r"\varsigma",
    "σ": r"\sigma",
    "τ": r"\tau",
    "υ": r"\upsilon",
    "φ": r"\phi",
    "χ": r"\chi",
    "ψ": r"\psi",
    "ω": r"\omega",
    "Γ": r"\Gamma",
    "Δ": r"\Delta",
    "Θ": r"\Theta",
    "Λ": r"\Lambda",
    "Ξ": r"\Xi",
    "Π": r"\Pi",
    "Σ": r"\Sigma",
    "Υ": r"\Upsilon",
    "Φ": r"\Phi",
    "Ψ": r"\Psi",
    "Ω": r"\Omega",
    "µ": r"\mu",
    "†": r"\dagger",
    "‡": r"\ddagger",
    "§": r"\S",
    "×": r"\times",
    "±": r"\pm",
    "·": r"\cdot",
    "−": "-",
    "≤": r"\leq",
    "≥": r"\geq",
    "≠": r"\neq",
    "≈": r"\approx",
    "∞": r"\infty",
    "→": r"\rightarrow",
    "°": r"{}^{\circ}",
}


def escape(text: str) -> str:
    """Make any text print as itself in LaTeX, in a cell, a caption or a note."""
    escaped = "".join(_escape_character(c) for c in unicodedata.normalize("NFC", text))
    return LIGATURE.sub("{}", escaped)


def _escape_character(c: str) -> str:
    if c in SPECIAL:
        return SPECIAL[c]
    if c.isascii() and c.isprintable():
        return c
    if c in LETTERS:
        return LETTERS[c] + "{}"
    if c in MATH:
        return rf"\ensuremath{{{MATH[c]}}}"
    return _accented(c) or _raised(c) or rf"\texttt{{U+{ord(c):04X}}}"


def _accented(c: str) -> str | None:
    """Write a Latin letter with one accent, or give up with None."""
    base, mark = (*unicodedata.normalize("NFD", c), "", "")[:2]
    if unicodedata.normalize("NFC", base + mark) != c or mark not in ACCENTS:
        return None
    if not (base.isascii() and base.isalpha()):
        return None
    dotless = "\\" if base in "ij" and mark not in BELOW else ""
    return f"{ACCENTS[mark]}{{{dotless}{base}}}"


def _raised(c: str) -> str | None:
    """Write a superscript letter or digit, or give up with None."""
    kind, *points = unicodedata.decomposition(c).split() or [""]
    base = chr(int(points[0], 16)) if kind == "<super>" and len(points) == 1 else ""
    return rf"\textsuperscript{{{base}}}" if base.isascii() and base.isalnum() else None
