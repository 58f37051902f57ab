"""The one exception that means: the user's input was wrong.

The command line prints its message as one line and exits with code 2; any other exception is a bug
and keeps its traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """The input was wrong: what was expected, what came, and what to do, in one line."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like `name`, or None when none does."""
    by_fold = {entry.casefold(): entry for entry in known}
    matches = get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.5)
    return by_fold[matches[0]] if matches else None


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Build the error for a name that no registry or schema holds."""
    names = list(known)
    guess = nearest(name, names)
    hint = f"; did you mean {guess!r}?" if guess else ""
    listed = ", ".join(map(shown, names))
    return UserError(f"unknown {kind} {name!r}{hint} (known: {listed})")


def shown(name: str) -> str:
    """Put a label or a column's name in one line, without power over a terminal."""
    whole = " ".join(name.split())
    return whole if whole.isprintable() else repr(whole)
