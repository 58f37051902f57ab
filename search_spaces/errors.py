"""The exceptions that are not bugs: the user's input was wrong, or the machine stopped a run.

The command line prints their message as one line and exits with code 2 or 75; any other exception
is a bug and prints its traceback.
"""

import errno
from collections.abc import Iterable
from difflib import get_close_matches

from search_spaces.text import one_line, quoted, unquoted


class UserError(Exception):
    """The input was wrong; the message says what was expected, what was given and what to do."""

    def __init__(self, message: object) -> None:
        super().__init__(one_line(message))


class Unfinished(Exception):
    """A run ended before its trials did, through no fault of theirs; one line says why."""

    def __init__(self, message: object) -> None:
        super().__init__(one_line(message))


class OutputLost(Exception):
    """Standard output cannot be written: its disk is full, or its reader is gone (`quietly`)."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(f"cannot write to standard output: {reason.strerror}")
        self.quietly = reason.errno == errno.EPIPE


def find_nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most similar to `name`, or None if none is similar."""
    by_fold = {entry.casefold(): entry for entry in known}
    matches = get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.5)
    return by_fold[matches[0]] if matches else None


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Build the error for a name that a registry or schema does not have."""
    names = list(known)
    guess = find_nearest(name, names)
    hint = f"; did you mean {quoted(guess)}?" if guess else ""
    listed = ", ".join(map(unquoted, names))
    return UserError(f"unknown {kind} {quoted(name)}{hint} (known: {listed})")
