"""Verdicts on the split that chose: against every swap in a loop, and what is refused."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from reports.results.cells import CellResult
from reports.results.predictions import gather, read_candidates
from reports.statistics.best_vs_best import best_vs_best
from reports.statistics.budget import compare_budgets
from reports.statistics.gap import smallest_gap
from reports.statistics.honest import HonestScore, honest_score
from reports.verdicts import choice
from reports.verdicts.choice import MOST_RESAMPLES, count_resamples
from reports.verdicts.verdict import ALPHA, Verdict
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig
from tests.references import selection as slow
from tests.reports.stores import build, fail, judged, predict, prune, read_cells, trials, words_of
from tests.results import labelled, result_of
from trainers.records.metrics import METRICS, Labels
from trainers.records.outcome import Predictions
from trainers.records.searches import CellDraw, SearchRecord, digest_trials, keep_search
from trainers.records.store import Store


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


def judge(
    store: Store, cells: Sequence[CellResult], split: str = "dev"
) -> tuple[dict[str, Verdict], dict[str, HonestScore | None]]:
    """The verdicts on a split and the honest scores, by method."""
    found = judged(cells, store)
    verdicts = {verdict.method: verdict for verdict in found.on_split(tuple(cells), split)}
    return verdicts, {name[2]: score for name, score in found.honest.items()}


@pytest.mark.parametrize(("task", "metric"), [("rte", "accuracy"), ("mrpc", "f1"), ("cola", "mcc")])
@pytest.mark.parametrize("seed", range(3))
def test_best_against_best_is_that_of_every_swap(
    task: str, metric: str, seed: int, store: Store
) -> None:
    gold, rows = drawn(seed)
    cells = trials("standard", 2, task), trials("cat", 4, task)
    predict(store, cells[0], gold, rows[:2])
    predict(store, cells[1], gold, rows[2:])
    chosen = judge(store, read(store, *cells))[0]["cat"]
    lists = rows.tolist()
    greater, less, steps = slow.best_vs_best(metric, gold.tolist(), lists[:2], lists[2:])
    assert chosen.best is not None
    assert chosen.best.resamples is None
    assert (chosen.best.p_greater, chosen.best.p_less) == pytest.approx((greater, less))
    assert [*chosen.best.p_settings.values()] == pytest.approx([float(p) for p in steps])
    assert chosen.p_after == chosen.best.p_value
    assert chosen.chosen_on == "dev"
    assert chosen.refused is None


def test_everything_else_is_of_the_same_trials(store: Store) -> None:
    gold, rows = drawn(4, n=60)
    cells = trials("standard", 2), trials("cat", 4)
    predict(store, cells[0], gold, rows[:2])
    predict(store, cells[1], gold, rows[2:])
    read_of = read(store, *cells)
    found, honest = judge(store, read_of)
    base, system = (read_candidates(cell, store) for cell in read_of)
    assert system.trials == tuple(trial.signature for trial in cells[1])
    np.testing.assert_array_equal(system.predicted, rows[2:])
    right = (rows == gold).sum(axis=1)
    pair = gold, rows[int(right[:2].argmax())], rows[2 + int(right[2:].argmax())]
    chosen = found["cat"]
    assert chosen.comparison is not None
    assert chosen.delta == pytest.approx((right[2:].max() - right[:2].max()) / 60)
    assert chosen.delta == pytest.approx(chosen.comparison.delta)
    assert chosen.least == smallest_gap(*pair).smallest
    assert honest["cat"] == honest_score(system)
    assert chosen.best == best_vs_best(base, system)
    assert chosen.budget == compare_budgets(base.scores, system.scores)
    assert "standard" not in found
    assert honest["standard"] == honest_score(base)
    assert judge(store, read_of) == (found, honest)


def test_a_metric_that_best_against_best_does_not_take_is_a_reason(
    store: Store,
) -> None:
    """MCC of three labels: the report has its numbers and the naive test all the same."""
    rng = np.random.default_rng(0)
    gold, rows = rng.integers(0, 3, 60), rng.integers(0, 3, (4, 60))
    cells = trials("standard", 2, "cola"), trials("cat", 2, "cola")
    predict(store, cells[0], gold, rows[:2], n_classes=3)
    predict(store, cells[1], gold, rows[2:], n_classes=3)
    found, honest = judge(store, read(store, *cells))
    chosen = found["cat"]
    assert chosen.comparison is not None
    assert honest["cat"] is not None
    assert (chosen.best, chosen.budget) == (None, None)
    assert "not mcc with 3" in (chosen.refused or "")
    report, _ = build("s", read(store, *cells), store)
    assert "cannot have a double dagger" in words_of(report.table)


def test_a_cell_without_a_baseline_has_nothing_to_be_compared_with(store: Store) -> None:
    gold, rows = drawn(0)
    cell = trials("cat", 6)
    predict(store, cell, gold, rows)
    found, honest = judge(store, read(store, trials("standard", 2), cell))
    assert not found
    assert set(honest) == {"cat"}, "a cell without a finished trial has no choice"
    assert honest["cat"] is not None


def adaptive(store: Store, cell: Sequence[TrialConfig]) -> None:
    names = [trial.signature for trial in cell]
    draw = CellDraw(
        task="rte", encoder="tiny", method="cat", grid=digest_trials(names), drawn=(*names,)
    )
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
    found, honest = judge(store, read(store, *cells))
    assert found["cat"].refused == reason
    assert (found["cat"].best, found["cat"].budget, honest["cat"]) == (None, None, None)
    assert found["cat"].p_after is None
    assert found["cat"].comparison is not None
    assert honest["standard"] is not None


def test_a_baseline_that_is_not_finished_refuses_its_methods(store: Store) -> None:
    gold, rows = drawn(1)
    cells = trials("standard", 3), trials("cat", 4)
    predict(store, cells[0][:2], gold, rows[:2])
    predict(store, cells[1], gold, rows[2:])
    found, honest = judge(store, read(store, *cells))
    assert found["cat"].refused == "rte/tiny/standard: 1 of its trials is not finished"
    assert found["cat"].best is None
    assert honest["cat"] is not None
    assert honest["standard"] is None


def test_a_failed_trial_stays_in_the_budget(store: Store) -> None:
    gold, rows = drawn(2)
    cells = trials("standard", 2), trials("cat", 5)
    predict(store, cells[0], gold, rows[:2])
    predict(store, cells[1][:4], gold, rows[2:])
    fail(store, cells[1][4])
    chosen = judge(store, read(store, *cells))[0]["cat"]
    assert chosen.refused is None
    assert chosen.budget is not None
    assert chosen.budget.budgets == (2, 5)
    assert chosen.best is not None
    assert chosen.best.settings == (2, 4)


def test_cells_that_were_chosen_on_different_splits_are_refused(store: Store) -> None:
    gold, rows = drawn(3)
    cells = trials("standard", 2), trials("cat", 4)
    predict(store, cells[0], gold, rows[:2], ("dev",))
    predict(store, cells[1], gold, rows[2:], ("heldout", "dev"))
    chosen = judge(store, read(store, *cells))[0]["cat"]
    assert chosen.refused == "rte/tiny/standard and rte/tiny/cat have different selection splits"
    assert (chosen.chosen_on, chosen.best, chosen.p_after) == ("heldout", None, None)


def test_trials_of_a_cell_that_were_chosen_on_different_splits_are_an_error(store: Store) -> None:
    gold, rows = drawn(3)
    cell = trials("cat", 6)
    predict(store, cell[:5], gold, rows[:5])
    predict(store, cell[5:], gold, rows[5:], ("heldout", "dev"))
    with pytest.raises(UserError, match=f"rte/tiny/cat: trials {cell[5].signature} and"):
        judge(store, read(store, cell))


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
    one = judge(store, read_of)[0]["cat"]
    other = judge(straight, read(straight, *cells))[0]["cat"]
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
        judge(store, read(store, cell))


@pytest.mark.parametrize("tests", [1, 6, 40, 63, 250])
@pytest.mark.parametrize("trials", [2, 363, 6_000, 10**6, 10**9])
def test_resamples_are_enough_for_holm_and_no_more_than_needed(trials: int, tests: int) -> None:
    resamples = count_resamples(trials, tests)
    assert 999 <= resamples <= max(MOST_RESAMPLES, 160 * tests)
    assert tests * 2 / (1 + resamples) <= ALPHA / 2, "Holm's least p must be able to be small"
    assert count_resamples(363, 6) == MOST_RESAMPLES
    assert count_resamples(10**9, tests) <= resamples


def test_a_family_gets_the_resamples_that_it_needs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "PER_TEST", 5_500)
    gold, rows = drawn(5, n=40)
    cells = trials("standard", 2), trials("cat", 2), trials("at", 2)
    for place, group in enumerate(cells):
        predict(store, group, gold, rows[2 * place : 2 * place + 2])
    verdicts, _ = judge(store, read(store, *cells))
    best = [found.best for found in verdicts.values() if found.best]
    assert [found.resamples for found in best] == [11_000] * 2
