"""Where the process of `catsweep` begins: what holds before anything else is imported.

Ctrl-C ends it at once and without a word (a shell's $? is 130) as long as nothing is to be cleaned
up; the commands that write and train take over from there. Only the interpreter's own start is
earlier.
"""

import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # Not ignored, as behind `&`.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> None:
    """Run the command line on the process's own arguments and streams, and exit."""
    from orchestrator.guard import guard_run, report_end

    if sys.argv[1:2] == ["run"]:
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
