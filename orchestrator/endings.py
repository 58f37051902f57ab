"""How a sweep ends before its time: by Ctrl-C, SIGTERM (Slurm), SIGHUP (a closed terminal).

In: signals. Out: KeyboardInterrupt, raised where the sweep is and noted, for it may get lost there.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from search_spaces.errors import Unfinished

UNFINISHED, INTERRUPTED = 75, 130
"""Exit codes: EX_TEMPFAIL, try again; and what a shell gives a command that Ctrl-C ended."""

INTERRUPTED_LINE = "catsweep: interrupted; finished trials are kept, run the same command to resume"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RECEIVED: list[int] = []
"""The signals that came to this sweep."""


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Let all of them leave the block as KeyboardInterrupt, whoever drops or changes it on the way.

    After that the process is to end, and further signals are ignored: nothing disturbs its end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    RECEIVED.clear()
    before, hook = {number: signal.getsignal(number) for number in SIGNALS}, sys.unraisablehook
    interrupt_on_signals()
    sys.unraisablehook = partial(_report_unless_interrupted, hook)
    try:
        yield
    except Unfinished:
        raise
    except Exception as error:
        if RECEIVED:  # An import makes an ImportError of it.
            raise KeyboardInterrupt from error
        raise
    finally:
        defer_signals()
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if RECEIVED else handler)
    raise_if_interrupted()


def _report_unless_interrupted(
    hook: Callable[["sys.UnraisableHookArgs"], Any], what: "sys.UnraisableHookArgs"
) -> None:
    if not issubclass(what.exc_type, KeyboardInterrupt):
        hook(what)


def describe_unfinished(what: object) -> str:
    """Say that a run ended before its trials did, and not by their fault."""
    return f"catsweep: {what}; finished trials are kept: run the same command again to resume"


def raise_if_interrupted() -> None:
    """Raise again what Python drops when it is raised in a hook after a fork; Ray forks often."""
    if RECEIVED:
        raise KeyboardInterrupt


def interrupt_on_signals() -> None:
    """Take the signals, also from a library that took them."""
    _handle(_interrupt)


def defer_signals() -> None:
    """Only note signals from here on: what follows is short, and must come to its end."""
    _handle(_note)


def interrupt_main() -> None:
    """End the sweep from another thread."""
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, signal.SIGTERM)


def _handle(handler: Callable[[int, object], None]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # As a shell has it behind `&`.
                signal.signal(number, handler)


def _note(number: int, _frame: object) -> None:
    RECEIVED.append(number)


def _interrupt(number: int, _frame: object) -> None:
    RECEIVED.append(number)
    raise KeyboardInterrupt
