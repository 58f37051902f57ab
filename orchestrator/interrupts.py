"""Ctrl-C where something is to be cleaned up: `main.py` has it end the process at once elsewhere.

In: a block that writes. Out: KeyboardInterrupt at its end or within, whoever drops it on the way:
Python does where it is raised in a callback, and libraries turn it into other exceptions.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unwinding() -> Iterator[None]:
    """Let Ctrl-C leave the block as an exception: `finally` removes what is half-written."""
    before, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    alone = threading.current_thread() is threading.main_thread() and before is signal.SIG_DFL
    noted: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        noted.append(number)
        raise KeyboardInterrupt

    def dropped(what: "sys.UnraisableHookArgs") -> None:
        if not issubclass(what.exc_type, KeyboardInterrupt):
            hook(what)

    if alone:
        signal.signal(signal.SIGINT, interrupt)
        sys.unraisablehook = dropped
    try:
        yield
    except Exception as error:
        if noted:
            raise KeyboardInterrupt from error
        raise
    finally:
        if alone:
            signal.signal(signal.SIGINT, before)
            sys.unraisablehook = hook
    if noted:
        raise KeyboardInterrupt
