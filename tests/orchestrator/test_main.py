"""The process: Ctrl-C from its first moment on, its streams, and what is half-written then."""

import errno
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.endings import SIGNALS, terminate_as_interrupt
from reports.exports.flat import write_trials
from reports.exports.rows import TrialRow, read_rows
from tests.reports.exported import fill, study
from trainers.records.store import Store

ROOT = Path(__file__).parents[2]
# A shell that runs the tests in the background has them, and what they start, ignore Ctrl-C.
HEAR = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
MAIN = "from orchestrator.main import main; print('on', flush=True); main()"
BEGIN = HEAR + MAIN


def started(*arguments: str, code: str = BEGIN) -> subprocess.Popen[bytes]:
    """Start the command in a process; return when its first module is imported."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"on\n"
    return process


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("command", ["plan", "report", "run"])
def test_ctrl_c_is_quiet_from_the_first_moment_on(
    command: str, seconds: float, tmp_path: Path
) -> None:
    """It was a traceback, or several, until the command line was imported."""
    fill(Store(tmp_path / "store", create=True))
    process = started(command, "quickstart", "--store", str(tmp_path / "store"))
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    try:
        _, error = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait(60)
        raise
    assert process.returncode in {-signal.SIGINT, 130, 0, 1}  # A shell says 130 of the first two.
    assert b"Traceback" not in error
    assert b"ignored" not in error
    if process.returncode not in {0, 1}:
        assert error.count(b"\n") <= 1


def test_ctrl_c_that_is_ignored_stays_so() -> None:
    """As a shell has it for what runs behind `&`."""
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    process = started("--version", code=f"{code}{MAIN}")
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, b"")
    assert out.startswith(b"catsweep ")


@contextmanager
def quiet_death() -> Iterator[None]:
    """What `main.py` sets; what an interrupt leaves ignored, to the process's end, is put back."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def in_a_callback() -> None:
    """Python prints and drops what is raised here."""

    class Thing:
        pass

    thing = Thing()
    finalizer = weakref.ref(thing, lambda _: interrupt())
    del thing
    assert finalizer() is None


def as_another_exception() -> None:
    try:
        interrupt()
    except KeyboardInterrupt:
        raise ImportError("a library's word for it") from None


@pytest.mark.parametrize("happens", [interrupt, in_a_callback, as_another_exception])
def test_an_interrupt_while_something_is_written_is_one(
    happens: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    cleaned: list[bool] = []

    def write() -> None:
        with terminate_as_interrupt():
            try:
                happens()
            finally:
                cleaned.append(True)

    with quiet_death(), pytest.raises(KeyboardInterrupt):
        write()
    assert cleaned == [True]
    assert capsys.readouterr().err == ""


def test_other_exceptions_pass() -> None:
    with quiet_death(), pytest.raises(OSError, match="No space"), terminate_as_interrupt():
        raise OSError(errno.ENOSPC, "No space")


def test_an_export_that_is_interrupted_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store", create=True)
    rows = read_rows(fill(store), store)
    monkeypatch.setattr(TrialRow, "seconds", property(lambda _: interrupt()))
    out = tmp_path / "out" / "t.csv"
    with quiet_death(), pytest.raises(KeyboardInterrupt), terminate_as_interrupt():
        write_trials(rows, out, "csv")
    assert list(tmp_path.rglob("*.tmp")) == []
    assert study().name == "small"
