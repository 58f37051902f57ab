"""How far a sweep is: what is left of its grid or of its search's draw; what a look costs."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.live_view import MAX_LOAD, REFRESH_SECONDS, _read_views, _show_lines
from orchestrator.progress import View, headline, read_view
from orchestrator.search import Search
from orchestrator.view_text import view_lines
from search_spaces.study import Study, load_study, parse_study
from tests.reports.stores import prune
from tests.results import keep
from trainers.records.store import Store

STANDARD, CAT = range(3), range(3, 15)
"""Places of the quickstart's trials."""

STUDY = """
name: four
tasks: [library]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-3, 2e-3, 3e-3, 4e-3]}
"""


@pytest.fixture
def study() -> Study:
    return load_study("quickstart")


def store_of(study: Study, folder: Path, done: int, pruned: int = 0) -> Store:
    """The first trials of CAT are done, those after them pruned; one of standard is done."""
    store, trials = Store(folder / "store", create=True), study.trials()
    keep(store, trials[STANDARD[0]], {"dev": 150}, seconds=10.0)
    for place in CAT[:done]:
        keep(store, trials[place], {"dev": 150}, seconds=20.0)
    for place in CAT[done : done + pruned]:
        prune(store, trials[place])
    return store


def seconds(study: Study, store: Store, search: Search | None) -> list[float | None]:
    return [cell.seconds_left for cell in read_view(study, store, 1, search).plan.cells]


def test_what_is_left_of_a_grid_is_what_is_missing(study: Study, tmp_path: Path) -> None:
    store = store_of(study, tmp_path, done=4)
    for search in (None, Search()):
        assert seconds(study, store, search) == [2 * 10.0, 8 * 20.0]
        said = headline(read_view(study, store, 2, search))
        assert said == "quickstart: 5/15 done, 10 left, about 2 min left"


@pytest.mark.parametrize("name", ["table1", "table2-mini"])
def test_a_study_that_only_counts_data_has_one_line_and_no_empty_table(name: str) -> None:
    study = load_study(name)
    view = read_view(study, None)
    assert view_lines(view, study.names, 100) == [headline(view)]
    assert headline(view) == f"{name}: nothing to train, its tables only count data"


@pytest.mark.parametrize("name", ["random", "tpe"])
@pytest.mark.parametrize("budget", [2, 6, 12])
def test_what_is_left_of_a_search_is_its_budget(
    name: str, budget: int, study: Study, tmp_path: Path
) -> None:
    store, search = Store(tmp_path / "store", create=True), Search(name=name, settings=budget)
    before = read_view(study, store, 1, search)
    assert (before.waiting, before.seconds_left) == (min(3, budget) + budget, None)
    drawn = search.list_wanted(before.plan)
    of_cat = [trial for trial in drawn if trial.method.name == "cat"][: budget - 1]
    for trial in (drawn[0], *of_cat):
        keep(store, trial, {"dev": 150}, seconds=10.0)
    after = read_view(study, store, 1, search)
    standard, cat = after.plan.cells
    assert (standard.seconds_left, cat.seconds_left) == (10.0 * (min(3, budget) - 1), 10.0)
    assert after.waiting == min(3, budget)
    with store.lock(search.list_wanted(after.plan)[-1].signature):
        assert read_view(study, store, 1, search).waiting == min(3, budget) - 1


def test_a_pruned_trial_is_left_for_a_search_that_trains_it_again(
    study: Study, tmp_path: Path
) -> None:
    store = store_of(study, tmp_path, done=4, pruned=3)
    waiting = {
        search: read_view(study, store, 1, search).waiting
        for search in (
            Search(),
            Search(scheduler="asha"),
            Search(name="tpe", settings=8),
            Search(name="tpe", settings=5),
        )
    }
    assert list(waiting.values()) == [2 + 8, 2 + 5, 2 + 1, 2]


class Stop(threading.Event):
    """Waits for nothing, and is set the third time; remembers for how long it was to wait."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self.then = then

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.pauses.append(timeout)
        self.then()
        return len(self.pauses) == 3


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def test_the_longer_a_look_takes_the_less_often_it_is_taken(store: Store) -> None:
    study = parse_study(STUDY, source="four")
    spent: list[float] = [0.0]

    def glance() -> View:
        start = time.thread_time()
        while time.thread_time() - start < 0.1:
            pass
        view = read_view(study, store)
        spent.append(time.thread_time() - start)
        return view

    stop = Stop()
    assert [stopping for _, stopping in _read_views(glance, stop)] == [False, False, True]
    assert stop.pauses[0] == REFRESH_SECONDS
    for pause, took in zip(stop.pauses[1:], spent[1:], strict=False):
        assert pause >= took / MAX_LOAD > REFRESH_SECONDS


def test_elsewhere_than_in_a_terminal_few_lines_are_said_and_the_end_is(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    study = parse_study(STUDY, source="four")
    waiting = list(study.trials())
    stop = Stop(then=lambda: keep(store, waiting.pop(), {"dev": 150}))
    _show_lines(lambda: read_view(study, store), stop)
    said = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert [line.split(",")[0] for line in said] == ["four: 1/4 done", "four: 3/4 done"]
