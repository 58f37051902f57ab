"""Every bad input is one line that names the place and the remedy, and changes nothing."""

import hashlib
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.cli import main
from search_spaces.text import MESSAGE_WIDTH
from tests.faults.bad_lines import LINES
from tests.faults.bad_studies import STUDIES
from tests.faults.cases import Case, build

CASES = [*STUDIES, *LINES]
IN_PROCESS = [case for case in CASES if not case.process]
AS_PROCESS = [case for case in CASES if case.process]
SECONDS = 120
ROOT = Path(__file__).parents[2]
NAMES = {case.name for case in CASES}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def test_there_are_many_and_each_has_a_name() -> None:
    assert len(NAMES) == len(CASES) > 150


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
            content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (mode, hashlib.sha256(content).hexdigest())
    return found


@contextmanager
def no_hang() -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"it hangs for {SECONDS} s")

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
