"""Crashes of every part of a sweep: nothing that is finished is lost, what is not is resumed."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from search_spaces.study import load_study
from tests.end_to_end.conftest import SLOW
from tests.end_to_end.sweeps import (
    checkpointed,
    kill_worker,
    launches,
    opened,
    predictions_of,
    run,
    started,
    wait_for,
)
from trainers.store import State, Store

pytestmark = pytest.mark.xdist_group("ray")
KILLS = 5


def kill_in_training(folder: Path, after: float) -> None:
    """SIGKILL a driver of quickstart some seconds after its first trial began to train."""
    earlier = launches(folder)
    with started("quickstart", folder) as driver:
        wait_for(lambda: launches(folder) - earlier)
        time.sleep(after)
        driver.send_signal(signal.SIGKILL)


def test_five_sigkills_of_the_driver_change_no_byte(quickstart_store: Path, tmp_path: Path) -> None:
    folder, moments = tmp_path / "store", random.Random(20)
    seen: dict[str, int] = {}
    for kill in range(3 * KILLS):
        if kill >= KILLS and seen:
            break
        kill_in_training(folder, after=moments.uniform(0.5, 6.0))
        for path in folder.glob("trials/*/result.json"):
            assert seen.setdefault(path.parent.name, path.stat().st_ino) == path.stat().st_ino
    assert 0 < len(seen) < 15, "the sweep was killed before its first trial or after its last"
    done = run("quickstart", folder)
    assert done.returncode == 0, done.stderr
    for name, inode in seen.items():
        assert (folder / "trials" / name / "result.json").stat().st_ino == inode, "trained twice"
    assert predictions_of(folder, "quickstart") == predictions_of(quickstart_store, "quickstart")
    store = Store(folder, create=False)
    assert any(store.record(name).resumed for name in store.finished())
    assert list(folder.glob("running/*")) == []


def test_a_killed_worker_costs_nothing_but_time(slow_study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with started(slow_study, folder) as driver:
        wait_for(lambda: checkpointed(folder))
        victim = checkpointed(folder)[0]
        kill_worker(folder, victim)
        assert driver.wait(timeout=300) == 0
    store = Store(folder, create=False)
    assert {store.state(name) for name in store.finished()} == {State.DONE}
    assert len(store.finished()) == 2
    assert store.record(victim).resumed >= 1


def test_a_trial_that_always_kills_its_worker_is_put_on_record(
    slow_study: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    victim, other = (trial.signature for trial in load_study(str(slow_study)).trials())
    with started(slow_study, folder) as driver:
        killed: set[int] = set()
        while driver.poll() is None and len(killed) < 3:
            store = opened(folder)
            progress = store.progress(victim) if store else None
            if store and progress and progress.pid not in killed and store.is_locked(victim):
                killed.add(kill_worker(folder, victim))
            time.sleep(0.05)
        assert driver.wait(timeout=300) == 1
    store = Store(folder, create=False)
    assert store.failure(victim).kind == "infrastructure"
    assert store.state(other) is State.DONE


def test_ctrl_c_and_sigterm_stop_cleanly_and_resume(slow_study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    for number in (signal.SIGINT, signal.SIGTERM):
        with started(slow_study, folder) as driver:
            wait_for(lambda: checkpointed(folder))
            driver.send_signal(number)
            assert driver.wait(timeout=60) == 130
        said = (tmp_path / "driver.log").read_text()
        assert "run the same command to resume" in said
        assert "Traceback" not in said
    done = run(slow_study, folder)
    assert done.returncode == 0, done.stderr
    store = Store(folder, create=False)
    assert len(store.finished()) == 2
    assert any(store.record(name).resumed for name in store.finished())


def test_two_runs_at_once_train_each_trial_once(tmp_path: Path) -> None:
    path, folder, inodes = tmp_path / "six.yaml", tmp_path / "store", dict[str, set[int]]()
    path.write_text(SLOW.replace("epochs: 24", "epochs: 8\nseeds: [0, 1, 2]"))
    with started(path, folder) as first, started(path, folder) as second:
        while first.poll() is None or second.poll() is None:
            for result in folder.glob("trials/*/result.json"):
                inodes.setdefault(result.parent.name, set()).add(result.stat().st_ino)
            time.sleep(0.02)
        assert (first.returncode, second.returncode) == (0, 0)
    assert len(inodes) == 6
    assert all(len(numbers) == 1 for numbers in inodes.values()), "a trial was committed twice"


def test_killing_ray_itself_loses_nothing(slow_study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with started(slow_study, folder) as driver:
        wait_for(lambda: checkpointed(folder))
        children = subprocess.run(
            ["pgrep", "-P", str(driver.pid), "raylet|gcs_server"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert children.stdout.split(), "no raylet or GCS was found"
        subprocess.run(["kill", "-9", *children.stdout.split()], check=True)
        driver.wait(timeout=300)
    done = run(slow_study, folder)
    assert done.returncode == 0, done.stderr
    store = Store(folder, create=False)
    assert {store.state(name) for name in store.finished()} == {State.DONE}
    assert len(store.finished()) == 2
