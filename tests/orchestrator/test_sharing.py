"""How many trials share a GPU: never over its memory, fewer after an out-of-memory failure."""

import random
from pathlib import Path

import pytest

from orchestrator.job import Slots
from orchestrator.runner import failure
from orchestrator.sharing import HEADROOM, MOST, Sharing, group_of, how_many
from orchestrator.supervisor import _give_more_room
from search_spaces.trial import TrialConfig
from tests.fakes import tiny_config
from trainers.outcome import DeviceUse
from trainers.store import State, Store

GIB = 2**30
SHARED = Slots(at_once=4, threads=1, gpus=1.0, measured=True)


def used(
    gib: float, busy: float | None = 0.1, *, share: float = 1.0, total: float = 32
) -> DeviceUse:
    return DeviceUse(
        share=share, memory_bytes=int(gib * GIB), total_bytes=int(total * GIB), busy=busy
    )


@pytest.mark.parametrize(
    ("use", "number"),
    [
        (used(4.0), 7),
        (used(30.0), 1),
        (used(14.4), 2),
        (used(14.5), 1),
        (used(0.5), 10),
        (used(0.5, busy=0.3), 4),
        (used(0.5, busy=0.0), MOST),
        (used(0.5, busy=1.0), 1),
        (used(4.0, busy=None), 7),
        (used(0.1, busy=None), MOST),
    ],
)
def test_memory_and_activity_decide_how_many_share(use: DeviceUse, number: int) -> None:
    assert how_many(use) == number


def test_no_mix_of_groups_is_over_a_gpu_s_memory() -> None:
    """Whatever fills a GPU by shares fits its memory: the shares of a full GPU add up to 1."""
    chance = random.Random(5)
    for _ in range(500):
        left, memory = 1.0, 0.0
        while True:
            use = used(chance.uniform(0.5, 28.0), busy=chance.choice([None, chance.random()]))
            left -= 1 / how_many(use)
            if left < -1e-9:
                break
            memory += use.memory_bytes
        assert memory <= HEADROOM * 32 * GIB


def grid(task: str, n: int, batch_size: int = 16) -> list[TrialConfig]:
    return [tiny_config(task=task, seed=seed, batch_size=batch_size) for seed in range(n)]


def test_the_first_trial_of_a_group_runs_alone_and_the_others_wait_for_it() -> None:
    small, large, other = grid("library", 3), grid("library", 2, 32), grid("cola", 2)
    shares = Sharing().shares([*small, *large, *other], {})
    assert shares == {trials[0].signature: 1.0 for trials in (small, large, other)}
    measured = {group_of(small[0]): [used(4.0)]}
    shares = Sharing().shares([*small[1:], *large], measured)
    assert shares == {
        small[1].signature: 1 / 7,
        small[2].signature: 1 / 7,
        large[0].signature: 1.0,
    }


def test_only_trials_that_ran_alone_are_measurements() -> None:
    (trial,) = grid("library", 1)
    crowded = used(28.0, share=0.25)
    assert Sharing().shares([trial], {group_of(trial): [crowded, used(4.0)]}) == {
        trial.signature: 1 / 7
    }
    for unmeasured in ([crowded], [None], [None, crowded]):
        assert Sharing().shares([trial], {group_of(trial): unmeasured}) == {trial.signature: 1.0}


def test_the_largest_of_several_measurements_counts() -> None:
    (trial,) = grid("library", 1)
    uses = [used(4.0), used(9.0), used(2.0)]
    assert Sharing().shares([trial], {group_of(trial): uses}) == {trial.signature: 1 / 3}


def test_after_an_out_of_memory_failure_fewer_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trial that ran out of memory beside others runs again; one that was alone has failed."""
    store, sharing = Store(tmp_path, create=True), Sharing()
    beside, alone, diverged = grid("library", 3)
    for trial, gpus, kind in (
        (beside, 1 / 7, "out_of_memory"),
        (alone, 1.0, "out_of_memory"),
        (diverged, 1 / 7, "diverged"),
    ):
        record = failure(trial.signature, MemoryError("no more"), kind=kind, gpus=gpus)
        store.commit_failure(trial, record)
    _give_more_room(store, [beside, alone, diverged], SHARED, sharing)
    states = [store.state(trial.signature) for trial in (beside, alone, diverged)]
    assert states == [State.MISSING, State.FAILED, State.FAILED]
    assert "out of memory beside others; 3 share a GPU now" in capsys.readouterr().err
    uses = {group_of(beside): [used(4.0)]}
    assert sharing.shares([beside], uses) == {beside.signature: 1 / 3}
    assert sharing.lower(beside, 1 / 3) == 1
    assert sharing.shares([beside], uses) == {beside.signature: 1.0}
