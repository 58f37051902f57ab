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


def screen_size() -> tuple[int, int | None]:
    """Return how many columns there are, and how many lines; a pipe has no end of lines."""
    if not sys.stdout.isatty():
        return _clamp(_read_columns() or WIDTH), None
    size = shutil.get_terminal_size((80, 24))
    return _clamp(size.columns), size.lines


def _read_columns() -> int:
    """Return what COLUMNS says, 0 where it says nothing."""
    said = os.environ.get("COLUMNS", "")
    return int(said) if said.isdecimal() else 0


def _clamp(columns: int) -> int:
    return min(WIDEST, max(NARROWEST, columns))


def draw(picture: Any, lines: Iterable[str]) -> None:
    """Print what rich draws, in which each name is a `Text`, and lines below it."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal or console.width < 1:  # COLUMNS=0
        console.width = WIDTH
    console.print(picture)
    for line in lines:
        echo(one_line(line))


def live_area() -> Any:
    """Return a place on standard error that is drawn anew with each `update`."""
    from rich.console import Console
    from rich.live import Live

    return Live(console=Console(stderr=True), auto_refresh=False)


def leave_terminal() -> None:
    """Give the terminal back before an end without a clean-up: a live view hid its cursor."""
    if sys.stderr.isatty():
        sys.stderr.write(SHOW_CURSOR)
    with suppress(OutputLost, OSError):
        sys.stdout.flush()
        sys.stderr.flush()


def show_progress(title: str, items: Sequence[Item]) -> Iterable[Item]:
    """Show on standard error, where that is a terminal, how far a loop is."""
    from rich.console import Console
    from rich.progress import track

    quiet = sys.stderr is None or not sys.stderr.isatty()
    return track(items, title, console=Console(stderr=True), transient=True, disable=quiet)
