"""Searches over a grid: which trials run, what a resumed search knows, what stops a trial early."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray import cloudpickle

from orchestrator.plan import Plan, make_plan
from orchestrator.search import SEARCHES, Search, parse_budget
from orchestrator.stopping import SCHEDULERS, early_stopping
from orchestrator.supervisor import _scheduler
from orchestrator.tpe import Axes, CellSearch, tree_search
from search_spaces.cells import cells_of
from search_spaces.errors import UserError
from search_spaces.methods import settings_type
from search_spaces.study import parse_study
from search_spaces.trial import TrialConfig
from tests.fakes import VARIANTS, example_settings, study_of, tiny_config
from tests.results import MOMENT, finished
from trainers.records.outcome import EpochRecord, PrunedRecord
from trainers.records.store import State, Store

LRS, EPSILONS, LAMBDAS = (1e-3, 2e-3, 4e-3, 8e-3), (1e-4, 1e-3, 5e-3, 2e-2), (0.1, 0.3, 0.5)


def grid() -> list[TrialConfig]:
    """Return a cell of 48 CAT trials."""
    return [
        tiny_config(lr=lr, method=cat(epsilon, lambda_))
        for lr in LRS
        for epsilon in EPSILONS
        for lambda_ in LAMBDAS
    ]


def cat(epsilon: float, lambda_: float) -> Any:
    options = {"epsilon": epsilon, "tau": 0.1, "lambda": lambda_}
    return settings_type("cat").model_validate(options)


def quality(trial: TrialConfig) -> float:
    """A smooth hill with its top at lr 4e-3, epsilon 5e-3, lambda 0.3."""
    method = trial.method.model_dump(by_alias=True)
    far = np.log2(trial.lr / 4e-3) ** 2 + np.log10(method["epsilon"] / 5e-3) ** 2
    return float(0.9 - 0.05 * far - 0.2 * abs(method["lambda"] - 0.3))


def plan_of(trials: list[TrialConfig], states: dict[str, State]) -> Plan:
    every = {trial.signature: State.MISSING for trial in trials} | states
    return Plan(study="s", trials=trials, grids=cells_of(study_of(trials)), states=every, cells=[])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, (None, None)),
        ("40", (40, None)),
        ("2h", (None, 2.0)),
        ("0.5h", (None, 0.5)),
        ("40,2h", (40, 2.0)),
        ("2h, 40", (40, 2.0)),
    ],
)
def test_budgets(text: str | None, expected: tuple[int | None, float | None]) -> None:
    assert parse_budget(text) == expected


@pytest.mark.parametrize(
    "text", ["0", "-3", "h", "0h", "2 days", "40,", "nan", "1e3", "4,5", "2h,3h"]
)
def test_a_budget_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--budget: expected 40"):
        parse_budget(text)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "gird"}, "unknown search 'gird'.*grid"),
        ({"scheduler": "ahsa"}, "unknown scheduler 'ahsa'.*asha"),
        ({"name": "grid", "settings": 4}, "a grid is run whole"),
        ({"name": "tpe"}, "--search tpe needs a budget"),
        ({"name": "random", "hours": 1.0}, "--search random needs a budget"),
    ],
)
def test_searches_that_make_no_sense_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Search(**fields)


SEEDS = """
name: seeds
encoders: [tiny]
methods: [standard, cat]
axes: {lr: [1e-3], epsilon: [5e-3], tau: [0.1], lambda: [0.3]}
parts:
  - {tasks: [rte], seeds: [0]}
  - {tasks: [mrpc], seeds: [1]}
"""


@pytest.mark.parametrize(
    ("more", "cell"),
    [
        ("seeds: [0, 1, 2]", "rte tiny standard"),
        ("overrides: {cat: {seeds: [0, 1, 2]}}", "rte tiny cat"),
    ],
)
def test_early_stopping_among_the_seeds_of_a_setting_is_refused(more: str, cell: str) -> None:
    """Two cells may have different seeds: nothing is chosen between them."""
    one_each = cells_of(parse_study(SEEDS, source="seeds"))
    three = cells_of(parse_study(SEEDS.replace("seeds: [0]", more), source="seeds"))
    search = Search(name="tpe", settings=4, scheduler="asha")
    search.check(one_each)
    with pytest.raises(UserError, match=f"--scheduler asha: {cell} has 3 seeds"):
        search.check(three)
    Search(name="tpe", settings=4).check(three)


def seeded() -> list[TrialConfig]:
    """The grid with three seeds of each setting."""
    return [trial.at_seed(seed) for trial in grid() for seed in (0, 1, 2)]


@pytest.mark.parametrize("name", ["random", "tpe"])
def test_searches_draw_settings_with_all_their_seeds(name: str) -> None:
    trials = seeded()
    search = Search(name=name, settings=5, seed=3)
    if name == "random":
        found = search.wanted(plan_of(trials, {}))
        assert [t.at_seed(0) for t in found[::3]] == Search(
            name="random", settings=5, seed=3
        ).wanted(plan_of(grid(), {})), "the same settings as of one seed"
    else:
        found = drive(CellSearch(trials, {}, 5, seed=0), quality)
        assert [t.at_seed(0) for t in found[::3]] == drive(
            CellSearch(grid(), {}, 5, seed=0), quality
        ), "proposed as if a setting had one seed with their mean"
    assert len(found) == 15
    assert [t.seed for t in found] == [0, 1, 2] * 5
    ended = {t.signature: State.DONE for t in found[:-1]}
    assert search.wanted(plan_of(trials, ended)) == found[-1:], "the last seed of the last setting"
    assert search.to_end(plan_of(trials, ended)) == {trials[0].cell: 1}
    assert not search.wanted(plan_of(trials, ended | {found[-1].signature: State.DONE}))


def test_a_tree_search_is_told_the_mean_and_goes_on_with_the_seeds_that_are_left() -> None:
    """A lucky seed teaches it nothing; a setting with a failed one has no mean."""
    trials = seeded()
    luck = {0: 0.3, 1: -0.3, 2: 0.0}
    lucky = drive(CellSearch(trials, {}, 9, seed=1), lambda t: quality(t) + luck[t.seed])
    assert lucky == drive(CellSearch(trials, {}, 9, seed=1), quality)
    begun: dict[str, float | None] = {t.signature: quality(t) for t in lucky[:4]}
    resumed = drive(CellSearch(trials, begun, 9, seed=1), quality)
    assert resumed[:2] == lucky[4:6], "the setting that was begun comes first"
    assert len(resumed) == 27 - 4
    told = CellSearch(trials, {}, 2, seed=1)
    drive(told, lambda t: None if t.seed == 1 else 0.5)
    assert len(told.scores) == 6
    assert not told.asked_as, "Optuna has heard of each"


def test_a_grid_wants_everything_that_did_not_end() -> None:
    trials = grid()
    states = dict(
        zip(
            [trial.signature for trial in trials],
            [State.DONE, State.FAILED, State.PRUNED, State.RUNNING, State.CORRUPT],
            strict=False,
        )
    )
    plan = plan_of(trials, states)
    assert Search().wanted(plan) == [trials[2], trials[3], *trials[5:]]
    assert Search(scheduler="asha").wanted(plan) == [trials[3], *trials[5:]]


def test_a_random_search_is_the_same_draw_whatever_is_done() -> None:
    trials, search = grid(), Search(name="random", settings=10, seed=3)
    first = search.wanted(plan_of(trials, {}))
    assert len(first) == 10
    assert first != trials[:10]
    done = {first[0].signature: State.DONE, first[1].signature: State.FAILED}
    assert search.wanted(plan_of(trials, done)) == first[2:]
    more = Search(name="random", settings=20, seed=3).wanted(plan_of(trials, {}))
    assert {t.signature for t in first} <= {t.signature for t in more}
    other = Search(name="random", settings=10, seed=4).wanted(plan_of(trials, {}))
    assert [t.signature for t in other] != [t.signature for t in first]


def test_every_search_keeps_its_budget_per_cell() -> None:
    baseline = [tiny_config(lr=lr, method={"name": "standard"}) for lr in LRS]
    trials = [*baseline, *grid()]
    for name in SEARCHES:
        search = Search(name=name, settings=None if name == "grid" else 6)
        wanted = search.wanted(plan_of(trials, {}))
        assert {trial.cell for trial in wanted} == {baseline[0].cell, trials[-1].cell}
        if name == "random":
            assert len(wanted) == 4 + 6


def test_axes_are_the_settings_that_differ_numbers_by_size() -> None:
    axes = Axes(grid())
    assert axes.values == {
        "epsilon": sorted(EPSILONS),
        "lambda": sorted(LAMBDAS),
        "lr": sorted(LRS),
    }
    assert len(axes.trials) == 48
    found = axes.trial({"lr": 2, "epsilon": 2, "lambda": 1})
    assert found is not None
    assert quality(found) == pytest.approx(0.9)


def drive(search: CellSearch, score: Callable[[TrialConfig], float | None]) -> list[TrialConfig]:
    """Run a search to its end, one trial after the other."""
    found: list[TrialConfig] = []
    while (trial := search.suggest()) is not None:
        search.tell(trial, score(trial))
        found.append(trial)
    return found


def test_a_tree_search_never_repeats_and_ends_with_its_budget() -> None:
    trials = drive(CellSearch(grid(), {}, 20, seed=0), quality)
    assert len({trial.signature for trial in trials}) == len(trials) == 20
    everything = drive(CellSearch(grid(), {}, 100, seed=0), quality)
    assert {t.signature for t in everything} == {t.signature for t in grid()}


def test_a_grid_of_one_trial_is_searched_too() -> None:
    """As of a baseline with one learning rate: an error here ends the round of all other cells."""
    alone = grid()[:1]
    assert drive(CellSearch(alone, {}, 3, seed=0), quality) == alone
    known: dict[str, float | None] = {alone[0].signature: 0.5}
    assert drive(CellSearch(alone, known, 3, seed=0), quality) == []


def test_a_tree_search_beats_a_random_one_on_a_hill() -> None:
    """Of 12 trials, the mean score over 8 seeds; a search that ignores scores gains nothing."""

    def mean_score(score: Callable[[TrialConfig], float]) -> float:
        runs = [drive(CellSearch(grid(), {}, 24, seed=seed), score) for seed in range(8)]
        return float(np.mean([quality(trial) for run in runs for trial in run[12:]]))

    blind = mean_score(lambda _: 0.5)
    assert mean_score(quality) > blind + 0.03


def test_a_search_is_the_same_for_the_same_seed() -> None:
    runs = [drive(CellSearch(grid(), {}, 15, seed=seed), quality) for seed in (1, 1, 2)]
    names = [[trial.signature for trial in run] for run in runs]
    assert names[0] == names[1] != names[2]


def test_failures_are_survived_and_not_tried_again() -> None:
    trials = drive(CellSearch(grid(), {}, 48, seed=0), lambda t: None if t.lr > 3e-3 else 0.5)
    assert len({trial.signature for trial in trials}) == 48


def test_suggestions_at_once_are_different_trials() -> None:
    search = CellSearch(grid(), {}, 12, seed=0)
    waiting = [search.suggest() for _ in range(12)]
    assert len({trial.signature for trial in waiting if trial}) == 12
    assert search.suggest() is None


def test_a_resumed_search_knows_what_is_in_the_store(tmp_path: Path) -> None:
    """Ten trials are done and one was pruned: nine more fill a budget of twenty, all new."""
    store, trials = Store(tmp_path, create=True), grid()
    for trial in trials[:10]:
        store.commit(trial, finished(trial, {"dev": round(200 * quality(trial))}))
    pruned = PrunedRecord(
        signature=trials[10].signature,
        scheduler="asha",
        epochs=(epoch(1, 0.2),),
        pruned_at=MOMENT,
    )
    store.commit_pruned(trials[10], pruned)
    plan = make_plan(study_of(trials), store)
    searcher = tree_search(Search(name="tpe", settings=20).wanted(plan), plan, store, 20, 0)
    frozen, suggested = cloudpickle.dumps(searcher), list[str]()
    while len(suggested) < len(trials):
        found = searcher.suggest(f"t{len(suggested)}")
        if not isinstance(found, dict):
            break
        cloudpickle.loads(frozen)  # As Tune does: it must not touch the searcher in use.
        searcher.on_trial_complete(f"t{len(suggested)}", {"score": 0.5})
        suggested.append(found["trial"])
    assert len(set(suggested)) == 9
    assert not set(suggested) & {trial.canonical_json() for trial in trials[:11]}


@pytest.mark.parametrize(("select", "known"), [("last", 0.2), ("best_epoch", 0.7)])
def test_a_pruned_trial_is_known_by_the_score_that_it_was_stopped_with(
    select: str, known: float, tmp_path: Path
) -> None:
    """Its best epoch's where that is what selects: so a running trial is reported, too."""
    store, trials = Store(tmp_path, create=True), [tiny_config(select=select, lr=lr) for lr in LRS]
    pruned = PrunedRecord(
        signature=trials[0].signature,
        scheduler="asha",
        epochs=(epoch(1, 0.7), epoch(2, 0.2)),
        pruned_at=MOMENT,
    )
    store.commit_pruned(trials[0], pruned)
    plan = make_plan(study_of(trials), store)
    (cell,) = tree_search(trials[1:], plan, store, 3, 0).cells
    assert cell.scores == {trials[0].signature: known}


@pytest.mark.parametrize(("select", "stops"), [("last", False), ("best_epoch", True)])
def test_past_curves_are_told_as_those_of_running_trials(select: str, stops: bool) -> None:
    """Past trials that fell after their second epoch: their best epochs may be what counts."""
    from orchestrator.stopping import Nobody

    trials = [tiny_config(lr=1e-3 + n * 1e-4, epochs=9, select=select) for n in range(7)]
    fallen = [epoch(1, 0.5), epoch(2, 0.9), *(epoch(number, 0.1) for number in range(3, 10))]
    stopped: list[str] = []
    scheduler = early_stopping(
        "asha",
        [(trial, fallen) for trial in trials[:6]],
        lambda trial, _result: stopped.append(trial.signature),
    )
    live = Live(trials[6])
    scheduler.on_trial_add(Nobody(), live)
    for number, score in ((1, 0.6), (2, 0.7), (3, 0.7)):
        scheduler.on_trial_result(Nobody(), live, {"epoch": number, "score": score})
    assert bool(stopped) == stops


def epoch(number: int, score: float) -> EpochRecord:
    return EpochRecord(
        epoch=number, losses={"loss": 1.0}, score=score, train_seconds=1.0, evaluate_seconds=0.5
    )


class Live:
    """A running trial as Tune hands it to a scheduler."""

    def __init__(self, config: TrialConfig) -> None:
        self.trial_id = config.signature
        self.config = {"trial": config.canonical_json()}


def stopped_by(name: str, past: int) -> set[str]:
    """Report nine trials epoch by epoch, worse and worse; return those that were stopped."""
    from orchestrator.stopping import Nobody

    trials = [tiny_config(lr=1e-3 + n * 1e-4, epochs=9) for n in range(9)]
    curves = {
        t.signature: [epoch(e, 0.9 - 0.05 * n + 0.001 * e) for e in range(1, 10)]
        for n, t in enumerate(trials)
    }
    stopped: list[str] = []
    scheduler = early_stopping(
        name,
        [(trial, curves[trial.signature]) for trial in trials[:past]],
        lambda trial, _result: stopped.append(trial.signature),
    )
    for trial in trials[past:]:
        live = Live(trial)
        scheduler.on_trial_add(Nobody(), live)
        for place in curves[trial.signature][:-1]:
            result = {"epoch": place.epoch, "score": place.score}
            if scheduler.on_trial_result(Nobody(), live, result) == "STOP":
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
    from orchestrator.stopping import Nobody

    options = example_settings("freeat").model_dump() | {"steps": 3}
    divided = options | {"free_epochs": "divide_by_k"}
    scheduler = early_stopping("asha", [], lambda *_: None)
    for method in (options, divided):
        scheduler.on_trial_add(Nobody(), Live(tiny_config(method=method, epochs=9)))
    assert [key[-1] for key in scheduler.inner] == [9, 3]


def test_cells_are_not_compared_with_each_other() -> None:
    from orchestrator.stopping import Nobody

    weak = [tiny_config(lr=1e-3 * (n + 1), method={"name": "standard"}) for n in range(1)]
    strong = [tiny_config(lr=1e-3 * (n + 1)) for n in range(6)]
    past = [(trial, [epoch(1, 0.9), epoch(2, 0.9)]) for trial in strong]
    stopped: list[str] = []
    scheduler = early_stopping("asha", past, lambda trial, _: stopped.append(trial.signature))
    live = Live(weak[0])
    scheduler.on_trial_add(Nobody(), live)
    assert scheduler.on_trial_result(Nobody(), live, {"epoch": 1, "score": 0.1}) == "CONTINUE"
    assert stopped == []


def test_variants_that_a_table_keeps_apart_are_not_compared_with_each_other(
    tmp_path: Path,
) -> None:
    """Six trials of the one norm are done: a worse one of theirs stops, one of the other not."""
    from orchestrator.stopping import Nobody

    rates = [1e-3 * (n + 1) for n in range(7)]
    study = parse_study(VARIANTS.replace("[1e-5, 5e-3, 1e-6]", str(rates)), source="variants")
    cells, store = cells_of(study), Store(tmp_path, create=True)
    *strong, weak = cells["library", "tiny", "cat"]
    for trial in strong:
        store.commit(trial, finished(trial, {"dev": 180}))
    plan = make_plan(study, store)
    scheduler = _scheduler(Search(scheduler="asha"), plan, store)
    for trial, decision in (
        (cells["library", "tiny", "cat norm=mix"][0], "CONTINUE"),
        (weak, "STOP"),
    ):
        live = Live(trial)
        scheduler.on_trial_add(Nobody(), live)
        curve = f"[{epoch(1, 0.1).model_dump_json()}]"
        result = {"epoch": 1, "score": 0.1, "curve": curve}
        assert scheduler.on_trial_result(Nobody(), live, result) == decision
