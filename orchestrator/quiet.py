"""Keep what libraries print below Python, or to standard output, off the terminal.

In: a block. Out: the same, and on the terminal only what is written to `sys.stderr`.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

from orchestrator.say import Remarks, open_text

OUTPUTS = (1, 2)


@contextmanager
def quiet() -> Iterator[None]:
    """Send the descriptors of both outputs nowhere; `sys.stderr` gets one of its own meanwhile."""
    before, saved = sys.stderr, {number: os.dup(number) for number in OUTPUTS}
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # noqa: PTH123
        sys.stderr = _on(saved[2], before)
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


def _on(descriptor: int, like: TextIO) -> TextIO:
    """A text file on another descriptor, if the one that it is like writes to standard error."""
    try:
        if like.fileno() != 2:
            return like
    except (OSError, ValueError):
        return like
    like.flush()
    return open_text(descriptor, like, Remarks)
