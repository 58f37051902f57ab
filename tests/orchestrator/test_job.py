import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import job
from orchestrator.job import Resources, Slots, count_cores, count_machine, parse_gpus, spin_briefly
from search_spaces.errors import UserError


@pytest.mark.parametrize(
    ("asked", "cores", "gpus", "expected"),
    [
        (Resources(), 8, 0, Slots(at_once=8, threads=1, gpus=0)),
        (Resources(slots=2), 8, 0, Slots(at_once=2, threads=4, gpus=0)),
        (Resources(threads=4), 8, 0, Slots(at_once=2, threads=4, gpus=0)),
        (Resources(slots=16), 8, 0, Slots(at_once=16, threads=1, gpus=0)),
        (Resources(), 8, 2, Slots(at_once=2, threads=4, gpus=1)),
        (Resources(gpus_per_trial=0.25), 8, 1, Slots(at_once=4, threads=2, gpus=0.25)),
        (Resources(gpus_per_trial=0), 8, 2, Slots(at_once=8, threads=1, gpus=0)),
        (Resources(address="auto"), 8, 0, Slots(at_once=None, threads=1, gpus=0)),
        (
            Resources(address="auto", slots=3, threads=2, gpus_per_trial=0.5),
            8,
            0,
            Slots(at_once=3, threads=2, gpus=0.5),
        ),
    ],
)
def test_what_is_not_asked_is_filled_in(
    asked: Resources, cores: int, gpus: int, expected: Slots
) -> None:
    assert asked.resolve(cores, gpus) == expected


def test_more_gpus_than_there_are_is_refused() -> None:
    with pytest.raises(UserError, match="--gpus-per-trial 2: this machine has only 1 GPU"):
        Resources(gpus_per_trial=2).resolve(8, 1)


def test_this_machine_has_a_core() -> None:
    assert count_machine()[0] >= 1


@pytest.mark.skipif(sys.platform != "linux", reason="cgroups are Linux's")
@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("150000 100000\n", 2),
        ("50000 100000\n", 1),
        ("6400000 100000\n", 8),
        ("max 100000\n", 8),
        (None, 8),
    ],
)
def test_a_container_s_limit_is_not_exceeded(
    limit: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On eight cores, as a container with such a limit sees them all."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(job, "CPU_LIMIT", tmp_path / "cpu.max")
    if limit is not None:
        (tmp_path / "cpu.max").write_text(limit)
    assert count_cores() == expected


@pytest.mark.parametrize("text", ["0", "0.0001", "0.25", "1", "2", "auto"])
def test_what_ray_can_give_is_taken(text: str) -> None:
    assert str(parse_gpus(text)).removesuffix(".0") == text


@pytest.mark.parametrize(
    ("each", "gpus", "expected"),
    [
        (0.6, 2, 2),
        (0.4, 2, 4),
        (0.75, 4, 4),
        (0.1, 3, 30),
        (1 / 3, 1, 3),
        (1 / 49, 2, 98),
        (0.3334, 1, 2),
        (1.0, 3, 3),
        (2.0, 5, 2),
    ],
)
def test_a_part_of_a_gpu_is_of_one(each: float, gpus: int, expected: int) -> None:
    assert Resources(gpus_per_trial=each).resolve(100, gpus).at_once == expected


@pytest.mark.parametrize("text", ["1.5", "0.00009", "-1", "inf", "nan", "many"])
def test_gpus_that_ray_cannot_give_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=f"a whole number or auto, got '{text}'"):
        parse_gpus(text)


@pytest.mark.parametrize(
    ("theirs", "spins"),
    [
        ({}, "1000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "active"}, None),
    ],
)
def test_waiting_threads_spin_briefly_unless_the_user_says_how(
    theirs: dict[str, str], spins: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    spin_briefly()
    assert os.environ.get("GOMP_SPINCOUNT") == spins


def test_a_worker_says_so_before_torch_is_imported() -> None:
    """OpenMP reads its environment when it is loaded, and torch brings it."""
    code = (
        "import os, sys\n"
        "import orchestrator.worker as worker\n"
        "class Watch:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'torch':\n"
        "            print('torch', os.environ.get('GOMP_SPINCOUNT'))\n"
        "            os._exit(0)\n"
        "sys.meta_path.insert(0, Watch())\n"
        "from orchestrator.job import Job\n"
        "job = Job(store='s', identity='i', data=None, threads=1, checkpoint_every=60)\n"
        "worker._build_runner(job, 0.0)\n"
    )
    clean = {k: v for k, v in os.environ.items() if k not in {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}}
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=False
    )
    assert done.stdout == "torch 1000\n", done.stderr


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"slots": 0}, "slots: expected 1 or more, got 0"),
        ({"threads": -1}, "threads: expected 1 or more"),
        ({"checkpoint_every": float("nan")}, "--checkpoint-every: expected at least"),
        ({"gpus_per_trial": 1.5}, "--gpus-per-trial"),
        ({"gpus_per_trial": "some"}, "--gpus-per-trial"),
    ],
)
def test_numbers_out_of_range_are_refused_from_python_too(
    given: dict[str, object], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        Resources(**given)  # type: ignore[arg-type]
