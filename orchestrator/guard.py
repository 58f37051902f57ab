"""A run in a process of its own, watched by the one that the user started.

In: signals, which are handed on. Out: the run's own exit code; or, where the process ends without
a word (Ray exits it below Python, the system is short of memory, native code crashes), one line,
the exit code of an unfinished run, a terminal as it was, and no process or folder left behind.
"""

import os
import signal
import sys

SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_END_PIPES: list[int] = []
"""The pipe on which this process tells how it ends, if another one waits for that."""


def guard_run() -> None:
    """Split this process: what returns is the run, and the other one waits for its end.

    Nothing heavy may be imported yet, and no thread be running. A system that cannot wait for
    several signals at once (macOS) has one process, as before.
    """
    if not hasattr(signal, "sigwaitinfo"):
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # Ignored, it would take the exit code with it.
    reader, writer = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, signal.SIGCHLD})
    guard, run = os.getpid(), os.fork()
    if run == 0:
        os.close(reader)
        _END_PIPES.append(writer)
        _end_with(guard)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    os.close(writer)
    status = _wait_for(run)
    os.set_blocking(reader, False)
    try:
        told = os.read(reader, 16)
    except BlockingIOError:
        told = b""
    _exit_like(status, told)


def report_end(code: int) -> None:
    """Tell how this process is about to end, so that nobody takes it for an accident."""
    for pipe in _END_PIPES:
        with open(pipe, "wb", closefd=False) as file:
            file.write(b"%d " % code)


def _end_with(guard: int) -> None:
    """Have the system kill this process when its guard is killed: one process for the user."""
    if sys.platform == "linux":
        import ctypes

        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:
            os._exit(1)


def _wait_for(run: int) -> int:
    """Hand signals on until the run's process has ended; return its wait status."""
    while True:
        came = signal.sigwaitinfo({*SIGNALS, signal.SIGCHLD})
        if came.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(run, os.WNOHANG)
            if ended:
                return status
        elif came.si_code <= 0:  # Sent by a process; a terminal sends them to both of us.
            os.kill(run, came.si_signo)


def _exit_like(status: int, told: bytes) -> None:
    """End as the run did: with the code that it told, by its signal, or as an unfinished run."""
    if told:
        os._exit(int(told.split()[0]))
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
