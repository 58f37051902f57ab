"""`python -m catsweep`, and where the script `catsweep` begins; a wheel puts it in that place.

In: the process's start. Out: `orchestrator.main`, imported from where it is installed: neither the
current folder nor a project of the same package names comes first.
"""

import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # As `orchestrator.main` has it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> None:
    """Run the command line; another project's package in the way is one line and exit code 2."""
    if __name__ == "__main__" and not sys.flags.safe_path:
        del sys.path[0]  # The current folder, where there may be a `trainers` of somebody's own.
    from catsweep import find_shadow

    if shadow := find_shadow():
        sys.stderr.write(f"catsweep: {shadow}\n")
        sys.exit(2)
    from orchestrator.main import main as begin

    begin()


if __name__ == "__main__":
    main()
