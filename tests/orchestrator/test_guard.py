"""The process that waits for a run: whatever ends the run, its user is told how to go on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "sigwaitinfo"), reason="the system cannot wait for several signals"
)
GUARDED = """
import ctypes, os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from orchestrator.guard import guard_run, report_end
guard_run()
print(os.getpid(), flush=True)
"""
WAITS = "time.sleep(60)"


def start(code: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """Start a process in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def number_of_run(guard: subprocess.Popen[str]) -> int:
    assert guard.stdout is not None
    return int(guard.stdout.readline())


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("report_end(0); sys.exit(0)", 0),
        ("report_end(2); sys.exit(2)", 2),
        ("report_end(75); os._exit(1)", 75),
        ("report_end(0); os.abort()", 0),
    ],
)
def test_an_end_that_was_told_is_the_exit_code(end: str, code: int) -> None:
    guard = start(GUARDED + end)
    _, said = guard.communicate(timeout=30)
    assert (guard.returncode, said) == (code, "")


@pytest.mark.parametrize(
    ("end", "what"),
    [
        ("os._exit(1)", "Ray ended"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "the run was killed (SIGKILL"),
        ("ctypes.string_at(0)", "the run crashed (SIGSEGV)"),
        ("os.abort()", "the run crashed (SIGABRT)"),
    ],
)
def test_an_end_without_a_word_is_an_unfinished_run(end: str, what: str) -> None:
    guard = start(GUARDED + end)
    _, said = guard.communicate(timeout=30)
    assert guard.returncode == 75
    (line,) = said.splitlines()
    assert line.startswith(f"catsweep: {what}")
    assert "run the same command again to resume" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_guard_reaches_the_run_and_both_end_by_it(number: signal.Signals) -> None:
    with start(GUARDED + WAITS) as guard:
        run = number_of_run(guard)
        guard.send_signal(number)
        assert guard.wait(timeout=30) == -number
        assert not Path(f"/proc/{run}").exists()


def test_ctrl_c_in_a_terminal_reaches_the_run_once() -> None:
    """It goes to the whole group: handed on, too, it would be a second Ctrl-C."""
    terminal, inner = os.openpty()
    own_terminal = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    counts = (
        "came = []\n"
        "signal.signal(signal.SIGINT, lambda number, frame: came.append(number))\n"
        "print('ready', flush=True)\n"
        "while not came: time.sleep(0.05)\n"
        "time.sleep(0.5)\n"
        "report_end(len(came))"
    )
    with start(own_terminal + GUARDED + counts, stdin=inner) as guard:
        assert guard.stdout is not None
        number_of_run(guard)
        guard.stdout.readline()
        os.write(terminal, b"\x03")
        assert guard.wait(timeout=30) == 1
    os.close(terminal)
    os.close(inner)


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    """As `nohup` has it."""
    ignored = GUARDED.replace("SIGHUP, signal.SIG_DFL", "SIGHUP, signal.SIG_IGN")
    with start(ignored + "time.sleep(1); report_end(0)") as guard:
        number_of_run(guard)
        guard.send_signal(signal.SIGHUP)
        assert guard.wait(timeout=30) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's word for a parent's end")
def test_a_run_does_not_outlive_its_guard() -> None:
    with start(GUARDED + WAITS) as guard:
        run = number_of_run(guard)
        guard.kill()
        deadline = time.monotonic() + 10
        while _lives(run) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _lives(run)


def _lives(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
