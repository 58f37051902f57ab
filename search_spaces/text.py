"""Makes text from outside safe to print: one short line without control characters.

In: any value: a name, a cell of a file, a value from YAML, a library's message. Out: text to print.
Every message passes text that it did not write itself through one of these functions; their work
is bounded for any input.
"""

from reprlib import Repr
from typing import Final
from unicodedata import category

NAME_WIDTH: Final = 120
MESSAGE_WIDTH: Final = 2_000
"""The most characters of a name or a value in a message, and of a whole message."""


def clean(text: str) -> str:
    """Escape unprintable characters: controls, bidi marks, lone surrogates.

    Line feeds and spaces of any width are kept.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" or _is_space(c) else _escape(c) for c in text)


def _is_space(character: str) -> bool:
    return category(character) == "Zs"


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def shorten(text: str, width: int) -> str:
    """Cut the middle out of a text of more than `width` characters."""
    if len(text) <= width:
        return text
    room = width - len(" ... ")
    return f"{text[: room - room // 3]} ... {text[len(text) - room // 3 :]}"


def one_line(text: object, width: int = MESSAGE_WIDTH) -> str:
    """Return a text, or an exception's message, as one clean and short line."""
    whole = shorten(str(text), 4 * width)
    line = shorten(clean(" ".join(whole.split())), width)
    return line or (type(text).__name__ if isinstance(text, BaseException) else "")


def unquoted(name: object) -> str:
    """Return a name, unquoted, as one clean and short line."""
    return one_line(name, NAME_WIDTH)


def quoted(value: object) -> str:
    """Return the `repr` of any value, shortened if it is long or deeply nested."""
    return shorten(clean(_BRIEF.repr(value)), NAME_WIDTH)


class _Brief(Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 5
        self.maxstring = self.maxother = NAME_WIDTH

    def repr_int(self, x: int, level: int) -> str:  # noqa: ARG002
        """Write an integer in decimal only if it is small: large ones are slow or refused."""
        return repr(x) if x.bit_length() < 256 else f"a number of {x.bit_length():,} bits"


_BRIEF: Final = _Brief()
