"""Signals that ask a sweep to stop: trials are saved first, but never for long."""

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from orchestrator import endings
from orchestrator.endings import (
    interrupt_main,
    raise_if_asked_to_stop,
    stop_on_signals,
    terminate_as_interrupt,
    was_asked_to_stop,
)
from search_spaces.errors import Unfinished


@pytest.fixture(autouse=True)
def handlers() -> object:
    """Restore the handlers, which a sweep leaves ignored after a signal."""
    numbers = endings.SIGNALS
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
    endings.RECEIVED.clear()
    endings.STOPS.clear()


def play(send: Callable[[], None], asked: list[int], seconds: float) -> None:
    """A sweep that gets signals; its block ends by itself after some seconds."""
    with terminate_as_interrupt():
        with stop_on_signals(lambda: asked.append(1)):
            send()
            time.sleep(seconds)
        raise_if_asked_to_stop()
        pytest.fail("it was not interrupted")


def to_me(*numbers: int) -> Callable[[], None]:
    def send() -> None:
        for number in numbers:
            os.kill(os.getpid(), number)
            time.sleep(0.05)

    return send


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGUSR1, Unfinished), (signal.SIGTERM, KeyboardInterrupt)]
)
def test_the_first_signal_asks_and_the_block_ends_by_itself(
    number: int, expected: type[BaseException]
) -> None:
    asked: list[int] = []
    with pytest.raises(expected):
        play(to_me(number), asked, seconds=0.1)
    assert asked == [1]
    assert was_asked_to_stop()


def test_a_second_signal_interrupts() -> None:
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        play(to_me(signal.SIGTERM, signal.SIGTERM), [], seconds=20)
    assert time.monotonic() - began < 10


def test_a_block_that_does_not_end_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "STOP_SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        play(to_me(signal.SIGUSR1), [], seconds=20)
    assert time.monotonic() - began < 10


def test_a_sweep_that_interrupts_itself_does_not_ask() -> None:
    """As when Ray is gone: there is nobody to save a checkpoint."""
    asked: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        play(lambda: threading.Timer(0.05, interrupt_main).start(), asked, seconds=20)
    assert asked == []


def test_ctrl_c_interrupts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell may have it ignored.
    asked: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        play(to_me(signal.SIGINT), asked, seconds=20)
    assert asked == []
