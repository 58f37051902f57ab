"""The only module that writes to the terminal: results to standard output, remarks to standard
error.

In: text, or objects that rich can draw. Out: text without control characters: line feeds are kept,
all others are printed as escapes. Printing a remark never fails; losing a result raises OutputLost.
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
"""Number of columns if no terminal reports one."""

NARROWEST: Final = 40
WIDEST: Final = 200
"""Limits of the number of columns that layouts use."""

SHOW_CURSOR: Final = "\x1b[?25h"

Item = TypeVar("Item")


def calm_libraries() -> None:
    """Print the warnings of libraries as remarks, and let none of them end a command.

    PYTHONWARNINGS=error would turn warnings into errors here and in child processes.
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
    """Print one line to standard error, beside the results that programs read."""
    explain(one_line(line))


def warn(lines: Iterable[str]) -> None:
    """Print warnings, one line each."""
    for line in lines:
        say(f"warning: {line}")


def explain(text: str) -> None:
    """Print lines to standard error; names in them must have gone through `shown`."""
    if sys.stderr is not None:
        sys.stderr.write(f"{clean(text)}\n")


def echo(text: str) -> None:
    """Print a command's result to standard output; its lines are kept."""
    if sys.stdout is not None:
        sys.stdout.write(f"{clean(text)}\n")
        sys.stdout.flush()


def screen_size() -> tuple[int, int | None]:
    """Return the numbers of columns and lines of the terminal; lines are None for a pipe."""
    if not sys.stdout.isatty():
        return _clamp(_read_columns() or WIDTH), None
    size = shutil.get_terminal_size((80, 24))
    return _clamp(size.columns), size.lines


def _read_columns() -> int:
    """Return the value of COLUMNS, or 0 if it is not a number."""
    value = os.environ.get("COLUMNS", "")
    return int(value) if value.isdecimal() else 0


def _clamp(columns: int) -> int:
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
    return (_clamp(size.columns), max(1, size.lines - 1)) if size.columns else (80, 23)


def leave_terminal() -> None:
    """Restore the cursor, which a live view hides, before an exit without clean-up."""
    if sys.stderr.isatty():
        sys.stderr.write(SHOW_CURSOR)
    with suppress(OutputLost, OSError):
        sys.stdout.flush()
        sys.stderr.flush()


def show_progress(title: str, items: Sequence[Item]) -> Iterable[Item]:
    """Show the progress of a loop on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    quiet = sys.stderr is None or not sys.stderr.isatty()
    return track(items, title, console=Console(stderr=True), transient=True, disable=quiet)
