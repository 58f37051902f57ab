"""How many trials share a GPU: never over its memory, fewer after an out-of-memory failure."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from orchestrator import supervisor
from orchestrator.job import Job, Slots
from orchestrator.runner import make_failure
from orchestrator.search import Search
from orchestrator.sharing import (
    HEADROOM,
    MAX_PER_GPU,
    ONLY_NUMBERS,
    Sharing,
    count_per_gpu,
    find_group,
)
from orchestrator.supervisor import _retry_crowded
from orchestrator.tune import Round, _build_stopper
from search_spaces.methods import METHODS, settings_type
from search_spaces.trial import TrialConfig
from tests.fakes import example_settings, study_of, tiny_config
from tests.results import begun, finished
from trainers.records.outcome import DeviceUse, Fault, TrialResult
from trainers.records.store import State, Store

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
        (used(0.5, busy=0.0), MAX_PER_GPU),
        (used(0.5, busy=1.0), 1),
        (used(4.0, busy=None), 7),
        (used(0.1, busy=None), MAX_PER_GPU),
    ],
)
def test_memory_and_activity_decide_how_many_share(use: DeviceUse, number: int) -> None:
    assert count_per_gpu(use) == number


def test_no_mix_of_groups_is_over_a_gpu_s_memory() -> None:
    """Whatever fills a GPU by shares fits its memory: the shares of a full GPU add up to 1."""
    chance = random.Random(5)
    for _ in range(500):
        left, memory = 1.0, 0.0
        while True:
            use = used(chance.uniform(0.5, 28.0), busy=chance.choice([None, chance.random()]))
            left -= 1 / count_per_gpu(use)
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
    measured = {find_group(small[0]): [used(4.0)]}
    shares = Sharing().shares([*small[1:], *large], measured)
    assert shares == {
        small[1].signature: 1 / 7,
        small[2].signature: 1 / 7,
        large[0].signature: 1.0,
    }


def test_only_trials_that_ran_alone_are_measurements() -> None:
    trial, other = grid("library", 2)
    crowded = used(28.0, share=0.25)
    group = find_group(trial)
    assert Sharing().shares([trial], {group: [crowded, used(4.0)]}) == {trial.signature: 1 / 7}
    for unmeasured in ([crowded], [None], [None, crowded]):
        assert Sharing().shares([trial, other], {group: unmeasured}) == {trial.signature: 1.0}


@pytest.mark.parametrize(
    ("change", "together"),
    [
        ({"lr": 1e-5, "seed": 7, "epochs": 9, "warmup": 0.3, "subset_seed": 3}, True),
        ({"batch_size": 8}, False),
        ({"micro_batch": 8}, False),
        ({"max_length": 64}, False),
        ({"precision": "bf16"}, False),
        ({"select": "best_epoch"}, False),
        ({"head": "native"}, False),
        ({"task": "cola"}, False),
    ],
)
def test_a_group_is_what_needs_the_same_memory(change: dict[str, object], together: bool) -> None:
    trial = tiny_config(method=example_settings("pgd"))
    other = tiny_config(method=example_settings("pgd"), **change)
    assert (find_group(trial) == find_group(other)) is together


@pytest.mark.parametrize(
    ("method", "change", "together"),
    [
        ("cat", {"epsilon": 1e-4, "tau": 0.9, "lambda": 0.9}, True),
        ("cat", {"proj_dim": 8}, False),
        ("cat", {"detach_clean": True}, False),
        ("freelb", {"adv_lr": 0.2, "init_mag": 0.1, "max_norm": 0.3}, True),
        ("freelb", {"steps": 5}, False),
        ("freelb", {"count": "passes"}, False),
        ("smart", {"alpha": 2.0, "noise": 0.1, "radius": 0.1}, True),
        ("smart", {"iterations": 3}, False),
    ],
)
def test_a_method_s_options_decide_its_group(
    method: str, change: dict[str, object], together: bool
) -> None:
    before = example_settings(method).model_dump(by_alias=True)
    changed = settings_type(method).model_validate(before | change)
    groups = {find_group(tiny_config(method=each)) for each in (example_settings(method), changed)}
    assert len(groups) == (1 if together else 2)


def test_a_weight_that_leaves_a_pass_out_makes_a_group_of_its_own() -> None:
    base = {"epsilon": 1e-3, "tau": 0.1, "detach_clean": True}
    first, second = (
        tiny_config(method=settings_type("cat").model_validate({**base, "lambda": weight}))
        for weight in (0.5, 1.0)
    )
    assert find_group(first) != find_group(second)


def test_every_setting_that_is_not_in_a_group_is_one() -> None:
    assert set(TrialConfig.model_fields) >= ONLY_NUMBERS
    found = {n for method in METHODS.values() for n, one in method.options.items() if one.real}
    assert found == {
        *("epsilon", "eps_l2", "tau", "lambda", "adv_lr", "init_mag", "max_norm"),
        *("alpha", "noise", "step_size", "radius"),
    }


def test_the_largest_of_several_measurements_counts() -> None:
    (trial,) = grid("library", 1)
    uses = [used(4.0), used(9.0), used(2.0)]
    assert Sharing().shares([trial], {find_group(trial): uses}) == {trial.signature: 1 / 3}


def test_after_an_out_of_memory_failure_fewer_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trial that ran out of memory beside others runs again; one that was alone has failed."""
    store, sharing = Store(tmp_path, create=True), Sharing()
    beside, alone, diverged = grid("library", 3)
    fates: list[tuple[TrialConfig, float, Fault]] = [
        (beside, 1 / 7, "out_of_memory"),
        (alone, 1.0, "out_of_memory"),
        (diverged, 1 / 7, "diverged"),
    ]
    for trial, gpus, kind in fates:
        record = make_failure(trial.signature, MemoryError("no more"), kind=kind, gpus=gpus)
        store.commit_failure(trial, record)
    assert _retry_crowded(store, [beside, alone, diverged], SHARED, sharing)
    assert not _retry_crowded(store, [beside, alone, diverged], SHARED, sharing)
    states = [store.state(trial.signature) for trial in (beside, alone, diverged)]
    assert states == [State.MISSING, State.FAILED, State.FAILED]
    assert "out of memory on a shared GPU; now 3 share one" in capsys.readouterr().err
    uses = {find_group(beside): [used(4.0)]}
    assert sharing.shares([beside], uses) == {beside.signature: 1 / 3}
    assert sharing.lower(beside, 1 / 3) == 1
    assert sharing.shares([beside], uses) == {beside.signature: 1.0}


def test_a_round_in_which_one_runs_out_of_memory_is_planned_anew_and_counts_no_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others of such a round are cut off, here more often than a worker may end without a word."""
    store = Store(tmp_path, create=True)
    job = Job(
        store=store.root, identity=store.mark.identity, data=None, threads=1, checkpoint_every=60
    )
    shares: list[set[float]] = []

    def run_round(begin: Round, *_: object) -> None:
        shares.append({begin.gpus[trial.signature] for trial in begin.trials})
        (share,) = shares[-1]
        for trial in begin.trials:
            with store.lock(trial.signature):
                store.write_progress(begun(trial, begin.job.launch))
            if share == 1:
                store.commit(trial, measured_alone(trial))
        if share < 1:
            first = begin.trials[0].signature
            record = make_failure(first, torch.OutOfMemoryError("CUDA out of memory"), gpus=share)
            store.commit_failure(begin.trials[0], record)

    monkeypatch.setattr(supervisor, "run_round", run_round)
    plan = supervisor.sweep(study_of(grid("library", 4)), store, job, SHARED, Search())
    assert shares == [{1.0}, {1 / 10}, {1 / 5}, {1 / 2}, {1.0}]
    assert len(plan.having(State.DONE)) == 4


def measured_alone(trial: TrialConfig) -> TrialResult:
    result = finished(trial, {"dev": 100})
    record = result.record.model_copy(update={"device_use": used(1.0)})
    return replace(result, record=record)


@pytest.mark.parametrize(
    ("result", "measured", "ends"),
    [
        ({"done": True, "stop_sweep": None, "crowded": False}, True, False),
        ({"done": True, "stop_sweep": None, "crowded": True}, True, True),
        ({"done": True, "stop_sweep": None, "crowded": True}, False, False),
        ({"done": True, "stop_sweep": "the disk is full", "crowded": False}, False, True),
    ],
)
def test_a_round_ends_when_a_worker_is_crowded_where_shares_are_measured(
    result: dict[str, object], measured: bool, ends: bool
) -> None:
    stopper = _build_stopper(set(), 1, measured=measured)
    assert stopper("trial", result) is stopper.stop_all() is ends
