"""The entry point of `catsweep` and `python -m catsweep`; installed as `catsweep/__main__.py`.

In: the start of the process. Out: a call of `orchestrator.main`, imported from where it is
installed, even if the current folder or another project has packages of the same names.
"""

import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # As in `orchestrator.main`.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> None:
    """Run the command line; one line and exit code 2 if another project hides a package."""
    if __name__ == "__main__" and not sys.flags.safe_path:
        del sys.path[0]  # The current folder, which may have an unrelated package `trainers`.
    from catsweep import find_shadow

    if shadow := find_shadow():
        sys.stderr.write(f"catsweep: {shadow}\n")
        sys.exit(2)
    from orchestrator.main import main as begin

    begin()


if __name__ == "__main__":
    main()
