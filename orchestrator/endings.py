"""How a sweep is interrupted: by Ctrl-C, SIGTERM (Slurm) or SIGHUP (a closed terminal).

In: signals. Out: KeyboardInterrupt in the main thread. Each signal is also recorded, because code
that catches exceptions may swallow the KeyboardInterrupt.
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
"""Exit codes: EX_TEMPFAIL (try again), and that of a command that Ctrl-C ended, as in a shell."""

INTERRUPTED_MESSAGE = (
    "catsweep: interrupted; finished trials are kept, run the same command to resume"
)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RECEIVED: list[int] = []
"""The signals that this sweep received."""


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt from the block for each of SIGNALS, even if it was caught inside.

    After a signal the process is about to exit, so further signals are ignored.
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
        if RECEIVED:  # An import turns it into an ImportError.
            raise KeyboardInterrupt from error
        raise
    finally:
        defer_signals()
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if RECEIVED else handler)
    raise_if_interrupted()


def _report_unless_interrupted(
    hook: Callable[["sys.UnraisableHookArgs"], Any], unraisable: "sys.UnraisableHookArgs"
) -> None:
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        hook(unraisable)


def describe_unfinished(reason: object) -> str:
    """Return the message of a run that ended before its trials did, for no fault of theirs."""
    return f"catsweep: {reason}; finished trials are kept: run the same command again to resume"


def raise_if_interrupted() -> None:
    """Raise KeyboardInterrupt if a signal came.

    Python drops an exception that is raised in a hook after a fork, and Ray forks often.
    """
    if RECEIVED:
        raise KeyboardInterrupt


def interrupt_on_signals() -> None:
    """Raise KeyboardInterrupt on each signal, even if a library has set its own handlers."""
    _set_handler(_interrupt)


def defer_signals() -> None:
    """Only record signals from now on: what follows is short and must not be interrupted."""
    _set_handler(_record_signal)


def interrupt_main() -> None:
    """Interrupt the main thread from another thread."""
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, signal.SIGTERM)


def _set_handler(handler: Callable[[int, object], None]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # Ignored for a job behind `&`.
                signal.signal(number, handler)


def _record_signal(number: int, _frame: object) -> None:
    RECEIVED.append(number)


def _interrupt(number: int, _frame: object) -> None:
    RECEIVED.append(number)
    raise KeyboardInterrupt
