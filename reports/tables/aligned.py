r"""Entries of a column as LaTeX, numbers with their decimal points below each other.

In: a column's entries. Out: texts for a centred column. Invisible digits (`\phantom`) make all its
numbers as wide as the widest, so that no package is needed, and marks take no width (`\rlap`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reports.tables.latex_text import escape
from reports.tables.sheet import Entry
from reports.tables.table import MISSING
from reports.verdicts.verdict import Mark

MARK_COMMANDS: Final[dict[Mark, str]] = {
    "dagger": r"\dagger",
    "asterisk": "*",
    "double-dagger": r"\ddagger",
    "section": r"\S",
}
PLUS_MINUS: Final = " ± "
MINUS: Final = re.compile(r"(?<![\w-])-(?=\d)")


@dataclass(frozen=True)
class Width:
    """What the widest number of a column has: a sign, digits before the point, a deviation."""

    sign: str
    digits: int
    deviation: str


def align(column: Sequence[Entry]) -> list[str]:
    """Print a column's entries."""
    found = [_width(entry.text) for entry in column if entry.number]
    widest = Width(
        sign=max((one.sign for one in found), key=len, default=""),
        digits=max((one.digits for one in found), default=0),
        deviation=max((one.deviation for one in found), key=len, default=""),
    )
    return [_number(entry, widest) if entry.number else _words(entry) for entry in column]


def _width(text: str) -> Width:
    number, _, deviation = text.partition(PLUS_MINUS)
    sign = number[: len(number) - len(number.lstrip("-<"))]
    return Width(sign, len(number.partition(".")[0]) - len(sign), deviation)


def _words(entry: Entry) -> str:
    text = entry.text if entry.text == MISSING else MINUS.sub("$-$", escape(entry.text))
    return _styled(text, entry) + _marks(entry)


def _number(entry: Entry, widest: Width) -> str:
    """Print a number, as wide as the widest of its column."""
    own = _width(entry.text)
    number = _signed(entry.text.partition(PLUS_MINUS)[0])
    sign = "" if own.sign else widest.sign
    pad = _phantom(sign + "0" * (widest.digits - own.digits))
    printed = pad + _styled(number, entry)
    if own.deviation:
        pad = _phantom("0" * (len(widest.deviation) - len(own.deviation)))
        return f"{printed}{escape(PLUS_MINUS)}{pad}{escape(own.deviation)}{_marks(entry)}"
    return f"{printed}{_marks(entry)}{_phantom(widest.deviation and PLUS_MINUS + widest.deviation)}"


def _marks(entry: Entry) -> str:
    marks = "".join(MARK_COMMANDS[mark] for mark in entry.marks)
    return rf"\rlap{{$^{{{marks}}}$}}" if marks else ""


def _phantom(text: str) -> str:
    return rf"\phantom{{{_signed(text)}}}" if text else ""


def _signed(text: str) -> str:
    """Print a minus sign, not a hyphen."""
    return escape(text).replace("-", "$-$")


def _styled(text: str, entry: Entry) -> str:
    if entry.best:
        return rf"\textbf{{{text}}}"
    return rf"\textit{{{text}}}" if entry.italic and text.strip() else text
