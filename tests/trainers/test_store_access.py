"""What may not be read is neither gone nor damaged, and what is no folder is said to be none.

Root may read everything: these tests look at a store as a user without rights.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from search_spaces.errors import UserError
from tests.trainers.stored import DONE, FAILED, PRUNED, filled
from trainers.checkpoints import Checkpoints, Keeping
from trainers.kept_models import find_model
from trainers.records.searches import read_searches
from trainers.records.store import CorruptTrial, State, Store

NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user whom the modes of files bind, for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def root() -> Iterator[Path]:
    """A store of that user, in a folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        path = Path(scratch) / "store"
        store, trials = filled(path)
        (path / "set-aside").mkdir()
        store.running_folder(trials[-1].signature).mkdir()
        (store.running_folder(trials[-1].signature) / "lock").touch()
        if os.geteuid() == 0:
            for place in (path, *path.rglob("*")):
                os.chown(place, NOBODY, NOBODY)
        yield path


def look(root: Path, name: str, what: str) -> object:
    """Do something that needs the right to read."""
    store = Store(root, create=what == "run")
    match what:
        case "state" | "run":
            assert name in store.ended() or store.is_locked(name)
            return store.state(name)
        case "read":
            return store.labels(store.verified_record(name), "dev").gold.size
        case "retry":
            return store.set_aside(name)
        case "searches":
            return len(read_searches(store))
        case "models":
            return find_model(store, name)
        case _:
            keeping = Keeping(study="small", keep="best", cells={"cell": (name,)})
            Checkpoints(store, keeping).check_folders()
            return None


@pytest.mark.parametrize(
    ("place", "what"),
    [
        (".", "state"),
        ("store.json", "state"),
        ("trials", "state"),
        ("trials", "run"),
        ("trials/{done}", "state"),
        ("trials/{done}", "retry"),
        ("trials/{done}/result.json", "state"),
        ("trials/{done}/result.json", "retry"),
        ("trials/{failed}/failure.json", "state"),
        ("trials/{failed}", "retry"),
        ("trials/{pruned}/pruned.json", "state"),
        ("trials/{done}/predictions-dev.parquet", "read"),
        ("trials/{done}/predictions-dev.parquet", "retry"),
        ("trials/{done}/config.json", "read"),
        ("running", "run"),
        ("running/{last}", "state"),
        ("running/{last}/lock", "state"),
        ("searches", "searches"),
        ("searches/{search}", "searches"),
        ("checkpoints", "models"),
        ("checkpoints/small", "models"),
        ("checkpoints/small/cell", "models"),
        ("checkpoints/small/cell", "keep"),
        ("checkpoints", "run"),
        ("set-aside", "run"),
    ],
)
def test_what_may_not_be_read_is_named_and_left_alone(place: str, what: str, root: Path) -> None:
    store = Store(root, create=False)
    states = {store.state(name): name for name in store.ended()}
    done, failed, pruned = (states[s] for s in (State.DONE, State.FAILED, State.PRUNED))
    (search,), (last,) = ([p.name for p in (root / n).iterdir()] for n in ("searches", "running"))
    path = root / place.format(done=done, failed=failed, pruned=pruned, search=search, last=last)
    name = next((n for n in (failed, pruned, last) if n in str(path)), done)
    before = sorted(str(entry) for entry in root.rglob("*"))
    path.chmod(0)
    try:
        with as_nobody(), pytest.raises(UserError) as caught:
            look(root, name, what)
    finally:
        path.chmod(0o700)
    said = str(caught.value)
    assert not isinstance(caught.value, CorruptTrial)
    assert "\n" not in said
    for part in (str(path), "Permission denied", "chmod"):
        assert part in said
    after = {str(entry) for entry in root.rglob("*")}
    assert after - set(before) <= {str(root / "running" / name / end) for end in (".", "lock")}
    assert set(before) <= after


def test_a_user_with_the_right_to_reads_and_sets_aside(root: Path) -> None:
    """The refusals above are for the modes alone."""
    store = Store(root, create=False)
    done = next(n for n in sorted(store.ended()) if store.state(n) is State.DONE)
    with as_nobody():
        for what, found in (("state", State.DONE), ("run", State.DONE), ("searches", 1)):
            assert look(root, done, what) == found
        assert look(root, done, "read") == 200
        assert look(root, done, "retry") is None
        (store.folder(done) / "predictions-dev.parquet").write_bytes(b"damage")
        assert look(root, done, "retry") == root / "set-aside" / f"{done}-1"


def a_file(path: Path) -> None:
    path.write_text("no folder")


def a_loop(path: Path) -> None:
    path.symlink_to(path)


def a_dead_end(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("make", [a_file, a_loop, a_dead_end])
@pytest.mark.parametrize("name", ["trials", "running", "searches", "set-aside", "checkpoints"])
def test_what_is_no_folder_within_a_store_is_said_to_be_none(
    name: str, make: Callable[[Path], None], tmp_path: Path
) -> None:
    store, _ = filled(tmp_path / "store")
    path = store.root / name
    shutil.rmtree(path, ignore_errors=True)
    make(path)
    for create in (False, True):
        with pytest.raises(UserError, match=str(path)):
            Store(store.root, create=create)


@pytest.mark.parametrize("make", [a_loop, a_dead_end])
def test_a_link_that_leads_nowhere_is_no_empty_store(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "store")
    for create in (False, True):
        with pytest.raises(UserError, match="store"):
            Store(tmp_path / "store", create=create)


@pytest.mark.parametrize("make", [a_file, a_loop, a_dead_end])
def test_a_trial_s_folder_that_is_none_is_corrupt_and_can_be_set_aside(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    store, trials = filled(tmp_path / "store")
    name = trials[DONE].signature
    shutil.rmtree(store.folder(name))
    make(store.folder(name))
    assert name in store.ended()
    assert store.state(name) is State.CORRUPT
    with pytest.raises(CorruptTrial, match=name):
        store.check(name)
    assert store.set_aside(name) is not None
    assert store.state(name) is State.MISSING


def test_a_record_that_is_a_folder_is_corrupt(tmp_path: Path) -> None:
    store, trials = filled(tmp_path / "store")
    for place, file in ((DONE, "result.json"), (PRUNED, "pruned.json"), (FAILED, "failure.json")):
        path = store.folder(trials[place].signature) / file
        path.unlink()
        path.mkdir()
        assert store.state(trials[place].signature) is State.CORRUPT
    path = next(store.searches.iterdir())
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match="is not a valid record of a search"):
        read_searches(store)


def test_other_files_beside_the_trials_are_nobody_s_trials(tmp_path: Path) -> None:
    store, _ = filled(tmp_path / "store")
    before = store.ended()
    (store.trials / ".DS_Store").touch()
    (store.trials / "notes").mkdir()
    (store.searches / "._4f2ee41478e4.json").touch()
    assert store.ended() == before
    assert len(read_searches(store)) == 1


def test_of_two_that_set_a_trial_aside_one_does_and_the_other_goes_on(tmp_path: Path) -> None:
    store, trials = filled(tmp_path / "store")
    name = trials[FAILED].signature
    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(lambda _: Store(store.root, create=False).set_aside(name), range(16))]
    assert sum(path is not None for path in found) == 1
    assert store.state(name) is State.MISSING


def test_what_another_has_set_aside_and_trained_again_stays(tmp_path: Path) -> None:
    """A plan is some moments old when a retry acts on it."""
    store, trials = filled(tmp_path / "store")
    late = Store(store.root, create=False)
    name, whole = trials[FAILED].signature, trials[DONE].signature
    assert late.state(name) is State.FAILED
    assert store.set_aside(name) is not None
    with store.lock(name) as mine:
        assert mine
        assert late.set_aside(name) is None
    assert late.set_aside(whole) is None
    assert late.state(whole) is State.DONE
