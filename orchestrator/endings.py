"""How a sweep is ended by signals: at once, or after its trials have saved a checkpoint.

In: signals. Out: KeyboardInterrupt in the main thread, for Ctrl-C and SIGHUP (a closed terminal) at
once. SIGTERM and SIGUSR1 (Slurm sends either before a job's end) first ask running trials to save a
checkpoint. Each signal is also recorded, because code that catches exceptions may swallow the
KeyboardInterrupt.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from search_spaces.errors import Unfinished

UNFINISHED, INTERRUPTED = 75, 130
"""Exit codes: EX_TEMPFAIL (try again), and that of a command that Ctrl-C ended, as in a shell."""

INTERRUPTED_MESSAGE = (
    "catsweep: interrupted; finished trials are kept, run the same command to resume"
)
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
SIGNALS = (signal.SIGINT, signal.SIGHUP, *STOP_SIGNALS)
RECEIVED: list[int] = []
"""The signals that interrupted this sweep."""

STOP_SECONDS = 20.0
"""Seconds for trials to save a checkpoint. Slurm kills a job 30 s after its SIGTERM."""

STOPS: list[int] = []
"""The signals that asked this sweep to stop."""

_FORCED: Final = threading.Event()
"""Set when this process interrupts itself: then nothing is saved first."""

_ON_STOP: list[Callable[[], None]] = []
"""What to call when a signal asks to stop; empty while no trial runs."""


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt from the block for each of SIGNALS, even if it was caught inside.

    After a signal the process is about to exit, so further signals are ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    RECEIVED.clear()
    STOPS.clear()
    _FORCED.clear()
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


@contextmanager
def stop_on_signals(ask_to_stop: Callable[[], None]) -> Iterator[None]:
    """Call `ask_to_stop` on the first of STOP_SIGNALS, instead of raising KeyboardInterrupt.

    If the block has not ended STOP_SECONDS later, or if another signal comes, it is interrupted.
    """
    timers: list[threading.Timer] = []

    def stop() -> None:
        ask_to_stop()
        timers.append(threading.Timer(STOP_SECONDS, interrupt_main))
        timers[0].daemon = True
        timers[0].start()

    _ON_STOP.append(stop)
    try:
        yield
    finally:
        _ON_STOP.remove(stop)
        for timer in timers:
            timer.cancel()


def was_asked_to_stop() -> bool:
    """Return whether a signal asked this sweep to stop."""
    return bool(STOPS)


def raise_if_asked_to_stop() -> None:
    """End the sweep if a signal asked for it, now that the trials have saved their checkpoints.

    Raises:
        KeyboardInterrupt: the signal was SIGTERM.
        Unfinished: it was SIGUSR1.
    """
    if signal.SIGUSR1 in STOPS:
        raise Unfinished("asked to stop by SIGUSR1")
    if STOPS:
        RECEIVED.extend(STOPS)
        raise KeyboardInterrupt


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
    """Interrupt the main thread at once from another thread."""
    _FORCED.set()
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
    if number in STOP_SIGNALS and _ON_STOP and not STOPS and not _FORCED.is_set():
        STOPS.append(number)
        _ON_STOP[-1]()
        return
    RECEIVED.append(number)
    raise KeyboardInterrupt
