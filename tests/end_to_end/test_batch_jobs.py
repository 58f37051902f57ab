"""Runs as jobs of a batch system: they share a store, and end before their limit."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.end_to_end.conftest import SLOW
from tests.end_to_end.sweeps import Driver, family, in_training, run, started, wait_for
from trainers.records.store import Store

RARE = ("--checkpoint-every", "3600")
"""No checkpoint but the one that is asked for."""


def log_of(driver: Driver) -> str:
    return driver.log.read_text()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGUSR1, 75), (signal.SIGTERM, 130)])
def test_a_signal_of_the_batch_system_has_trials_save_a_checkpoint(
    number: int, code: int, slow_study: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    with started(slow_study, folder, *RARE) as driver:
        wait_for(lambda: sum(one.step > 5 for one in in_training(folder)) == 2, driver)
        assert not list(folder.glob("running/*/checkpoint.safetensors"))
        driver.send_signal(number)
        assert driver.wait(timeout=40) == code
        assert re.search("run the same command (again )?to resume", log_of(driver))
    saved = list(folder.glob("running/*/checkpoint.safetensors"))
    assert len(saved) == 2
    assert not list(folder.glob("running/stop-*"))
    done = run(slow_study, folder)
    assert done.returncode == 0, done.stderr
    store = Store(folder, create=False)
    assert [store.record(name).resumed for name in store.ended()] == [1, 1]


def test_a_job_saves_its_trials_and_ends_before_its_limit(tmp_path: Path) -> None:
    study, folder = tmp_path / "long.yaml", tmp_path / "store"
    study.write_text(SLOW.replace("epochs: 24", "epochs: 1000"))
    limit = int(time.time()) + 40
    done = run(study, folder, *RARE, SLURM_JOB_END_TIME=str(limit))
    assert time.time() < limit
    assert done.returncode == 75, done.stderr
    assert "the Slurm job ends soon and 2 trials are left" in " ".join(done.stderr.split())
    assert len(list(folder.glob("running/*/checkpoint.safetensors"))) == 2


def test_the_tasks_of_an_array_train_each_trial_once_and_one_writes_the_report(
    tmp_path: Path,
) -> None:
    """The second has little to do; the first is still training when it ends."""
    study, folder = tmp_path / "slow.yaml", tmp_path / "store"
    study.write_text(SLOW.replace("[1e-3, 2e-3]", "[1e-3, 2e-3, 3e-3]"))
    array = {"SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "1"}
    one = ("--no-wait", "--slots", "1")
    with started(study, folder, *one, nice=0, SLURM_ARRAY_TASK_ID="0", **array) as first:
        wait_for(lambda: in_training(folder), first)
        begun = {progress.signature for progress in in_training(folder)}
        second = run(study, folder, *one, SLURM_ARRAY_TASK_ID="1", **array)
        assert second.returncode == 0, second.stderr
        assert first.wait(timeout=240) == 0, log_of(first)
        logs = [log_of(first), second.stderr]
    store = Store(folder, create=False)
    assert len(store.ended()) == 3
    assert begun <= store.ended()
    assert sum("is still being trained by other runs" in log for log in logs) == 1
    assert sum("tables" in log for log in logs) == 1
    assert (folder / "reports" / "slow" / "slow-dev.tex").is_file()


def test_without_flock_a_killed_run_s_trials_are_taken_over_when_its_heartbeats_end(
    tmp_path: Path,
) -> None:
    study, folder = tmp_path / "slow.yaml", tmp_path / "store"
    study.write_text(SLOW.replace("epochs: 24", "epochs: 30"))
    leases = "leases 1 8"
    with started(study, folder, CATSWEEP_LOCKS=leases) as first:
        wait_for(lambda: len(in_training(folder)) == 2, first)
        for process in family(first.pid):
            os.kill(process, signal.SIGKILL)
        second = run(study, folder)
    assert second.returncode == 0, second.stderr
    assert (folder / "locks").read_text() == f"{leases}\n"
    assert " ".join(second.stderr.split()).count("is taken over from a run without heartbeats") == 2
    assert len(Store(folder, create=False).ended()) == 2


def test_without_flock_two_runs_at_once_train_each_trial_once(tmp_path: Path) -> None:
    study, folder, inodes = tmp_path / "four.yaml", tmp_path / "store", dict[str, set[int]]()
    study.write_text(SLOW.replace("epochs: 24", "epochs: 8\nseeds: [0, 1, 2]"))
    leases = {"CATSWEEP_LOCKS": "leases 1 8"}
    with (
        started(study, folder, nice=0, **leases) as first,
        started(study, folder, nice=0, **leases) as second,
    ):
        while first.poll() is None or second.poll() is None:
            for result in folder.glob("trials/*/result.json"):
                inodes.setdefault(result.parent.name, set()).add(result.stat().st_ino)
            time.sleep(0.02)
        assert (first.returncode, second.returncode) == (0, 0), log_of(second)
    assert len(inodes) == 6
    assert all(len(numbers) == 1 for numbers in inodes.values()), "a trial was committed twice"
    assert len(list(folder.glob("checkpoints/*/*/*/model.safetensors"))) == 1
