"""docker/slurm.sh without Slurm: what it runs, how signals reach the run, what is put back.

`python -m tests.slurm_array` runs it on a real Slurm.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docker" / "slurm.sh"
RUN = """#!/bin/bash
echo "$@" > arguments
trap 'sleep 0.3; exit 75' USR1
[ "$CODE" ] && exit "$CODE"
for _ in $(seq 100); do sleep 0.1; done
"""
ARRAY = {"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which the script finds a `catsweep` that only waits, and a `scontrol`."""
    (tmp_path / "bin").mkdir()
    for name, text in {"catsweep": RUN, "scontrol": '#!/bin/bash\necho "$@" > requeued\n'}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def start(folder: Path, **variables: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"} | variables
    return subprocess.Popen(
        ["bash", str(SCRIPT), "my.yaml", "--store", "a store"], cwd=folder, env=environment
    )


def requeued(folder: Path) -> str | None:
    path = folder / "requeued"
    return path.read_text().strip() if path.exists() else None


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_task_near_its_limit_is_put_into_the_queue_again(number: int, folder: Path) -> None:
    process = start(folder, **ARRAY)
    while not (folder / "arguments").exists():
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    assert process.wait(timeout=20) == 75
    assert (folder / "arguments").read_text() == "run my.yaml --store a store --no-wait\n"
    assert requeued(folder) == "requeue 7_3"


@pytest.mark.parametrize(("code", "expected"), [("75", "requeue 9"), ("0", None), ("2", None)])
def test_only_an_unfinished_run_is_put_back(code: str, expected: str, folder: Path) -> None:
    assert start(folder, SLURM_JOB_ID="9", CODE=code).wait(timeout=20) == int(code)
    assert requeued(folder) == expected


def test_a_run_that_never_gets_anywhere_is_put_back_no_longer(folder: Path) -> None:
    process = start(folder, SLURM_JOB_ID="9", CODE="75", SLURM_RESTART_COUNT="100")
    assert process.wait(timeout=20) == 75
    assert requeued(folder) is None
