"""The start of the process: signal handling and streams, before anything large is imported.

Ctrl-C ends the process at once and silently (exit code 130 in a shell) while there is nothing to
clean up; commands that write or train set their own handlers. Only the start of the interpreter
comes earlier.
"""

import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # Not ignored, as behind `&`.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> None:
    """Run the command line on the arguments and streams of the process, and exit."""
    from orchestrator.guard import guard_run, report_end

    if sys.argv[1:2] in (["run"], ["confirm"]):
        guard_run()
    from orchestrator.say import calm_libraries
    from orchestrator.streams import open_streams

    open_streams()
    calm_libraries()
    try:
        from orchestrator.cli import main as run

        run()
    except SystemExit as end:
        report_end(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise
    except Exception:
        report_end(1)
        raise
