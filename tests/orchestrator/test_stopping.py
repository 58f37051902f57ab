"""Early stopping: which settings are stopped, and that all seeds of one are stopped together."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.plan import make_plan
from orchestrator.search import Search
from orchestrator.stopping import SCHEDULERS, NoController, build_scheduler
from orchestrator.supervisor import _build_scheduler
from search_spaces.cells import group_by_cell
from search_spaces.study import parse_study
from search_spaces.trial import TrialConfig
from tests.fakes import VARIANTS, example_settings, study_of, tiny_config
from tests.results import MOMENT, epoch, finished
from trainers.records.outcome import PrunedRecord
from trainers.records.store import State, Store


class Live:
    """A running trial as Tune hands it to a scheduler."""

    def __init__(self, config: TrialConfig) -> None:
        self.trial_id = config.signature
        self.config = {"trial": config.canonical_json()}


def stopped_by(name: str, past: int) -> set[str]:
    """Report nine trials epoch by epoch, worse and worse; return those that were stopped."""
    trials = [tiny_config(lr=1e-3 + n * 1e-4, epochs=9) for n in range(9)]
    curves = {
        t.signature: [epoch(e, 0.9 - 0.05 * n + 0.001 * e) for e in range(1, 10)]
        for n, t in enumerate(trials)
    }
    stopped: list[str] = []
    scheduler = build_scheduler(
        name,
        [(trial, curves[trial.signature]) for trial in trials[:past]],
        lambda trial, _result: stopped.append(trial.signature),
    )
    for trial in trials[past:]:
        live = Live(trial)
        scheduler.on_trial_add(NoController(), live)
        for place in curves[trial.signature][:-1]:
            result = {"epoch": place.epoch, "score": place.score}
            if scheduler.on_trial_result(NoController(), live, result) == "STOP":
                break
    return set(stopped)


@pytest.mark.parametrize("name", sorted(set(SCHEDULERS) - {"fifo"}))
def test_hopeless_trials_are_stopped_and_the_best_is_not(name: str) -> None:
    stopped = stopped_by(name, past=0)
    best = tiny_config(lr=1e-3, epochs=9).signature
    worst = tiny_config(lr=1e-3 + 8e-4, epochs=9).signature
    assert worst in stopped
    assert best not in stopped


@pytest.mark.parametrize("name", sorted(set(SCHEDULERS) - {"fifo"}))
def test_a_scheduler_knows_the_curves_of_the_past(name: str) -> None:
    """After an interruption the trials that are left are stopped as they would have been."""
    assert stopped_by(name, past=5) == stopped_by(name, past=0) - {
        tiny_config(lr=1e-3 + n * 1e-4, epochs=9).signature for n in range(5)
    }


def test_epochs_divided_by_replays_are_stopped_by_the_epochs_that_are_trained() -> None:
    options = example_settings("freeat").model_dump() | {"steps": 3}
    divided = options | {"free_epochs": "divide_by_k"}
    scheduler = build_scheduler("asha", [], lambda *_: None)
    for method in (options, divided):
        report(scheduler, tiny_config(method=method, epochs=9), 1, 0.5)
    assert [key[-2] for key in scheduler.by_setting.schedulers] == [9, 3]


def test_cells_are_not_compared_with_each_other() -> None:
    weak = [tiny_config(lr=1e-3 * (n + 1), method={"name": "standard"}) for n in range(1)]
    strong = [tiny_config(lr=1e-3 * (n + 1)) for n in range(6)]
    past = [(trial, [epoch(1, 0.9), epoch(2, 0.9)]) for trial in strong]
    stopped: list[str] = []
    scheduler = build_scheduler("asha", past, lambda trial, _: stopped.append(trial.signature))
    live = Live(weak[0])
    scheduler.on_trial_add(NoController(), live)
    assert scheduler.on_trial_result(NoController(), live, {"epoch": 1, "score": 0.1}) == "CONTINUE"
    assert stopped == []


def test_variants_that_a_table_keeps_apart_are_not_compared_with_each_other(
    tmp_path: Path,
) -> None:
    """Six trials of the one norm are done: a worse one of theirs stops, one of the other not."""
    rates = [1e-3 * (n + 1) for n in range(7)]
    study = parse_study(VARIANTS.replace("[1e-5, 5e-3, 1e-6]", str(rates)), source="variants")
    cells, store = group_by_cell(study), Store(tmp_path, create=True)
    *strong, weak = cells["library", "tiny", "cat"]
    for trial in strong:
        store.commit(trial, finished(trial, {"dev": 180}))
    plan = make_plan(study, store)
    scheduler = _build_scheduler(Search(scheduler="asha"), plan, store)
    for trial, decision in (
        (cells["library", "tiny", "cat norm=mix"][0], "CONTINUE"),
        (weak, "STOP"),
    ):
        live = Live(trial)
        scheduler.on_trial_add(NoController(), live)
        curve = f"[{epoch(1, 0.1).model_dump_json()}]"
        result = {"epoch": 1, "score": 0.1, "curve": curve}
        assert scheduler.on_trial_result(NoController(), live, result) == decision


@pytest.mark.parametrize(("select", "stops"), [("last", False), ("best_epoch", True)])
def test_past_curves_are_told_as_those_of_running_trials(select: str, stops: bool) -> None:
    """Past trials that fell after their second epoch: their best epochs may be what counts."""
    trials = [tiny_config(lr=1e-3 + n * 1e-4, epochs=9, select=select) for n in range(7)]
    fallen = [epoch(1, 0.5), epoch(2, 0.9), *(epoch(number, 0.1) for number in range(3, 10))]
    stopped: list[str] = []
    scheduler = build_scheduler(
        "asha",
        [(trial, fallen) for trial in trials[:6]],
        lambda trial, _result: stopped.append(trial.signature),
    )
    live = Live(trials[6])
    scheduler.on_trial_add(NoController(), live)
    for number, score in ((1, 0.6), (2, 0.7), (3, 0.7)):
        scheduler.on_trial_result(NoController(), live, {"epoch": number, "score": score})
    assert bool(stopped) == stops


def report(scheduler: Any, trial: TrialConfig, epoch_: int, score: float) -> str:
    """Report an epoch of a running trial to Tune's scheduler; return its decision."""
    curve = f"[{epoch(epoch_, score).model_dump_json()}]"
    result = {"epoch": epoch_, "score": score, "curve": curve}
    return str(scheduler.on_trial_result(NoController(), Live(trial), result))


def seeded(count: int, seeds: int = 3) -> list[list[TrialConfig]]:
    """Return settings, each with all its seeds."""
    settings = [tiny_config(lr=1e-3 + n * 1e-4, epochs=9) for n in range(count)]
    return [[setting.with_seed(seed) for seed in range(seeds)] for setting in settings]


@pytest.mark.parametrize("name", sorted(set(SCHEDULERS) - {"fifo"}))
def test_all_seeds_of_a_setting_are_stopped_together(name: str) -> None:
    *good, bad = seeded(6)
    stopped: list[TrialConfig] = []
    scheduler = build_scheduler(name, [], lambda trial, _: stopped.append(trial))
    for seeds in good:
        for trial in seeds:
            assert report(scheduler, trial, 1, 0.8) == "CONTINUE"
    assert report(scheduler, bad[0], 1, 0.2) == "STOP"
    assert report(scheduler, bad[1], 1, 0.99) == "STOP", "whatever its own score is"
    assert report(scheduler, good[0][0], 2, 0.8) == "CONTINUE"
    assert stopped == bad[:2]


def test_a_setting_is_compared_by_means_of_as_many_seeds() -> None:
    """Five settings' first seeds were lucky, their means are .7; a steady .75 is better."""
    *lucky, steady, weak = seeded(7)
    scheduler = build_scheduler("asha", [], lambda *_: None)
    for seeds in lucky:
        for trial, score in zip(seeds, (0.74, 0.68, 0.68), strict=True):
            assert report(scheduler, trial, 1, score) == "CONTINUE"
    decisions = [report(scheduler, trial, 1, 0.75) for trial in steady]
    assert decisions == ["CONTINUE"] * 3
    assert report(scheduler, weak[0], 1, 0.76) == "CONTINUE", "the best first seed so far"
    assert report(scheduler, weak[1], 1, 0.60) == "STOP", "its mean of two is the lowest"


def test_a_setting_counts_once_however_many_seeds_it_has() -> None:
    """Three seeds of one weak setting do not fill a rung among which a better one must hold."""
    first, second, third = seeded(3)
    scheduler = build_scheduler("asha", [], lambda *_: None)
    for trial in first:
        report(scheduler, trial, 1, 0.9)
    assert report(scheduler, second[0], 1, 0.8) == "STOP"
    judged = scheduler.by_setting.schedulers[(*first[0].cell, 9, 1)]
    ((_, rung),) = [entry for entry in judged._brackets[0]._rungs if entry[0] == 1]
    assert sorted(rung) == sorted(trials[0].signature for trials in (first, second))
    assert report(scheduler, third[0], 1, 0.95) == "CONTINUE"


def test_seeds_that_nobody_has_begun_are_recorded_as_stopped(tmp_path: Path) -> None:
    """One runs elsewhere: it is left to end."""
    store = Store(tmp_path, create=True)
    *good, bad = seeded(7, seeds=4)
    for seeds in good:
        store.commit(seeds[0], finished(seeds[0], {"dev": 180}))
    plan = make_plan(study_of([trial for seeds in (*good, bad) for trial in seeds]), store)
    scheduler = _build_scheduler(Search(scheduler="asha"), plan, store)
    with store.lock(bad[1].signature):
        assert report(scheduler, bad[0], 1, 0.1) == "STOP"
    states = [store.state(trial.signature) for trial in bad]
    assert states == [State.PRUNED, State.MISSING, State.PRUNED, State.PRUNED]
    assert [len(store.pruned(bad[n].signature).epochs) for n in (0, 2)] == [1, 0]


def test_a_setting_that_was_stopped_before_stays_stopped(tmp_path: Path) -> None:
    """The driver was killed after the first seed's record, or the study has more seeds now."""
    store = Store(tmp_path, create=True)
    ((first, second, third),) = seeded(1)
    pruned = PrunedRecord(
        signature=first.signature, scheduler="asha", epochs=(epoch(1, 0.2),), pruned_at=MOMENT
    )
    store.commit_pruned(first, pruned)
    store.commit(third, finished(third, {"dev": 180}))
    plan = make_plan(study_of([first, second, third]), store)
    scheduler = _build_scheduler(Search(scheduler="asha"), plan, store)
    assert store.state(second.signature) is State.PRUNED
    assert report(scheduler, second, 1, 0.9) == "STOP"
    assert store.state(third.signature) is State.DONE
