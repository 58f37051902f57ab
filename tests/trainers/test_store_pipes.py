"""A pipe or a device in the place of a store's file: nobody waits, nobody reads without end."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from search_spaces.errors import UserError
from tests.trainers.stored import filled
from trainers.records.files import read_whole, write_file
from trainers.records.searches import read_searches
from trainers.records.store import State, Store

MAKE: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.fixture(params=MAKE)
def put(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """Put something in the place of a file."""

    def put(path: Path) -> None:
        path.unlink(missing_ok=True)
        MAKE[request.param](path)

    return put


def test_nothing_is_read_of_what_is_no_file(put: Callable[[Path], None], tmp_path: Path) -> None:
    put(tmp_path / "file")
    with pytest.raises(IsADirectoryError, match="not a regular file"):
        read_whole(tmp_path / "file")


@pytest.mark.parametrize("name", ["result.json", "config.json", "predictions-dev.parquet"])
def test_a_trial_of_which_it_is_a_file_is_corrupt(
    name: str, put: Callable[[Path], None], tmp_path: Path
) -> None:
    store, trials = filled(tmp_path / "store")
    done = next(t.signature for t in trials if store.state(t.signature) is State.DONE)
    put(store.folder(done) / name)
    fresh = Store(store.root, create=False)
    assert fresh.state(done) is State.CORRUPT


def test_a_store_of_which_it_is_the_mark_is_refused(
    put: Callable[[Path], None], tmp_path: Path
) -> None:
    store, _ = filled(tmp_path / "store")
    put(store.root / "store.json")
    with pytest.raises(UserError, match="is not a valid store mark"):
        Store(store.root, create=False)


def test_a_search_or_a_lock_that_is_one_is_named(
    put: Callable[[Path], None], tmp_path: Path
) -> None:
    store, trials = filled(tmp_path / "store")
    record = next(store.searches.glob("*.json"))
    put(record)
    with pytest.raises(UserError, match=record.name):
        read_searches(store)
    folder = store.running_folder(trials[-1].signature)
    folder.mkdir(exist_ok=True)
    put(folder / "lock")
    with pytest.raises(UserError, match="lock"):
        store.is_locked(trials[-1].signature)
    with pytest.raises(UserError, match="lock"), store.lock(trials[-1].signature):
        pass


def test_no_file_takes_the_place_of_a_device(put: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "out"
    put(path)
    before = path.lstat()
    with pytest.raises(UserError, match="is not a regular file and is not replaced"):
        write_file(path, b"bytes")
    assert path.lstat() == before
    assert [found.name for found in tmp_path.iterdir()] == ["out"]
