"""Every bad input is one line that names the place and the remedy, and changes nothing."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import main
from search_spaces.text import MESSAGE_WIDTH
from tests.faults.bad_data import DATA
from tests.faults.bad_encoders import ENCODERS
from tests.faults.bad_environment import ENVIRONMENT
from tests.faults.bad_lines import LINES
from tests.faults.bad_predictions import PREDICTIONS
from tests.faults.bad_stores import STORES
from tests.faults.bad_studies import STUDIES
from tests.faults.cases import Case, build

CASES = [*STUDIES, *LINES, *DATA, *STORES, *PREDICTIONS, *ENCODERS, *ENVIRONMENT]
IN_PROCESS = [case for case in CASES if not case.process]
AS_PROCESS = [case for case in CASES if case.process]
SECONDS = 60
ROOT = Path(__file__).parents[2]
NAMES = {case.name for case in CASES}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def test_there_are_many_and_each_has_a_name() -> None:
    assert len(NAMES) == len(CASES) > 200


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    build(folder)
    return folder


@pytest.fixture
def work(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    shutil.copytree(good, folder)
    monkeypatch.chdir(folder)
    return folder


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    """What lies in a folder: each entry's kind and rights, and its content's hash."""
    found = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if path.is_symlink():
            content = str(path.readlink()).encode()
        else:
            content = path.read_bytes() if path.is_file() and os.access(path, os.R_OK) else b""
        found[str(path.relative_to(folder))] = (mode, hashlib.sha256(content).hexdigest())
    return found


@contextmanager
def no_hang() -> Iterator[None]:
    def late(*_: object) -> None:
        pytest.fail(f"it hangs for {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def check(case: Case, code: int, error: str) -> None:
    assert "Traceback" not in error, error
    assert code == case.code, error
    if case.silent:
        assert error == ""
        return
    assert error.count("\n") == 1, error
    assert error.startswith("catsweep: ")
    assert error[:-1].isprintable()
    assert len(error) <= MESSAGE_WIDTH + 200
    for part in case.says:
        assert part in error


@pytest.mark.parametrize("case", IN_PROCESS, ids=lambda case: case.name)
def test_a_bad_input_is_one_line(
    case: Case, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case.make(work)
    for name, value in case.env.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name, False)
    before = tree(work)
    with no_hang(), pytest.raises(SystemExit) as ended:
        main([*case.command])
    found = capsys.readouterr()
    check(case, int(ended.value.code or 0), found.err)
    assert found.out == ""
    assert tree(work) == before


START = "from orchestrator.main import main; main()"


def streams(case: Case) -> dict[str, Any]:
    """What the process gets for standard output: a path, nothing, or a pipe that nobody reads."""
    if case.stdout != "gone":
        return {"stdout": subprocess.PIPE}
    reader, writer = os.pipe()
    os.close(reader)
    return {"stdout": writer}


def without_privileges() -> list[str]:
    """Let even root meet the rights of its own files, as everybody else does."""
    if os.geteuid() != 0:
        return []
    given = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={given}", f"--inh-caps={given}"]


def redirected(case: Case) -> str:
    ends = {"stdout": (1, case.stdout), "stderr": (2, case.stderr)}
    to = {None: "", "gone": "", "closed": ">&-"}
    return " ".join(f"{n}{to.get(end, f'>{end}')}" for n, end in ends.values() if to.get(end, "x"))


@pytest.mark.parametrize("case", AS_PROCESS, ids=lambda case: case.name)
def test_a_bad_input_is_one_line_of_a_process(case: Case, work: Path) -> None:
    case.make(work)
    before = tree(work)
    env = {**os.environ, "PYTHONPATH": str(ROOT), **case.env}
    shell = ["sh", "-c", f'exec "$@" {redirected(case)}', "sh"]
    prefix = without_privileges() if case.unprivileged else []
    ended = subprocess.run(
        [*shell, *prefix, sys.executable, "-c", START, *case.command],
        env={name: value for name, value in env.items() if value is not None},
        stderr=subprocess.PIPE,
        timeout=SECONDS,
        check=False,
        **streams(case),
    )
    check(case, ended.returncode, ended.stderr.decode())
    assert tree(work) == before
