"""The process's environment: streams that take nothing, folders that are none, odd terminals.

The answer is one line, or none; the exit code is that of the command wherever it could do its work.
"""

from tests.faults.cases import Case, write

PLAN = ("plan", "s.yaml", "--store", "store")
FULL = "cannot write to standard output: No space left on device"


def stream(name: str, *command: str, code: int, says: tuple[str, ...] = (), **given: str) -> Case:
    return Case(
        name=f"environment, {name}",
        command=command,
        code=code,
        says=says,
        silent=not says,
        process=True,
        stdout=given.get("stdout"),
        stderr=given.get("stderr"),
    )


def variable(name: str, value: str | None, *command: str) -> Case:
    """A variable that names no folder spoils nothing that needs none."""
    return Case(
        name=f"environment, {name}={value}",
        make=write("file", "mine"),
        command=command or PLAN,
        env={name: value},
        process=True,
        code=0,
        silent=True,
    )


ENVIRONMENT = [
    stream("a full disk", *PLAN, stdout="/dev/full", code=1, says=(FULL,)),
    stream("a full disk for help", "--help", stdout="/dev/full", code=1, says=(FULL,)),
    stream("a full disk for JSON", *PLAN, "--json", stdout="/dev/full", code=1, says=(FULL,)),
    stream("a full disk for remarks", "plan", "none", stderr="/dev/full", code=2),
    stream("no standard output", *PLAN, stdout="closed", code=0),
    stream("no standard error", "plan", "none", stderr="closed", code=2),
    stream("a reader that is gone", *PLAN, stdout="gone", code=141),
    variable("LC_ALL", "C"),
    variable("PYTHONIOENCODING", "ascii"),
    variable("PYTHONIOENCODING", "latin-1"),
    variable("PYTHONWARNINGS", "error"),
    variable("COLUMNS", "0"),
    variable("COLUMNS", "wide"),
    variable("HOME", None),
    variable("HOME", "/proc/self/none"),
    variable("HF_HOME", "file"),
    variable("XDG_CACHE_HOME", "file"),
    variable("TMPDIR", "/proc/self/none"),
]
