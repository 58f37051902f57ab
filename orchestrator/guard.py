"""Runs `catsweep run` in a child process, which the process that the user started watches.

In: signals, which are forwarded to the child. Out: the child's exit code. If the child dies without
reporting one (Ray ends it, the system is short of memory, native code crashes), the guard prints
one line, restores the terminal, removes processes and folders, and exits with UNFINISHED.
"""

import os
import signal
import sys

SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}
_END_PIPES: list[int] = []
"""The pipe to the guard, on which this process reports its exit code; empty without a guard."""


def guard_run() -> None:
    """Fork this process: the child returns and runs, and the parent waits until it has ended.

    No threads may be running, and nothing large should be imported yet. A system that cannot wait
    for several signals at once (macOS) gets no guard.
    """
    if not hasattr(signal, "sigwaitinfo"):
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # If ignored, the exit code would be lost.
    reader, writer = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, signal.SIGCHLD})
    guard, run = os.getpid(), os.fork()
    if run == 0:
        os.close(reader)
        _END_PIPES.append(writer)
        _end_with_guard(guard)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    os.close(writer)
    status = _wait_for_run(run)
    os.set_blocking(reader, False)
    try:
        reported = os.read(reader, 16)
    except BlockingIOError:
        reported = b""
    _exit_like(status, reported)


def report_end(code: int) -> None:
    """Report to the guard with which code this process is about to exit."""
    for pipe in _END_PIPES:
        with open(pipe, "wb", closefd=False) as file:
            file.write(b"%d " % code)


def _end_with_guard(guard: int) -> None:
    """Make the system kill this process when its guard dies (Linux)."""
    if sys.platform == "linux":
        import ctypes

        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:
            os._exit(1)


def _wait_for_run(run: int) -> int:
    """Forward signals until the run has ended; return its wait status."""
    while True:
        received = signal.sigwaitinfo({*SIGNALS, signal.SIGCHLD})
        if received.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(run, os.WNOHANG)
            if ended:
                return status
        elif received.si_code <= 0:  # Sent by a process; a terminal signals the run as well.
            os.kill(run, received.si_signo)


def _exit_like(status: int, reported: bytes) -> None:
    """Exit with the run's reported code, or by the same signal, or as an unfinished run."""
    if reported:
        os._exit(int(reported.split()[0]))
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number in {*SIGNALS, signal.SIGPIPE}:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    from orchestrator.endings import UNFINISHED, describe_unfinished
    from orchestrator.run_folder import clear_leftovers
    from orchestrator.say import leave_terminal, say
    from orchestrator.streams import open_streams

    open_streams()
    leave_terminal()
    say(describe_unfinished(_describe_death(number)))
    clear_leftovers()
    os._exit(UNFINISHED)


def _describe_death(number: int) -> str:
    if number == signal.SIGKILL:
        return "the run was killed (SIGKILL; the system does that when memory is short)"
    if number:
        return f"the run crashed ({signal.Signals(number).name})"
    return "Ray ended, and the run with it"
