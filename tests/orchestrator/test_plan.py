from pathlib import Path

import pytest

from orchestrator.plan import estimate_seconds, make_plan
from orchestrator.runner import failure
from search_spaces.study import Study, load_study, parse_study
from search_spaces.trial import TrialConfig
from tests.results import keep
from trainers.outcome import ProgressRecord
from trainers.store import State, Store

STANDARD = ("library", "tiny", "standard")
CAT = ("library", "tiny", "cat")


@pytest.fixture
def study() -> Study:
    return load_study("quickstart")


@pytest.fixture
def trials(study: Study) -> list[TrialConfig]:
    return study.trials()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def progress(config: TrialConfig, *, step: int, steps: int, seconds: float) -> ProgressRecord:
    return ProgressRecord(
        signature=config.signature,
        launch="a",
        host="test",
        pid=1,
        step=step,
        steps=steps,
        seconds=seconds,
        loss=None,
        updated_at=0.0,
    )


def test_without_a_store_everything_is_missing(trials: list[TrialConfig]) -> None:
    plan = make_plan("quickstart", trials, None)
    assert plan.having(State.MISSING) == trials
    assert plan.seconds_left is None


def test_each_state_is_seen(trials: list[TrialConfig], store: Store) -> None:
    done, failed, corrupt, running, *missing = trials
    keep(store, done, {"dev": 150})
    store.commit_failure(failed, failure(failed.signature, ValueError("no")))
    keep(store, corrupt, {"dev": 150})
    (store.folder(corrupt.signature) / "predictions-dev.parquet").write_bytes(b"PAR1")
    with store.lock(running.signature) as mine:
        assert mine
        plan = make_plan("quickstart", trials, Store(store.root, create=False))
    assert plan.having(State.DONE) == [done]
    assert plan.having(State.FAILED) == [failed]
    assert plan.having(State.CORRUPT) == [corrupt]
    assert plan.having(State.RUNNING) == [running]
    assert plan.having(State.MISSING) == missing
    assert make_plan("quickstart", trials, store).count(State.RUNNING) == 0


def test_time_left_is_the_cell_median_times_what_is_left(
    trials: list[TrialConfig], store: Store
) -> None:
    by_cell = {cell: [t for t in trials if t.cell == cell] for cell in (STANDARD, CAT)}
    for config, seconds in zip(by_cell[STANDARD], (10.0, 30.0, 20.0), strict=True):
        keep(store, config, {"dev": 150}, seconds=seconds)
    plan = make_plan("quickstart", trials, store)
    standard, cat = plan.cells
    assert (standard.seconds_per_trial, standard.seconds_left) == (20.0, 0.0)
    # Nothing was measured of cat: 7/3 of a standard trial, the ratio of their step costs.
    assert cat.seconds_per_trial == pytest.approx(20.0 * 7 / 3)
    assert plan.seconds_left == pytest.approx(12 * 20.0 * 7 / 3)


def test_a_running_trial_gives_a_first_estimate(trials: list[TrialConfig], store: Store) -> None:
    with store.lock(trials[0].signature):
        store.write_progress(progress(trials[0], step=20, steps=100, seconds=5.0))
        cell = make_plan("quickstart", trials, store).cells[0]
    assert cell.seconds_per_trial == pytest.approx(25.0)


def test_best_is_the_best_score_on_the_selection_split(
    trials: list[TrialConfig], store: Store
) -> None:
    for config, right in zip(trials, (150, 160, 140), strict=False):
        keep(store, config, {"dev": right, "test": 200 - right})
    assert make_plan("quickstart", trials, store).cells[0].best == pytest.approx(0.8)


def test_estimates_do_not_cross_encoders_or_tasks() -> None:
    measured = {("mrpc", "tiny", "standard"): 3.0, ("library", "big", "standard"): 5.0}
    work = dict.fromkeys([*measured, CAT, STANDARD], 3.0) | {CAT: 7.0}
    assert estimate_seconds(CAT, measured, work) is None
    assert estimate_seconds(CAT, measured | {STANDARD: 6.0}, work) == pytest.approx(14.0)


def test_estimates_know_a_method_s_own_epochs_and_cost(store: Store) -> None:
    text = """
name: longer
tasks: [library]
encoders: [tiny]
methods: [standard, cat]
axes: {lr: [1e-3], epsilon: [1e-3], tau: [0.1], lambda: [0.1]}
epochs: 2
overrides: {cat: {epochs: 6, detach_clean: true}}
"""
    trials = parse_study(text, source="longer").trials()
    keep(store, trials[0], {"dev": 150}, seconds=10.0)
    cells = make_plan("longer", trials, store).cells
    assert [cell.seconds_per_trial for cell in cells] == [10.0, 10.0 * 3 * 6 / 3]
