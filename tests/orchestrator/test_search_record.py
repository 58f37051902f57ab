"""From a search to its record to the cells of a report: how trials were chosen is not forgotten."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.plan import make_plan
from orchestrator.search import Search
from reports.results.cells import CellResult, read_groups
from search_spaces.cells import group_by_cell
from search_spaces.study import load_study, parse_study
from search_spaces.trial import TrialConfig
from tests.fakes import VARIANTS, study_of
from tests.reports.stores import prune, read_cells, trials
from tests.results import keep
from trainers.records.searches import digest_trials, keep_search, read_searches
from trainers.records.store import Store

STANDARD, CAT = trials("standard", 3), trials("cat", 20)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def launch(search: Search, store: Store, cells: Sequence[TrialConfig] = (*STANDARD, *CAT)) -> None:
    """What a run does before it trains."""
    keep_search(store, search.record(make_plan(study_of(cells), store)))


def finish(store: Store, cell: Sequence[TrialConfig]) -> None:
    for place, trial in enumerate(cell):
        keep(store, trial, {"dev": 100 + place})


def cat(store: Store, cell: Sequence[TrialConfig] = CAT) -> CellResult:
    (found,) = read_cells(cell, store)
    return found


def test_a_record_says_which_trials_of_which_grid(store: Store) -> None:
    search = Search(name="random", settings=5, seed=3)
    launch(search, store)
    (record,) = read_searches(store)
    standard, system = record.cells
    assert (record.search, record.kind, record.budget, record.seed) == ("random", "random", 5, 3)
    assert record.study == "s"
    assert standard.drawn == tuple(trial.signature for trial in STANDARD)
    assert system.grid == digest_trials(trial.signature for trial in CAT)
    assert len(system.drawn) == 5
    wanted = search.list_wanted(make_plan(study_of([*STANDARD, *CAT]), store))
    assert {trial.signature for trial in wanted} == {*standard.drawn, *system.drawn}


def test_a_finished_random_draw_is_no_unfinished_grid(store: Store) -> None:
    search = Search(name="random", settings=5, seed=3)
    launch(search, store)
    drawn = search.list_wanted(make_plan(study_of(CAT), store))
    finish(store, drawn[:4])
    assert (cat(store).sampled, cat(store).missing, cat(store).undrawn) == ("random", 1, 15)
    finish(store, drawn)
    found = cat(store)
    assert (found.sampled, found.missing, found.undrawn, found.total) == ("random", 0, 15, 20)
    assert found.design.unfair is None


def test_whatever_ended_beside_a_draw_makes_it_an_unfinished_grid(store: Store) -> None:
    search = Search(name="random", settings=5, seed=3)
    launch(search, store)
    drawn = search.list_wanted(make_plan(study_of(CAT), store))
    finish(store, [*drawn, next(trial for trial in CAT if trial not in drawn)])
    found = cat(store)
    assert (found.sampled, found.missing, found.undrawn) == ("grid", 14, 0)
    assert found.design.unfair == "14 of its trials are not finished"


def test_a_draw_from_another_grid_says_nothing_of_this_one(store: Store) -> None:
    launch(Search(name="random", settings=5), store, CAT[:10])
    finish(
        store, Search(name="random", settings=5).list_wanted(make_plan(study_of(CAT[:10]), store))
    )
    assert (cat(store).sampled, cat(store).missing) == ("grid", 15)
    assert cat(store, CAT[:10]).sampled == "random"


def test_each_cell_of_a_table_has_its_own_draw_and_budget(store: Store) -> None:
    """The variants of a method do not share a budget by the luck of the draw."""
    study = parse_study(VARIANTS, source="variants")
    search = Search(name="random", settings=2, seed=3)
    keep_search(store, search.record(make_plan(study, store)))
    (record,) = read_searches(store)
    drawn = {draw.method: len(draw.drawn) for draw in record.cells}
    assert drawn == {"standard": 2, "cat norm=mix": 2, "cat": 2}
    finish(store, search.list_wanted(make_plan(study, store)))
    for cell in read_groups(group_by_cell(study), store):
        assert (cell.sampled, len(cell.finished), cell.undrawn) == ("random", 2, 1)
        assert cell.design.unfair is None


def test_an_adaptive_search_is_one_until_all_of_its_grid_ended(store: Store) -> None:
    launch(Search(name="tpe", settings=5), store)
    assert cat(store).sampled == "grid", "nothing ended yet: nothing was chosen by scores"
    finish(store, CAT[:5])
    assert cat(store).sampled == "adaptive"
    assert cat(store).design.unfair == "its trials were drawn by an adaptive search"
    finish(store, CAT)
    assert (cat(store).sampled, cat(store).design.unfair) == ("grid", None)


def test_a_grid_and_what_a_scheduler_stopped(store: Store) -> None:
    launch(Search(scheduler="asha"), store)
    finish(store, CAT[:18])
    assert cat(store).missing == 2
    prune(store, CAT[18])
    finish(store, CAT[19:])
    found = cat(store)
    assert (found.sampled, found.pruned, found.missing) == ("grid", 1, 0)
    assert found.design.unfair == "1 of its trials was pruned"
    finish(store, CAT[18:19])
    assert cat(store).design.unfair is None


def test_a_search_that_runs_again_leaves_the_same_record(store: Store) -> None:
    search = Search(name="random", settings=5, seed=3)
    launch(search, store)
    finish(store, search.list_wanted(make_plan(study_of(CAT), store))[:2])
    launch(search, store)
    assert len(read_searches(store)) == 1


def test_a_draw_that_another_study_trained_is_kept_all_the_same(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is left to train: the report must still know that it was a draw."""
    study = load_study("quickstart")
    drawn = Search(name="random", settings=3).list_wanted(make_plan(study, store))
    finish(store, drawn)
    with pytest.raises(SystemExit) as caught:
        main(
            ["run", "quickstart", "--store", str(store.root), "--search", "random", "--budget", "3"]
        )
    assert caught.value.code == 0
    assert "nothing to train" in capsys.readouterr().err
    assert [cell.sampled for cell in read_cells(study.trials(), store)] == ["grid", "random"]
