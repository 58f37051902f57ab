"""The process's streams: any encoding takes any text, and a stream that fails ends nothing else.

In: what the process was started with. Out: standard output, whose loss is OutputLost; standard
error, which never fails; and a block in which libraries reach neither.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Final, TextIO

from search_spaces.errors import OutputLost

OUTPUTS: Final = (1, 2)


class Results(io.TextIOWrapper):
    """Standard output; once it has failed, the rest of the process writes to nowhere."""

    def write(self, text: str, /) -> int:
        """Write, or raise OutputLost."""
        with _report_loss(self.fileno()):
            return super().write(text)

    def flush(self) -> None:
        """Flush, or raise OutputLost."""
        with _report_loss(self.fileno()):
            super().flush()


class Remarks(io.TextIOWrapper):
    """Standard error: a sweep goes on when nobody can read about it."""

    def write(self, text: str, /) -> int:
        """Write if it can be."""
        try:
            return super().write(text)
        except OSError:
            _redirect_to_null(self.fileno())
            return len(text)

    def flush(self) -> None:
        """Flush if it can be."""
        try:
            super().flush()
        except OSError:
            _redirect_to_null(self.fileno())


@contextmanager
def _report_loss(number: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _redirect_to_null(number)  # Else the interpreter tries again at its end, and complains.
        raise OutputLost(error) from error


def _redirect_to_null(number: int) -> None:
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
            _redirect_to_null(number)
    sys.stdin = sys.stdin or Path(os.devnull).open()  # noqa: SIM115
    sys.stdout, sys.stderr = (
        open_output(1, sys.stdout, Results),
        open_output(2, sys.stderr, Remarks),
    )


def open_output(number: int, before: TextIO | None, kind: type[io.TextIOWrapper]) -> TextIO:
    """Open a file descriptor for text as `before` has it; what its encoding lacks is escaped."""
    encoding = before.encoding if before else "utf-8"
    binary = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    return kind(binary, encoding, "backslashreplace", line_buffering=kind is Remarks)


@contextmanager
def quiet() -> Iterator[None]:
    """Send the descriptors of both outputs nowhere; `sys.stderr` gets one of its own meanwhile."""
    before, saved = sys.stderr, {number: os.dup(number) for number in OUTPUTS}
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # noqa: PTH123
        sys.stderr = _open_on(saved[2], before)
        for number in OUTPUTS:
            os.dup2(nowhere.fileno(), number)
        try:
            yield
        finally:
            sys.stderr.flush()
            sys.stderr = before
            for number, descriptor in saved.items():
                os.dup2(descriptor, number)
                os.close(descriptor)


def _open_on(descriptor: int, like: TextIO) -> TextIO:
    """A text file on another descriptor, if the one that it is like writes to standard error."""
    try:
        if like.fileno() != 2:
            return like
    except (OSError, ValueError):
        return like
    like.flush()
    return open_output(descriptor, like, Remarks)
