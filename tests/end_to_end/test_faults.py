"""Crashes of every part of a sweep: nothing that is finished is lost, what is not is resumed."""

import random
import re
import signal
import time
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient

from reports.exports.mlflow_runs import tracking_uri
from search_spaces.study import load_study
from tests.end_to_end.conftest import SLOW
from tests.end_to_end.sweeps import (
    ROOT,
    checkpointed,
    in_training,
    is_alive,
    kill_part,
    kill_worker,
    launches,
    opened,
    predictions_of,
    run,
    started,
    wait_for,
)
from trainers.records.store import State, Store

pytestmark = pytest.mark.xdist_group("ray")
TRACKED = ["--track", "mlflow"]
SHORT, FULL = False, pytest.param(True, marks=pytest.mark.full)


def kill_in_training(study: Path, folder: Path, after: float, *, results: int = 0) -> None:
    """SIGKILL a driver some seconds after it began to train, and after so many trials ended."""
    earlier = launches(folder)
    with started(study, folder, *TRACKED) as driver:
        wait_for(lambda: launches(folder) - earlier, driver)
        wait_for(lambda: len([*folder.glob("trials/*/result.json")]) >= results, driver)
        time.sleep(after)
        driver.send_signal(signal.SIGKILL)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("kills", [2, pytest.param(5, marks=pytest.mark.full)])
def test_sigkills_of_the_driver_change_no_byte(
    quickstart_store: Path, tmp_path: Path, kills: int
) -> None:
    """Of four of quickstart's trials, which that sweep has trained without a kill."""
    folder, path, moments = tmp_path / "store", tmp_path / "four.yaml", random.Random(20)
    fields = yaml.safe_load((ROOT / "search_spaces/studies/quickstart.yaml").read_text())
    fields["axes"] |= {"lr": [1e-3, 4e-3], "epsilon": [5e-3], "lambda": [0.3]}
    path.write_text(yaml.safe_dump(fields))
    seen: dict[str, int] = {}
    for kill in range(kills):
        last = kill == kills - 1  # However slow the machine is, some trials have ended by then.
        after = 0.0 if last else moments.uniform(0.5, 4.0)
        kill_in_training(path, folder, after, results=int(last))
        for result in folder.glob("trials/*/result.json"):
            assert seen.setdefault(result.parent.name, result.stat().st_ino) == result.stat().st_ino
    assert 0 < len(seen) < 4, "the sweep was killed before its first trial or after its last"
    done = run(path, folder, *TRACKED)
    assert done.returncode == 0, done.stderr
    for name, inode in seen.items():
        assert (folder / "trials" / name / "result.json").stat().st_ino == inode, "trained twice"
    found = predictions_of(folder, path)
    assert len(found) == 4
    assert found.items() <= predictions_of(quickstart_store, "quickstart").items()
    store = Store(folder, create=False)
    assert any(store.record(name).resumed for name in store.ended())
    assert list(folder.glob("running/*")) == []
    assert "continue without it" not in done.stderr
    assert tracked_epochs(folder) == {
        name: [epoch.epoch for epoch in store.record(name).epochs] for name in store.ended()
    }


def tracked_epochs(folder: Path) -> dict[str, list[int]]:
    """The epochs that MLflow has of each trial."""
    client = MlflowClient(tracking_uri=tracking_uri(str(folder / "exports/quickstart.mlflow.db")))
    experiment = client.get_experiment_by_name("quickstart")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    return {
        run.data.tags["catsweep.signature"]: [
            point.step for point in client.get_metric_history(run.info.run_id, "score")
        ]
        for run in runs
    }


def said(folder: Path) -> list[str]:
    """What a driver said on standard error beside where the sweep is; nothing is Ray's."""
    lines = (folder / "driver.log").read_text().splitlines()
    return [line for line in lines if not re.match(r"(\d\d:\d\d:\d\d )?slow: |store ", line)]


def test_a_killed_worker_costs_nothing_but_time(slow_study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with started(slow_study, folder) as driver:
        wait_for(lambda: checkpointed(folder), driver)
        victim = checkpointed(folder)[0]
        kill_worker(folder, victim)
        assert driver.wait(timeout=300) == 0
    words = [line.split()[0] for line in said(tmp_path) if line]
    assert set(words) <= {"tables", "(.tex", "next", "catsweep"}
    assert {"tables", "next"} <= set(words)
    store = Store(folder, create=False)
    assert {store.state(name) for name in store.ended()} == {State.DONE}
    assert len(store.ended()) == 2
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


@pytest.mark.parametrize("full", [SHORT, FULL])
def test_signals_stop_cleanly_and_resume(
    slow_study: Path, tmp_path: Path, short_folder: Path, full: bool
) -> None:
    """Also twice, and while Ray starts."""
    folder = tmp_path / "store"
    moments = [
        (signal.SIGINT, lambda: checkpointed(folder)),
        (signal.SIGHUP, lambda: list(short_folder.glob("catsweep-*/r/session_2*"))),
        (signal.SIGTERM, lambda: checkpointed(folder)),
    ]
    for number, moment in moments if full else moments[:2]:
        with started(slow_study, folder, TMPDIR=str(short_folder)) as driver:
            wait_for(moment, driver)
            driver.send_signal(number)
            time.sleep(0.1)
            driver.send_signal(number)
            assert driver.wait(timeout=60) == 130
        (line,) = said(tmp_path)
        assert "run the same command to resume" in line
        assert list(short_folder.glob("catsweep-*")) == []
    done = run(slow_study, folder)
    assert done.returncode == 0, done.stderr
    store = Store(folder, create=False)
    assert len(store.ended()) == 2
    assert any(store.record(name).resumed for name in store.ended())


def test_two_runs_at_once_train_each_trial_once(tmp_path: Path) -> None:
    path, folder, inodes = tmp_path / "four.yaml", tmp_path / "store", dict[str, set[int]]()
    path.write_text(SLOW.replace("epochs: 24", "epochs: 8\nseeds: [0, 1, 2]"))
    with started(path, folder) as first, started(path, folder) as second:
        while first.poll() is None or second.poll() is None:
            for result in folder.glob("trials/*/result.json"):
                inodes.setdefault(result.parent.name, set()).add(result.stat().st_ino)
            time.sleep(0.02)
        assert (first.returncode, second.returncode) == (0, 0)
    assert len(inodes) == 6
    assert all(len(numbers) == 1 for numbers in inodes.values()), "a trial was committed twice"


@pytest.mark.parametrize("full", [SHORT, FULL])
def test_killing_ray_itself_or_the_run_loses_nothing(
    slow_study: Path, tmp_path: Path, short_folder: Path, full: bool
) -> None:
    folder = tmp_path / "store"
    victims = [b"raylet/raylet", b"ray::RuntimeEnvAgent", b"orchestrator.main", b"gcs_server"]
    for victim in victims if full else victims[:3]:
        with started(slow_study, folder, TMPDIR=str(short_folder)) as driver:
            wait_for(lambda: checkpointed(folder), driver)
            workers = [progress.pid for progress in in_training(folder)]
            kill_part(driver, victim)
            assert driver.wait(timeout=60) == 75
        (line,) = said(tmp_path)
        what = "the run was killed" if victim == b"orchestrator.main" else "Ray ended"
        assert f"catsweep: {what}" in line
        assert "run the same command again to resume" in line
        assert list(short_folder.glob("catsweep-*")) == []
        assert not any(map(is_alive, workers))
    done = run(slow_study, folder)
    assert done.returncode == 0, done.stderr
    store = Store(folder, create=False)
    assert {store.state(name) for name in store.ended()} == {State.DONE}
    assert len(store.ended()) == 2
