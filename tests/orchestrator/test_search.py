"""Searches over a grid: which trials run, what a resumed search knows, what stops a trial early."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray import cloudpickle

from orchestrator.plan import Plan, make_plan
from orchestrator.search import SEARCHES, Search, parse_budget
from orchestrator.tpe import Axes, CellSearch, build_tree_search
from search_spaces.cells import group_by_cell
from search_spaces.errors import UserError
from search_spaces.methods import settings_type
from search_spaces.trial import TrialConfig
from tests.fakes import study_of, tiny_config
from tests.results import MOMENT, epoch, finished
from trainers.records.outcome import PrunedRecord
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
    return Plan(
        study="s", trials=trials, grids=group_by_cell(study_of(trials)), states=every, cells=[]
    )


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
        ({"name": "grid", "settings": 4}, "grid runs all settings"),
        ({"name": "tpe"}, "--search tpe needs a budget"),
        ({"name": "random", "hours": 1.0}, "--search random needs a budget"),
    ],
)
def test_searches_that_make_no_sense_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Search(**fields)


def seeded() -> list[TrialConfig]:
    """The grid with three seeds of each setting."""
    return [trial.with_seed(seed) for trial in grid() for seed in (0, 1, 2)]


@pytest.mark.parametrize("name", ["random", "tpe"])
def test_searches_draw_settings_with_all_their_seeds(name: str) -> None:
    trials = seeded()
    search = Search(name=name, settings=5, seed=3)
    if name == "random":
        found = search.list_wanted(plan_of(trials, {}))
        assert [t.with_seed(0) for t in found[::3]] == Search(
            name="random", settings=5, seed=3
        ).list_wanted(plan_of(grid(), {})), "the same settings as of one seed"
    else:
        found = drive(CellSearch(trials, {}, 5, seed=0), quality)
        assert [t.with_seed(0) for t in found[::3]] == drive(
            CellSearch(grid(), {}, 5, seed=0), quality
        ), "proposed as if a setting had one seed with their mean"
    assert len(found) == 15
    assert [t.seed for t in found] == [0, 1, 2] * 5
    ended = {t.signature: State.DONE for t in found[:-1]}
    assert search.list_wanted(plan_of(trials, ended)) == found[-1:], (
        "the last seed of the last setting"
    )
    assert search.count_open(plan_of(trials, ended)) == {trials[0].cell: 1}
    assert not search.list_wanted(plan_of(trials, ended | {found[-1].signature: State.DONE}))


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
    assert not told.pending, "Optuna has heard of each"


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
    assert Search().list_wanted(plan) == [trials[2], trials[3], *trials[5:]]
    assert Search(scheduler="asha").list_wanted(plan) == [trials[3], *trials[5:]]


def test_a_random_search_is_the_same_draw_whatever_is_done() -> None:
    trials, search = grid(), Search(name="random", settings=10, seed=3)
    first = search.list_wanted(plan_of(trials, {}))
    assert len(first) == 10
    assert first != trials[:10]
    done = {first[0].signature: State.DONE, first[1].signature: State.FAILED}
    assert search.list_wanted(plan_of(trials, done)) == first[2:]
    more = Search(name="random", settings=20, seed=3).list_wanted(plan_of(trials, {}))
    assert {t.signature for t in first} <= {t.signature for t in more}
    other = Search(name="random", settings=10, seed=4).list_wanted(plan_of(trials, {}))
    assert [t.signature for t in other] != [t.signature for t in first]


def test_every_search_keeps_its_budget_per_cell() -> None:
    baseline = [tiny_config(lr=lr, method={"name": "standard"}) for lr in LRS]
    trials = [*baseline, *grid()]
    for name in SEARCHES:
        search = Search(name=name, settings=None if name == "grid" else 6)
        wanted = search.list_wanted(plan_of(trials, {}))
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
        search.add_result(trial, score(trial))
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


def test_a_seed_that_was_stopped_with_its_setting_is_left_out_of_the_mean(tmp_path: Path) -> None:
    """Of three seeds the first was stopped, the second had begun: Optuna hears of both."""
    search = CellSearch(seeded(), {}, 3, seed=0)
    first, second, third = (search.suggest() for _ in range(3))
    assert first is not None
    assert second is not None
    assert third is not None
    search.add_result(first, 0.2)
    search.add_result(second, 0.4)
    assert told(search) == [None], "not before the last"
    search.skip(third)
    assert told(search) == [pytest.approx(0.3)]
    store, trials = Store(tmp_path, create=True), [first, second, third]
    for trial, epochs in zip(trials, ((epoch(1, 0.2),), (epoch(1, 0.4),), ()), strict=True):
        record = PrunedRecord(
            signature=trial.signature, scheduler="asha", epochs=epochs, pruned_at=MOMENT
        )
        store.commit_pruned(trial, record)
    plan = make_plan(study_of(seeded()), store)
    searcher = build_tree_search(
        Search(name="tpe", settings=3).list_wanted(plan), plan, store, 3, 0
    )
    (resumed,) = searcher.cells
    assert resumed.begun == 1
    assert told(resumed) == [pytest.approx(0.3)]
    searcher.suggest("next")
    (_, coming) = searcher.running["next"]
    searcher.on_trial_complete("next", {"done": True, "stopped": True})
    assert len(resumed.settings[coming.with_seed(0)]) == 2


def told(search: CellSearch) -> list[float | None]:
    """The values that Optuna has, of settings that it suggested or was told of."""
    return [trial.value for trial in search.optuna._ot_study.trials]


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
    searcher = build_tree_search(
        Search(name="tpe", settings=20).list_wanted(plan), plan, store, 20, 0
    )
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
    (cell,) = build_tree_search(trials[1:], plan, store, 3, 0).cells
    assert cell.scores == {trials[0].signature: known}
