"""The one place that writes to the terminal: results on standard output, remarks on standard error.

In: text, or what rich draws. Out: characters that every terminal takes and none obeys: line feeds
stay, all other controls are printed as escapes. Remarks never fail; lost results are OutputLost.
"""

import os
import shutil
import sys
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, TextIO, TypeVar

from search_spaces.errors import OutputLost
from search_spaces.text import clean, one_line

WIDTH: Final = 120
"""Columns of what is drawn where no terminal says how many it has."""

NARROWEST: Final = 40
WIDEST: Final = 200
"""Columns of a terminal between which anything is laid out."""

SHOW_CURSOR: Final = "\x1b[?25h"

Item = TypeVar("Item")


def calm_libraries() -> None:
    """Have the warnings of libraries printed as remarks, and none of them end a command.

    As PYTHONWARNINGS=error would, here and in the processes that are started from here.
    """
    os.environ.pop("PYTHONWARNINGS", None)
    if any(action == "error" for action, *_ in warnings.filters):
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
    warnings.showwarning = _remark


def _remark(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    warn([str(message)])


def say(line: object) -> None:
    """Tell people something, in one line beside what programs read."""
    explain(one_line(line))


def warn(lines: Iterable[str]) -> None:
    """Tell people what they should know of, a line each."""
    for line in lines:
        say(f"warning: {line}")


def explain(text: str) -> None:
    """Tell people something in lines of ours: a name in it is `shown`."""
    if sys.stderr is not None:
        sys.stderr.write(f"{clean(text)}\n")


def echo(text: str) -> None:
    """Print what a command was asked for, in lines of ours."""
    if sys.stdout is not None:
        sys.stdout.write(f"{clean(text)}\n")
        sys.stdout.flush()


def screen() -> tuple[int, int | None]:
    """Return how many columns there are, and how many lines; a pipe has no end of lines."""
    if not sys.stdout.isatty():
        return _clamped(_columns_said() or WIDTH), None
    size = shutil.get_terminal_size((80, 24))
    return _clamped(size.columns), size.lines


def _columns_said() -> int:
    """Return what COLUMNS says, 0 where it says nothing."""
    said = os.environ.get("COLUMNS", "")
    return int(said) if said.isdecimal() else 0


def _clamped(columns: int) -> int:
    return min(WIDEST, max(NARROWEST, columns))


def live_area() -> Any:
    """Return a part of standard error that shows the last text it was updated with, then goes."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)
    # Ray's colorama keeps the standard output of its import until exit: it has to be a real one.
    return Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)


def live_screen() -> tuple[int, int]:
    """Return the columns and lines of the terminal that standard error is."""
    size = os.get_terminal_size(sys.stderr.fileno())
    return (_clamped(size.columns), max(1, size.lines - 1)) if size.columns else (80, 23)


def leave_terminal() -> None:
    """Give the terminal back before an end without a clean-up: a live view hid its cursor."""
    if sys.stderr.isatty():
        sys.stderr.write(SHOW_CURSOR)
    with suppress(OutputLost, OSError):
        sys.stdout.flush()
        sys.stderr.flush()


def watched(title: str, items: Sequence[Item]) -> Iterable[Item]:
    """Show on standard error, where that is a terminal, how far a loop is."""
    from rich.console import Console
    from rich.progress import track

    quiet = sys.stderr is None or not sys.stderr.isatty()
    return track(items, title, console=Console(stderr=True), transient=True, disable=quiet)
