"""When a run of a batch job ends, and with which trials it begins."""

import time

import pytest

from orchestrator.batch_job import MARGIN_SECONDS, End, find_end, rotate
from search_spaces.study import load_study

TRIALS = load_study("quickstart").trials()


def array(task: int, first: int = 0, last: int = 3) -> dict[str, str]:
    names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX")
    return dict(zip(names, map(str, (task, first, last)), strict=True))


def test_without_budget_or_job_there_is_no_end() -> None:
    end = find_end(None, {})
    assert end == End()
    assert not end.is_over()
    assert end.seconds_left() is None


def test_the_first_of_budget_and_job_is_the_end() -> None:
    now = time.time()
    job = {"SLURM_JOB_END_TIME": str(int(now + 7200))}
    assert find_end(1.0, job).time == pytest.approx(now + 3600, abs=2)
    assert not find_end(1.0, job).is_of_job
    assert find_end(3.0, job).time == pytest.approx(now + 7200 - MARGIN_SECONDS, abs=2)
    assert find_end(3.0, job).is_of_job
    assert find_end(None, job) == find_end(3.0, job)


def test_a_short_job_keeps_most_of_its_time() -> None:
    now = time.time()
    end = find_end(None, {"SLURM_JOB_END_TIME": str(int(now + 50))})
    assert end.time == pytest.approx(now + 40, abs=2)


@pytest.mark.parametrize("text", ["", "soon", "-5", "1", "²"])
def test_an_unusable_limit_is_none(text: str) -> None:
    assert find_end(None, {"SLURM_JOB_END_TIME": text}) == End()


def test_an_end_that_has_come() -> None:
    end = End(time=time.time() - 1)
    assert end.is_over()
    assert (end.seconds_left() or 0) > 0


@pytest.mark.parametrize("first", [0, 1])
def test_the_tasks_of_an_array_start_at_equal_distances(first: int) -> None:
    orders = [rotate(TRIALS, array(first + k, first, first + 3), True) for k in range(4)]
    starts = [TRIALS.index(order[0]) for order in orders]
    assert starts == [k * len(TRIALS) // 4 for k in range(4)]
    for order in orders:
        start = TRIALS.index(order[0])
        assert list(order) == [*TRIALS[start:], *TRIALS[:start]]


def test_a_run_alone_begins_at_the_beginning_and_another_anywhere() -> None:
    assert list(rotate(TRIALS, {}, False)) == list(TRIALS)
    assert list(rotate(TRIALS, array(0, 0, 0), False)) == list(TRIALS)
    assert len({rotate(TRIALS, {}, True)[0] for _ in range(100)}) > 3
    assert list(rotate([], array(2), True)) == []
