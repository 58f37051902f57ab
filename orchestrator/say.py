"""The one place that writes to the terminal: results on standard output, remarks on standard error.

In: text, or what rich draws. Out: characters that every terminal takes and none obeys: line feeds
stay, all other controls are printed as escapes. Remarks never fail; lost results are OutputLost.
"""

import errno
import io
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

from search_spaces.text import clean, one_line

WIDTH: Final = 120
"""Columns of what is drawn where no terminal says how many it has."""

Item = TypeVar("Item")


class OutputLost(Exception):
    """Standard output takes no more: its disk is full, or its reader is gone (`quietly`)."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(f"cannot write to standard output: {reason.strerror}")
        self.quietly = reason.errno == errno.EPIPE


class Results(io.TextIOWrapper):
    """Standard output; once it has failed, the rest of the process writes to nowhere."""

    def write(self, text: str, /) -> int:
        """Write, or raise OutputLost."""
        with _lost(self.fileno()):
            return super().write(text)

    def flush(self) -> None:
        """Flush, or raise OutputLost."""
        with _lost(self.fileno()):
            super().flush()


class Remarks(io.TextIOWrapper):
    """Standard error: a sweep goes on when nobody can read about it."""

    def write(self, text: str, /) -> int:
        """Write if it can be."""
        try:
            return super().write(text)
        except OSError:
            _to_nowhere(self.fileno())
            return len(text)

    def flush(self) -> None:
        """Flush if it can be."""
        try:
            super().flush()
        except OSError:
            _to_nowhere(self.fileno())


@contextmanager
def _lost(number: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _to_nowhere(number)  # Else the interpreter tries again at its end, and complains.
        raise OutputLost(error) from error


def _to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def open_streams() -> None:
    """Prepare the process's streams, once: any encoding takes any text, and closed ones are open.

    A closed one is opened on nothing: else the next file would get its number, and be written to.
    """
    for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        if stream is None:
            _to_nowhere(number)
    sys.stdin = sys.stdin or Path(os.devnull).open()  # noqa: SIM115
    sys.stdout, sys.stderr = (
        open_text(1, sys.stdout, Results),
        open_text(2, sys.stderr, Remarks),
    )


def open_text(number: int, before: TextIO | None, kind: type[io.TextIOWrapper]) -> TextIO:
    """Open a file descriptor for text as `before` has it; what its encoding lacks is escaped."""
    encoding = before.encoding if before else "utf-8"
    binary = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    return kind(binary, encoding, "backslashreplace", line_buffering=kind is Remarks)


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
    say(f"warning: {message}")


def say(line: object) -> None:
    """Tell people something, in one line beside what programs read."""
    explain(one_line(line))


def explain(text: str) -> None:
    """Tell people something in lines of ours: a name in it is `shown`."""
    if sys.stderr is not None:
        sys.stderr.write(f"{clean(text)}\n")


def echo(text: str) -> None:
    """Print what a command was asked for, in lines of ours."""
    if sys.stdout is not None:
        sys.stdout.write(f"{clean(text)}\n")
        sys.stdout.flush()


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


def watched(title: str, items: Sequence[Item]) -> Iterable[Item]:
    """Show on standard error, where that is a terminal, how far a loop is."""
    from rich.console import Console
    from rich.progress import track

    quiet = sys.stderr is None or not sys.stderr.isatty()
    return track(items, title, console=Console(stderr=True), transient=True, disable=quiet)
