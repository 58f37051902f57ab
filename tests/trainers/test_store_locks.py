"""One owner per trial, whoever dies; and files that are written whole or not at all."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trainers.records.files import DISK_FULL_ERRORS, StoreFull, Unreadable, write_file
from trainers.records.store import State, Store

NAME = "0123456789ab"

OWNER = """
import sys, time
from pathlib import Path
from trainers.records.store import Store
with Store(Path(sys.argv[1]), create=False).lock(sys.argv[2]) as mine:
    print(mine, flush=True)
    sys.stdin.readline()
"""

FULL_DISK = """
import resource, sys
from pathlib import Path
from trainers.records.files import StoreFull, write_file
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_file(path, b"x" * int(sys.argv[2]))
except StoreFull as error:
    print(error)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


@pytest.fixture
def owner(store: Store) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns the trial."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(store.root), NAME],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


def test_a_trial_has_one_owner_and_a_killed_one_owns_nothing(
    store: Store, owner: subprocess.Popen[str]
) -> None:
    assert store.is_locked(NAME)
    assert store.state(NAME) is State.RUNNING
    with store.lock(NAME) as mine:
        assert not mine
    assert store.is_locked(NAME)
    with store.lock("other") as mine:
        assert mine
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert not store.is_locked(NAME)
    assert store.state(NAME) is State.MISSING
    with store.lock(NAME) as mine:
        assert mine
        assert store.state(NAME) is State.RUNNING
    assert not store.is_locked(NAME)


def test_a_lock_is_freed_when_its_owner_raises(store: Store) -> None:
    def fail() -> None:
        with store.lock(NAME) as mine:
            assert mine
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not store.is_locked(NAME)


def test_looking_at_a_lock_does_not_take_it(store: Store) -> None:
    store.running_folder(NAME).mkdir()
    (store.running_folder(NAME) / "lock").touch()
    assert not store.is_locked(NAME)
    with store.lock(NAME) as mine:
        assert mine


@pytest.mark.parametrize("remade", [False, True])
def test_the_lock_of_a_removed_file_is_not_ownership(
    remade: bool, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner finishes and removes its folder after we opened the lock, before we got it."""
    real = fcntl.flock

    def late(file: Any, how: int) -> None:
        store.remove_running(NAME)
        if remade:
            store.running_folder(NAME).mkdir()
            (store.running_folder(NAME) / "lock").touch()
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with store.lock(NAME) as mine:
        assert not mine


def test_a_lock_never_follows_a_link(store: Store, tmp_path: Path) -> None:
    store.running_folder(NAME).mkdir()
    (store.running_folder(NAME) / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unreadable, match="lock"), store.lock(NAME):
        pass
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(Unreadable, match="lock"):
        store.is_locked(NAME)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, b"one")
    with path.open("rb") as reader:
        write_file(path, b"two, longer", sync=False)
        assert reader.read() == b"one"
    assert path.read_bytes() == b"two, longer"
    assert leftovers(tmp_path) == ["file"]


@pytest.mark.parametrize("size", [5_000, 5_000_000], ids=["when flushed", "when written"])
def test_a_full_disk_leaves_the_old_file_and_no_other(size: int, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_file(path, b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path), str(size)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"no space left to write {path}: free some space and run again\n"
    assert done.stderr == ""
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == ["result.json"]


@pytest.mark.parametrize("number", sorted(DISK_FULL_ERRORS))
def test_no_space_at_the_sync_is_a_full_store(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFull, match="no space left"):
        write_file(tmp_path / "file", b"x")
    assert leftovers(tmp_path) == []


def test_another_failure_is_raised_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        write_file(tmp_path / "taken", b"x")
    assert leftovers(tmp_path) == ["taken"]
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "nowhere" / "file", b"x")
