"""Locks without flock: one owner, whoever dies or sleeps, and whatever the clocks say."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pytest

from search_spaces.errors import UserError
from trainers.records import leases as module
from trainers.records.files import StoreFull, write_file
from trainers.records.leases import Leases
from trainers.records.locks import CHOICE, Flock, choose_locks, flock_works
from trainers.records.store import Store

BEAT, EXPIRY = 0.1, 0.6
OWNER = f"""
import sys, time
from pathlib import Path
from trainers.records.leases import Leases
locks = Leases({BEAT}, {EXPIRY})
path = Path(sys.argv[1])
with locks.hold(path) as mine:
    print(mine, flush=True)
    for line in sys.stdin:
        print(locks.still_owned(path), flush=True)
"""
NO_FLOCK = """
import errno, fcntl
def refuse(file, operation):
    raise OSError(errno.{error}, "no locks here")
fcntl.flock = refuse
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trial" / "lock"


def watch(locks: Leases, path: Path, seconds: float) -> bool:
    """Look at a lock again and again; return whether it was free at the end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and locks.is_held(path):
        time.sleep(BEAT / 2)
    return not locks.is_held(path)


@contextmanager
def owner(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns a path."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()


def ask(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("?\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_one_owner_at_a_time(path: Path) -> None:
    mine, other = Leases(BEAT, EXPIRY), Leases(BEAT, EXPIRY)
    assert not other.is_held(path)
    with mine.hold(path) as first:
        assert first
        assert mine.still_owned(path)
        assert other.is_held(path)
        with other.hold(path) as second:
            assert not second
        assert not watch(other, path, 3 * EXPIRY), "a living owner was taken for dead"
    assert not other.is_held(path)
    with other.hold(path) as third:
        assert third
    assert other.taken == []


def test_of_many_at_once_one_wins(path: Path) -> None:
    def take(_: int) -> bool:
        with Leases(BEAT, EXPIRY).hold(path) as mine:
            time.sleep(0.5)
            return mine

    with ThreadPool(30) as pool:
        assert sum(pool.map(take, range(30), 1)) == 1


def test_a_killed_owner_is_replaced_after_the_expiry_by_one(path: Path) -> None:
    locks = Leases(BEAT, EXPIRY)
    with owner(path) as process:
        assert locks.is_held(path)
        process.kill()
        process.wait()
        began = time.monotonic()
        assert watch(locks, path, 10 * EXPIRY)
        assert time.monotonic() - began > EXPIRY / 2
        others = [Leases(BEAT, EXPIRY) for _ in range(5)]
        assert not any(one.is_held(path) for one in others), "what one has seen holds for all"
        with others[0].hold(path) as first, others[1].hold(path) as second:
            assert (first, second) == (True, False)
            assert others[0].taken == [path]


def test_an_owner_that_slept_and_was_replaced_knows_it(path: Path) -> None:
    locks = Leases(BEAT, EXPIRY)
    with owner(path) as process:
        assert ask(process) == "True"
        process.send_signal(signal.SIGSTOP)
        assert watch(locks, path, 10 * EXPIRY)
        with locks.hold(path) as mine:
            assert mine
            process.send_signal(signal.SIGCONT)
            assert ask(process) == "False"
            time.sleep(3 * BEAT)
            assert locks.still_owned(path)


def test_an_owner_that_slept_and_was_not_replaced_keeps_its_lock(path: Path) -> None:
    locks = Leases(BEAT, EXPIRY)
    with owner(path) as process:
        process.send_signal(signal.SIGSTOP)
        assert watch(locks, path, 10 * EXPIRY)
        process.send_signal(signal.SIGCONT)
        time.sleep(3 * BEAT)
        assert ask(process) == "True"
        assert locks.is_held(path)
        with locks.hold(path) as mine:
            assert not mine


def test_no_clock_of_another_machine_matters(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files may have any time, and no wall clock is read."""

    def fail() -> float:
        raise AssertionError("the wall clock was read")

    monkeypatch.setattr(time, "time", fail)
    locks = Leases(BEAT, EXPIRY)
    with owner(path):
        end = time.monotonic() + 2 * EXPIRY
        while time.monotonic() < end:
            for file in path.parent.iterdir():
                if not file.name.startswith("."):
                    os.utime(file, (0, 0))
            assert locks.is_held(path)
            time.sleep(BEAT / 2)


def test_an_owner_whose_trial_has_ended_elsewhere_leaves_nothing(path: Path) -> None:
    with Leases(BEAT, EXPIRY).hold(path) as mine:
        assert mine
        for file in path.parent.iterdir():
            file.unlink()
        path.parent.rmdir()
        time.sleep(3 * BEAT)
    assert not path.parent.exists()


def test_a_number_that_was_used_before_does_not_count(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow process saw lease 1 released; meanwhile 2 came and went, and 3 has an owner."""
    slow, locks = Leases(BEAT, EXPIRY), Leases(BEAT, EXPIRY)
    for _ in range(2):
        with locks.hold(path):
            pass
    with locks.hold(path) as mine:
        assert mine
        seen = iter([(1, module.RELEASED)])
        now = module._highest
        monkeypatch.setattr(module, "_highest", lambda one: next(seen, None) or now(one))
        with slow.hold(path) as second:
            assert not second
        assert locks.still_owned(path)
        assert [file.name for file in path.parent.iterdir()] == ["lock.3"]


def test_waiting_for_a_lock_takes_turns_and_outlives_a_dead_owner(path: Path) -> None:
    inside, most = [0], [0]

    def work(_: int) -> None:
        with Leases(BEAT, EXPIRY).wait(path):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            inside[0] -= 1

    with owner(path) as process, ThreadPool(4) as pool:
        process.kill()
        pool.map(work, range(12), 1)
    assert most == [1]


def test_a_full_disk_ends_no_heartbeat(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = Leases(BEAT, EXPIRY), Leases(BEAT, EXPIRY)
    with mine.hold(path):
        full = [True, True]

        def write_or_fail(file: Path, data: bytes, *, sync: bool = True) -> None:
            if full:
                full.pop()
                raise StoreFull("no space is left")
            write_file(file, data, sync=sync)

        monkeypatch.setattr(module, "write_file", write_or_fail)
        assert not watch(other, path, 3 * EXPIRY)
        assert full == []
        assert mine.still_owned(path)


def test_numbers_do_not_pile_up(path: Path) -> None:
    locks = Leases(BEAT, EXPIRY)
    for _ in range(5):
        with locks.hold(path) as mine:
            assert mine
    assert [file.name for file in path.parent.iterdir()] == ["lock.5"]


@pytest.mark.parametrize("error", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_a_file_system_without_flock_has_leases(error: str, tmp_path: Path) -> None:
    """Also in processes that find the store so."""
    (tmp_path / "sitecustomize.py").write_text(NO_FLOCK.format(error=error))
    code = "import sys; from pathlib import Path; from trainers.records.store import Store; "
    code += "print(type(Store(Path(sys.argv[1]), create=True).locks).__name__)"
    made = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "store")],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.stdout == "Leases\n", made.stderr
    assert isinstance(Store(tmp_path / "store", create=False).locks, Leases)


def test_a_file_system_whose_flock_does_nothing_has_leases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert flock_works(tmp_path)
    (tmp_path / "sitecustomize.py").write_text("import fcntl; fcntl.flock = lambda *_: None")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert not flock_works(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["sitecustomize.py"]


def test_the_kind_is_chosen_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "locks"
    assert isinstance(choose_locks(record, create=False), Flock)
    assert not record.exists()
    monkeypatch.setenv(CHOICE, "leases 1 6")
    locks = choose_locks(record, create=True)
    assert isinstance(locks, Leases)
    assert (locks.beat, locks.expiry) == (1, 6)
    monkeypatch.setenv(CHOICE, "flock")
    assert isinstance(choose_locks(record, create=True), Leases)


@pytest.mark.parametrize(
    "text", ["files", "leases 10", "leases 10 20", "leases 0 20", "leases a b"]
)
def test_a_wrong_kind_is_one_line(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHOICE, text)
    with pytest.raises(UserError, match="CATSWEEP_LOCKS: expected flock, leases, or"):
        choose_locks(tmp_path / "locks", create=True)
    assert not (tmp_path / "locks").exists()
    (tmp_path / "locks").write_text(text)
    with pytest.raises(UserError, match=r"locks: expected flock"):
        choose_locks(tmp_path / "locks", create=False)
