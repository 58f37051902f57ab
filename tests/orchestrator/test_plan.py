from pathlib import Path

import pytest

from orchestrator.outlook import estimate_outlook
from orchestrator.plan import estimate_seconds, make_plan
from orchestrator.runner import make_failure
from search_spaces.cells import Cell
from search_spaces.study import Study, load_study, parse_study
from search_spaces.trial import TrialConfig
from tests.fakes import VARIANTS, example_settings, tiny_config
from tests.orchestrator.test_outlook import hours_of
from tests.results import begun, keep
from trainers.records.store import State, Store

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


def test_without_a_store_everything_is_missing(study: Study, trials: list[TrialConfig]) -> None:
    plan = make_plan(study, None)
    assert plan.having(State.MISSING) == trials
    assert plan.seconds_left is None


def test_each_state_is_seen(study: Study, trials: list[TrialConfig], store: Store) -> None:
    done, failed, corrupt, running, *missing = trials
    keep(store, done, {"dev": 150})
    store.commit_failure(failed, make_failure(failed.signature, ValueError("no")))
    keep(store, corrupt, {"dev": 150})
    (store.folder(corrupt.signature) / "predictions-dev.parquet").write_bytes(b"PAR1")
    with store.lock(running.signature) as mine:
        assert mine
        plan = make_plan(study, Store(store.root, create=False))
    assert plan.having(State.DONE) == [done]
    assert plan.having(State.FAILED) == [failed]
    assert plan.having(State.CORRUPT) == [corrupt]
    assert plan.having(State.RUNNING) == [running]
    assert plan.having(State.MISSING) == missing
    assert make_plan(study, store).count(State.RUNNING) == 0


def test_time_left_is_the_cell_median_times_what_is_left(
    study: Study, trials: list[TrialConfig], store: Store
) -> None:
    by_cell = {cell: [t for t in trials if t.cell == cell] for cell in (STANDARD, CAT)}
    for config, seconds in zip(by_cell[STANDARD], (10.0, 30.0, 20.0), strict=True):
        keep(store, config, {"dev": 150}, seconds=seconds)
    plan = make_plan(study, store)
    standard, cat = plan.cells
    assert (standard.seconds_per_trial, standard.seconds_left) == (20.0, 0.0)
    # Nothing was measured of cat: its steps cost 7/3 of a standard one's, evaluation the same.
    hours = [hours_of(by_cell[cell][0]) or 0.0 for cell in (STANDARD, CAT)]
    assert cat.seconds_per_trial == pytest.approx(20.0 * hours[1] / hours[0])
    assert plan.seconds_left == pytest.approx(12 * 20.0 * hours[1] / hours[0])


def test_a_running_trial_gives_a_first_estimate(
    study: Study, trials: list[TrialConfig], store: Store
) -> None:
    with store.lock(trials[0].signature):
        store.write_progress(begun(trials[0], step=20, steps=100, seconds=5.0))
        cell = make_plan(study, store).cells[0]
    assert cell.seconds_per_trial == pytest.approx(25.0)


def test_best_is_the_best_score_on_the_selection_split(
    study: Study, trials: list[TrialConfig], store: Store
) -> None:
    for config, right in zip(trials, (150, 160, 140), strict=False):
        keep(store, config, {"dev": right, "test": 200 - right})
    assert make_plan(study, store).cells[0].best == pytest.approx(0.8)


def test_what_the_study_s_tables_keep_apart_has_rows_of_its_own(store: Store) -> None:
    study = parse_study(VARIANTS, source="variants")
    for trial in study.trials():
        keep(store, trial, {"dev": 150 if "norm=mix" in trial.describe() else 140})
    plan = make_plan(study, store)
    names = ["standard", "cat norm=mix", "cat"]
    assert [cell.cell for cell in plan.cells] == [("library", "tiny", name) for name in names]
    assert [(cell.total, cell.best) for cell in plan.cells] == [(3, 0.7), (3, 0.75), (3, 0.7)]
    ahead = estimate_outlook(study, plan, store)
    assert list(ahead.cells) == [cell.cell for cell in plan.cells]
    whole = parse_study(VARIANTS.replace("tables: [10]\n", ""), source="variants")
    assert [cell.total for cell in make_plan(whole, store).cells] == [3, 6]


CELLS = """
name: cells
tasks: [library, mrpc]
encoders: [tiny, roberta-large, unknown/size]
methods: [standard, cat]
axes: {lr: [1e-3], epsilon: [1e-3], tau: [0.1], lambda: [0.1]}
"""


@pytest.fixture
def typical() -> dict[Cell, TrialConfig]:
    return {trial.cell: trial for trial in parse_study(CELLS, source="cells").trials()}


def test_estimates_scale_other_cells_of_the_encoder_by_operations(
    typical: dict[Cell, TrialConfig],
) -> None:
    def model(cell: Cell) -> float:
        hours = hours_of(typical[cell])
        assert hours
        return hours

    other = ("mrpc", "tiny", "standard")
    assert estimate_seconds(CAT, {CAT: 2.0, STANDARD: 6.0}, typical) == 2.0
    of_task = estimate_seconds(CAT, {other: 50.0, STANDARD: 6.0}, typical)
    assert of_task == pytest.approx(6.0 * model(CAT) / model(STANDARD))
    assert 1 < model(CAT) / model(STANDARD) < 7 / 3  # Evaluation costs both the same.
    of_encoder = estimate_seconds(CAT, {other: 50.0}, typical)
    assert of_encoder == pytest.approx(50.0 * model(CAT) / model(other))


def test_estimates_do_not_cross_encoders(typical: dict[Cell, TrialConfig]) -> None:
    large = ("library", "roberta-large", "cat")
    assert estimate_seconds(CAT, {large: 5.0}, typical) is None


def test_an_encoder_of_unknown_size_is_scaled_by_steps_within_a_task(
    typical: dict[Cell, TrialConfig],
) -> None:
    cell = ("library", "unknown/size", "cat")
    measured = {("mrpc", "unknown/size", "standard"): 5.0}
    assert estimate_seconds(cell, measured, typical) is None
    measured |= {("library", "unknown/size", "standard"): 6.0}
    assert estimate_seconds(cell, measured, typical) == pytest.approx(6.0 * 7 / 3)


def test_an_encoder_of_unknown_size_is_scaled_by_the_epochs_that_are_trained() -> None:
    free = example_settings("freeat").model_copy(update={"steps": 2, "free_epochs": "divide_by_k"})
    cells = {name: ("library", "unknown/size", name) for name in ("standard", "freeat")}
    common = {"encoder": "unknown/size", "epochs": 4}
    typical = {
        cells["standard"]: tiny_config(method=example_settings("standard"), **common),
        cells["freeat"]: tiny_config(method=free, **common),
    }
    measured = {cells["standard"]: 6.0}
    assert estimate_seconds(cells["freeat"], measured, typical) == 6.0 * 6 / 3 / 2


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
    study = parse_study(text, source="longer")
    keep(store, study.trials()[0], {"dev": 150}, seconds=10.0)
    cells = make_plan(study, store).cells
    standard, cat = (cell.seconds_per_trial for cell in cells)
    assert standard == 10.0
    assert cat
    assert 10.0 * 6 / 2 < cat < 10.0 * 6 / 3 * 6 / 2
