"""The standard streams of the process: they accept any text, and their failures are handled.

In: the streams that the process was started with. Out: a standard output that raises OutputLost
when it fails; a standard error that never fails; and a context in which libraries can write to
neither.
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
    """Standard output; after a failure, everything else written to it is discarded."""

    def write(self, text: str, /) -> int:
        """Write, or raise OutputLost."""
        with _report_loss(self.fileno()):
            return super().write(text)

    def flush(self) -> None:
        """Flush, or raise OutputLost."""
        with _report_loss(self.fileno()):
            super().flush()


class Remarks(io.TextIOWrapper):
    """Standard error; a failure is ignored, so that a sweep continues."""

    def write(self, text: str, /) -> int:
        """Write; discard the text if that fails."""
        try:
            return super().write(text)
        except OSError:
            _redirect_to_null(self.fileno())
            return len(text)

    def flush(self) -> None:
        """Flush; ignore a failure."""
        try:
            super().flush()
        except OSError:
            _redirect_to_null(self.fileno())


@contextmanager
def _report_loss(number: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _redirect_to_null(
            number
        )  # Otherwise the interpreter tries again at exit, and prints an error.
        raise OutputLost(error) from error


def _redirect_to_null(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def open_streams() -> None:
    """Replace the process's standard streams; call this once.

    The new streams accept any text in any encoding. A closed stream is opened on the null device:
    otherwise the next file that is opened would get its descriptor, and output would go there.
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
    """Open a descriptor for text in the encoding of `before`; escape what it cannot encode."""
    encoding = before.encoding if before else "utf-8"
    binary = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    return kind(binary, encoding, "backslashreplace", line_buffering=kind is Remarks)


@contextmanager
def quiet() -> Iterator[None]:
    """Discard what is written to descriptors 1 and 2; meanwhile `sys.stderr` keeps working."""
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
    """Open a stream like another one on a new descriptor, if that one is standard error."""
    try:
        if like.fileno() != 2:
            return like
    except (OSError, ValueError):
        return like
    like.flush()
    return open_output(descriptor, like, Remarks)
