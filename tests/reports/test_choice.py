"""The choice of a trial, from a store: against every swap in a loop, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import stdev

import numpy as np
import pytest
from reports.tables.choice import ALPHA, choices, read_candidates, resamples_for
from reports.tables.choice import spread_over_seeds as spread

from reports.results.cells import RESAMPLES, CellResult, gather
from reports.statistics.best_vs_best import best_vs_best
from reports.statistics.budget import compare_budgets
from reports.statistics.gap import smallest_gap
from reports.statistics.honest import honest_score
from reports.tables import choice
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig
from tests.references import selection as slow
from tests.reports.stores import build, predict, prune, read_cells, trials
from tests.results import MOMENT, labelled, result_of
from trainers.records.metrics import METRICS, Labels
from trainers.records.outcome import FailureRecord, Predictions, TrialRecord
from trainers.records.searches import CellDraw, SearchRecord, digest, keep_search
from trainers.records.store import Store

CAT = ("rte", "tiny", "cat")
STANDARD = ("rte", "tiny", "standard")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def drawn(seed: int, n: int = 8, rows: int = 6) -> tuple[Labels, Labels]:
    """Gold labels (n,) and predictions (rows, n) that are right three times of four."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 2, n)
    return gold, np.where(rng.random((rows, n)) < 0.75, gold, 1 - gold)


def read(store: Store, *groups: Sequence[TrialConfig]) -> list[CellResult]:
    return read_cells([trial for group in groups for trial in group], store)


@pytest.mark.parametrize(("task", "metric"), [("rte", "accuracy"), ("mrpc", "f1"), ("cola", "mcc")])
@pytest.mark.parametrize("seed", range(3))
def test_best_against_best_is_that_of_every_swap(
    task: str, metric: str, seed: int, store: Store
) -> None:
    gold, rows = drawn(seed)
    cells = trials("standard", 2, task), trials("cat", 4, task)
    predict(store, cells[0], gold, rows[:2])
    predict(store, cells[1], gold, rows[2:])
    found = choices(read(store, *cells), store)
    chosen = found[task, "tiny", "cat"]
    lists = rows.tolist()
    greater, less, steps = slow.best_vs_best(metric, gold.tolist(), lists[:2], lists[2:])
    assert chosen.best is not None
    assert chosen.best.resamples is None
    assert (chosen.best.p_greater, chosen.best.p_less) == pytest.approx((greater, less))
    assert [*chosen.best.p_settings.values()] == pytest.approx([float(p) for p in steps])
    assert chosen.split == "dev"
    assert chosen.refused is None


def test_everything_else_is_of_the_same_trials(store: Store) -> None:
    gold, rows = drawn(4, n=60)
    cells = trials("standard", 2), trials("cat", 4)
    predict(store, cells[0], gold, rows[:2])
    predict(store, cells[1], gold, rows[2:])
    read_of = read(store, *cells)
    found = choices(read_of, store)
    base, system = (read_candidates(cell, store) for cell in read_of)
    assert system.trials == tuple(trial.signature for trial in cells[1])
    np.testing.assert_array_equal(system.predicted, rows[2:])
    right = (rows == gold).sum(axis=1)
    pair = gold, rows[int(right[:2].argmax())], rows[2 + int(right[2:].argmax())]
    chosen = found[CAT]
    assert chosen.comparison is not None
    assert chosen.comparison.delta == pytest.approx((right[2:].max() - right[:2].max()) / 60)
    assert chosen.gap == smallest_gap(*pair)
    assert chosen.honest == honest_score(system)
    assert chosen.best == best_vs_best(base, system)
    assert chosen.budget == compare_budgets(base.scores, system.scores)
    alone = found[STANDARD]
    assert alone.honest == honest_score(base)
    assert (alone.comparison, alone.gap, alone.best, alone.budget) == (None,) * 4
    assert choices(read_of, store) == found


def test_a_metric_that_best_against_best_does_not_take_is_a_reason(
    store: Store,
) -> None:
    """MCC of three labels: the report has its numbers and the naive test all the same."""
    rng = np.random.default_rng(0)
    gold, rows = rng.integers(0, 3, 60), rng.integers(0, 3, (4, 60))
    cells = trials("standard", 2, "cola"), trials("cat", 2, "cola")
    predict(store, cells[0], gold, rows[:2], n_classes=3)
    predict(store, cells[1], gold, rows[2:], n_classes=3)
    chosen = choices(read(store, *cells), store)["cola", "tiny", "cat"]
    assert chosen.comparison is not None
    assert chosen.honest is not None
    assert (chosen.best, chosen.budget) == (None, None)
    assert "not mcc of 3" in (chosen.refused or "")
    report, _ = build("s", read(store, *cells), store)
    assert "cannot have a double dagger" in report.table.caption.replace("\u00a0", " ")


def test_a_cell_without_a_baseline_has_nothing_to_be_compared_with(store: Store) -> None:
    gold, rows = drawn(0)
    cell = trials("cat", 6)
    predict(store, cell, gold, rows)
    found = choices(read(store, trials("standard", 2), cell), store)
    assert set(found) == {CAT}, "a cell without a finished trial has no choice"
    assert found[CAT].honest is not None
    assert (found[CAT].comparison, found[CAT].best, found[CAT].refused) == (None, None, None)


def adaptive(store: Store, cell: Sequence[TrialConfig]) -> None:
    names = [trial.signature for trial in cell]
    draw = CellDraw(task="rte", encoder="tiny", method="cat", grid=digest(names), drawn=(*names,))
    record = SearchRecord(
        study="s", search="tpe", kind="adaptive", scheduler="fifo", budget=4, seed=0, cells=(draw,)
    )
    keep_search(store, record)


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("pruned", "rte/tiny/cat: 1 of its trials was pruned"),
        ("missing", "rte/tiny/cat: 1 of its trials is not finished"),
        ("adaptive", "rte/tiny/cat: its trials were drawn by an adaptive search"),
    ],
)
def test_trials_that_are_not_exchangeable_are_refused_by_name(
    way: str, reason: str, store: Store
) -> None:
    """The two chosen trials are compared all the same: that needs no others."""
    gold, rows = drawn(1)
    cells = trials("standard", 2), trials("cat", 5)
    predict(store, cells[0], gold, rows[:2])
    predict(store, cells[1][:4], gold, rows[2:])
    if way == "pruned":
        prune(store, cells[1][4])
    if way == "adaptive":
        adaptive(store, cells[1])
    found = choices(read(store, *cells), store)
    assert found[CAT].refused == reason
    assert (found[CAT].best, found[CAT].budget, found[CAT].honest) == (None, None, None)
    assert found[CAT].comparison is not None
    assert found[STANDARD].honest is not None


def test_a_baseline_that_is_not_finished_refuses_its_methods(store: Store) -> None:
    gold, rows = drawn(1)
    cells = trials("standard", 3), trials("cat", 4)
    predict(store, cells[0][:2], gold, rows[:2])
    predict(store, cells[1], gold, rows[2:])
    found = choices(read(store, *cells), store)
    assert found[CAT].refused == "rte/tiny/standard: 1 of its trials is not finished"
    assert found[CAT].best is None
    assert found[CAT].honest is not None
    assert found[STANDARD].honest is None


def test_a_failed_trial_stays_in_the_budget(store: Store) -> None:
    gold, rows = drawn(2)
    cells = trials("standard", 2), trials("cat", 5)
    predict(store, cells[0], gold, rows[:2])
    predict(store, cells[1][:4], gold, rows[2:])
    failure = FailureRecord(
        signature=cells[1][4].signature,
        kind="diverged",
        reason="loss",
        traceback="",
        host="h",
        failed_at=MOMENT,
    )
    store.commit_failure(cells[1][4], failure)
    chosen = choices(read(store, *cells), store)[CAT]
    assert chosen.refused is None
    assert chosen.budget is not None
    assert chosen.budget.budgets == (2, 5)
    assert chosen.best is not None
    assert chosen.best.trials == (2, 4)


def test_cells_that_were_chosen_on_different_splits_are_refused(store: Store) -> None:
    gold, rows = drawn(3)
    cells = trials("standard", 2), trials("cat", 4)
    predict(store, cells[0], gold, rows[:2], ("dev",))
    predict(store, cells[1], gold, rows[2:], ("heldout", "dev"))
    chosen = choices(read(store, *cells), store)[CAT]
    assert chosen.refused == "rte/tiny/standard and rte/tiny/cat were chosen on different splits"
    assert (chosen.split, chosen.comparison, chosen.best) == ("heldout", None, None)


def test_trials_of_a_cell_that_were_chosen_on_different_splits_are_an_error(store: Store) -> None:
    gold, rows = drawn(3)
    cell = trials("cat", 6)
    predict(store, cell[:5], gold, rows[:5])
    predict(store, cell[5:], gold, rows[5:], ("heldout", "dev"))
    with pytest.raises(UserError, match=f"rte/tiny/cat: trial {cell[5].signature} was chosen on a"):
        choices(read(store, cell), store)


def shuffled(entry: Predictions, seed: int) -> Predictions:
    order = np.random.default_rng(seed).permutation(len(entry.ids))
    return Predictions(
        ids=[entry.ids[place] for place in order],
        gold=entry.gold[order],
        logits=entry.logits[order],
    )


@pytest.mark.parametrize("one_label", [False, True])
def test_predictions_are_joined_by_id_not_by_place(one_label: bool, store: Store) -> None:
    """Where all gold labels are the same, they cannot show that the places differ."""
    gold, rows = drawn(5, n=40)
    if one_label:
        gold, rows = np.ones_like(gold), np.where(rows == gold, 1, 0)
    cells = trials("standard", 2), trials("cat", 4)
    for place, trial in enumerate((*cells[0], *cells[1])):
        kept = shuffled(labelled(gold, rows[place]), seed=place)
        store.commit(trial, result_of(trial, {"dev": kept}))
    read_of = read(store, *cells)
    every = {t.signature: store.predictions(store.record(t.signature), "dev") for t in cells[1]}
    ours = read_candidates(read_of[1], store)
    joined = gather("c", every, metric=METRICS["accuracy"], n_classes=2, design=ours.design)
    np.testing.assert_array_equal(ours.predicted, joined.predicted)
    straight = Store(store.root.parent / "straight", create=True)
    predict(straight, cells[0], gold, rows[:2])
    predict(straight, cells[1], gold, rows[2:])
    one, other = choices(read_of, store)[CAT], choices(read(straight, *cells), straight)[CAT]
    assert one.comparison == other.comparison
    assert one.best is not None
    assert other.best is not None
    assert one.best.p_greater == pytest.approx(other.best.p_greater, abs=0.01)


def test_gold_labels_that_differ_are_an_error(store: Store) -> None:
    gold, rows = drawn(5)
    cell = trials("cat", 2)
    predict(store, cell[:1], gold, rows[:1])
    predict(store, cell[1:], 1 - gold, rows[1:2])
    with pytest.raises(UserError, match=r"rte/tiny/cat: .*has two different gold labels"):
        choices(read(store, cell), store)


@pytest.mark.parametrize("tests", [1, 6, 40, 63, 250])
@pytest.mark.parametrize("trials", [2, 363, 6_000, 10**6, 10**9])
def test_resamples_are_enough_for_holm_and_no_more_than_needed(trials: int, tests: int) -> None:
    resamples = resamples_for(trials, tests)
    assert 999 <= resamples <= max(RESAMPLES, 160 * tests)
    assert tests * 2 / (1 + resamples) <= ALPHA / 2, "Holm's least p must be able to be small"
    assert resamples_for(363, 6) == RESAMPLES
    assert resamples_for(10**9, tests) <= resamples


def test_a_family_gets_the_resamples_that_it_needs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "PER_TEST", 5_500)
    gold, rows = drawn(5, n=40)
    cells = trials("standard", 2), trials("cat", 2), trials("at", 2)
    for place, group in enumerate(cells):
        predict(store, group, gold, rows[2 * place : 2 * place + 2])
    best = [found.best for found in choices(read(store, *cells), store).values() if found.best]
    assert [found.resamples for found in best] == [11_000] * 2


def test_the_spread_is_over_seeds_of_the_chosen_setting_alone(store: Store) -> None:
    seeds = [trial for seed in range(4) for trial in trials("cat", 2, seed=seed)]
    right = {(1e-5, 0): 90, (1e-5, 1): 70, (1e-5, 2): 80, (1e-5, 3): 84}
    gold = np.arange(100) % 2
    for trial in seeds:
        count = right.get((trial.lr, trial.seed), 60 + trial.seed)
        row = np.where(np.arange(100) < count, gold, 1 - gold)
        predict(store, [trial], gold, row[None], ("dev", "test"))
    (cell,) = read(store, seeds)
    found = spread(cell, "test", 0.05, store)
    assert found is not None
    assert found.seeds == 4
    assert found.mean == pytest.approx(0.81)
    assert found.deviation == pytest.approx(stdev([0.9, 0.7, 0.8, 0.84]))
    assert found.ratio == pytest.approx(0.05 / found.deviation)
    assert spread(replace(cell, finished=cell.finished[:2]), "test", 0.05, store) is None
    assert spread(replace(cell, finished=()), "test", 0.05, store) is None


def test_a_trial_is_not_compared_with_all_others_to_find_its_seeds(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [trial for seed in range(3) for trial in trials("cat", 4, seed=seed)]
    gold, rows = drawn(0, n=40, rows=12)
    predict(store, settings, gold, rows)
    (cell,) = read(store, settings)
    asked: list[str] = []

    def score(record: TrialRecord) -> float:
        asked.append(record.signature)
        return record.scores[record.selection][record.metric].value

    monkeypatch.setattr(TrialRecord, "selection_score", property(score))
    found = spread(cell, "dev", 0.05, store)
    assert found is not None
    assert found.seeds == 3
    assert len(asked) == len(cell.finished) == 12


def test_seeds_that_were_run_before_a_split_was_there_are_left_out(store: Store) -> None:
    """A test set may be added to the data later: trials from before have no predictions of it."""
    seeds = [trial for seed in range(3) for trial in trials("cat", 1, seed=seed)]
    gold, rows = drawn(0, n=40, rows=3)
    predict(store, seeds[:1], gold, rows[:1], ("dev",))
    predict(store, seeds[1:], gold, rows[1:], ("dev", "test"))
    (cell,) = read(store, seeds)
    found = spread(cell, "test", 0.05, store)
    assert found is not None
    assert found.seeds == 2
    both = (rows[1:] == gold).mean(axis=1)
    assert found.deviation == pytest.approx(np.std(both, ddof=1))
    two = replace(cell, finished=cell.finished[:2])
    assert spread(two, "test", 0.05, store) is None
