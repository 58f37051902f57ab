"""The private folder of a run: where it is made, what it holds, and who removes it."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.run_folder import clear_leftovers, private_folder
from search_spaces.errors import UserError

RAY_SOCKET = "r/session_2030-12-31_23-59-59_999999_4194304/sockets/plasma_store"
KILLED = """
import os, signal, subprocess
from orchestrator.run_folder import private_folder
with private_folder() as folder:
    (folder / "r").mkdir()
    log = folder / "r" / "log"
    with open(log, "w") as file:
        worker = subprocess.Popen(["sleep", "60"], stdout=file, stderr=file)
    nowhere = subprocess.DEVNULL
    reader = subprocess.Popen(["tail", "-f", str(log)], stdout=nowhere, stderr=nowhere)
    print(folder, worker.pid, reader.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for temporary files with a short path; no other is set."""
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_it_is_its_owner_s_alone_and_gone_at_the_end(place: Path) -> None:
    with private_folder() as first, private_folder() as second:
        assert first != second
        assert first.parent == second.parent == place
        assert mode(first) == 0o700
        assert mode(first / "token") == 0o600
        assert len((first / "token").read_text()) == 64
        assert (first / "token").read_text() != (second / "token").read_text()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
@pytest.mark.parametrize("kind", ["long", "missing", "a file", "open to all", "a loop"])
def test_a_place_that_is_of_no_use_is_passed_over(
    kind: str, name: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's sockets have a path of 107 bytes at most; Slurm's job folders are longer."""
    other = place / ("x" * 80 if kind == "long" else "x")
    if kind == "a file":
        other.touch()
    elif kind == "a loop":
        other.symlink_to(other)
    elif kind != "missing":
        other.mkdir()
    if kind == "open to all":  # Whoever may rename it could put a folder of his own in its place.
        other.chmod(0o777)
    monkeypatch.setenv(name, str(other))
    with private_folder() as folder:
        assert folder.parent != other
        assert len(os.fsencode(folder / RAY_SOCKET)) <= 107
    assert other.is_dir() == (kind in {"long", "open to all"})


def test_no_place_at_all_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(
        "orchestrator.run_folder._temporary_folders", lambda: [tmp_path / "missing"]
    )
    with pytest.raises(UserError, match="set TMPDIR"), private_folder():
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_killed_run_left_is_cleared_and_nothing_else(place: Path) -> None:
    """Its folder, and its processes; not who looks at its logs, nor what only has such a name."""
    others = [place / name for name in ("catsweep-store", "catsweep-other000", "catsweep-open0000")]
    for other in others:
        other.mkdir(mode=0o700)
        (other / "lock").touch()
    (others[2] / "token").touch()
    others[2].chmod(0o755)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], env=os.environ, capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    folder, worker, reader = killed.stdout.split()
    with private_folder() as living:
        assert not Path(folder).exists()
        clear_leftovers()
        assert {*place.iterdir()} == {living, *others}
    assert state(int(worker)) in {"Z", ""}
    assert state(int(reader)) not in {"Z", ""}
    os.kill(int(reader), signal.SIGKILL)


def state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
