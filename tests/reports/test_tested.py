"""What stands behind a mark: both p-values, their families, and whom best against best favours."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from reports.statistics.interval import paired_bootstrap
from reports.tables import tested as under  # pytest would take its names for tests
from reports.tables.choice import choices
from reports.tables.report import marks_of
from reports.tables.table import percent
from search_spaces.trial import TrialConfig
from tests.references import selection as slow
from tests.reports.stores import predict, read_cells, record_of, trials
from tests.results import labelled, result_of
from trainers.records.metrics import Labels
from trainers.records.store import Store

METHODS = ("standard", "at", "cat")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def drawn(seed: int, n: int, rows: Sequence[float]) -> tuple[Labels, Labels]:
    """Gold labels (n,), and a row of predictions for each probability of being right."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 2, n)
    right = rng.random((len(rows), n)) < np.array(rows)[:, None]
    return gold, np.where(right, gold, 1 - gold)


def compared(
    store: Store,
    counts: tuple[int, ...],
    gold: Labels,
    rows: Labels,
    splits: Sequence[str] = ("dev",),
    *,
    split: str = "dev",
    intervals: bool = False,
) -> list[under.Tested]:
    """Test cells of so many trials each, in the order of METHODS, on RTE."""
    first = 0
    every: list[TrialConfig] = []
    for method, count in zip(METHODS, counts, strict=False):
        group = trials(method, count)
        predict(store, group, gold, rows[first : first + count], splits)
        first, every = first + count, [*every, *group]
    cells = read_cells(every, store)
    return under.tested_cells(cells, split, store, choices(cells, store), intervals=intervals)


def test_the_naive_p_is_of_the_two_chosen_trials_and_the_other_of_all(store: Store) -> None:
    gold, rows = drawn(0, 8, [0.5] * 2 + [0.8] * 3)
    (found,) = compared(store, (2, 3), gold, rows)
    right = rows == gold
    best = right[int(right[:2].sum(1).argmax())], right[2 + int(right[2:].sum(1).argmax())]
    only = [int((a & ~b).sum()) for a, b in (best, best[::-1])]
    assert found.comparison.p_value == pytest.approx(stats.binomtest(only[0], sum(only)).pvalue)
    greater, less, _ = slow.best_vs_best("accuracy", gold.tolist(), *halves(rows.tolist(), 2))
    assert found.p_after == pytest.approx(min(1.0, 2 * float(min(greater, less))))
    assert found.selected
    assert found.trials == (2, 3)


def halves(rows: list[list[int]], first: int) -> tuple[list[list[int]], list[list[int]]]:
    return rows[:first], rows[first:]


def test_holm_is_over_the_family_of_the_table(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.75] * 2 + [0.85] * 2)
    found = compared(store, (2, 2, 2), gold, rows)
    naive, after = [t.comparison.p_value for t in found], [t.p_after for t in found]
    assert [t.method for t in found] == ["at", "cat"]
    assert [t.p_holm for t in found] == pytest.approx(multipletests(naive, method="holm")[1])
    assert [t.p_bh for t in found] == pytest.approx(multipletests(naive, method="fdr_bh")[1])
    ours = [t.p_after_holm for t in found]
    assert ours == pytest.approx(multipletests(after, method="holm")[1])
    assert {(t.family, t.family_after) for t in found} == {(2, 2)}
    assert ours != after, "the correction must show"


def test_a_refused_comparison_leaves_the_family_of_the_others(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.75] * 2 + [0.85] * 2)
    whole = compared(store, (2, 2, 2), gold, rows)
    cells = read_cells([*trials("standard", 2), *trials("at", 3), *trials("cat", 2)], store)
    at, cat = under.tested_cells(cells, "dev", store, choices(cells, store))
    assert (at.p_after, at.p_after_holm, at.survives) == (None, None, False)
    assert at.marked
    assert "p_sel:refused" in at.note()
    assert "p_sel_adj" not in at.note()
    assert (cat.family, cat.family_after) == (2, 1)
    assert cat.p_after_holm == cat.p_after == whole[1].p_after


def test_on_examples_that_chose_nothing_both_p_are_one(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.85] * 2)
    (found,) = compared(store, (2, 2), gold, rows, ("dev", "test"), split="test")
    assert not found.selected
    assert found.p_after == found.comparison.p_value == found.p_after_holm
    assert found.marked
    assert found.survives
    assert "p_sel:none|sel_on:dev" in found.note()


def test_each_split_is_tested_on_its_own_examples(store: Store) -> None:
    """On the test set the chosen system is worse: no mark, however small p is."""
    gold = np.arange(80) % 2
    dev, other = 1 - gold, np.where(np.arange(80) < 10, gold, 1 - gold)
    base, cat = trials("standard", 2), trials("cat", 2)
    for trial in base:
        kept = {"dev": labelled(gold, dev), "test": labelled(gold, gold)}
        store.commit(trial, result_of(trial, kept))
    for trial in cat:
        kept = {"dev": labelled(gold, other), "test": labelled(gold, other)}
        store.commit(trial, result_of(trial, kept))
    cells = read_cells([*base, *cat], store)
    chosen = choices(cells, store)
    (on_dev,) = under.tested_cells(cells, "dev", store, chosen)
    (on_test,) = under.tested_cells(cells, "test", store, chosen)
    assert on_dev.comparison.delta == 10 / 80
    assert on_test.comparison.delta == -70 / 80
    assert on_test.comparison.p_value == pytest.approx(stats.binomtest(0, 70).pvalue)
    assert on_test.gap.observed == -70 / 80
    assert on_test.p_after_holm is not None
    assert on_test.p_after_holm < 1e-9
    assert (on_test.marked, on_test.survives) == (False, False)


def test_one_trial_of_each_was_chosen_from_nothing(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6, 0.85])
    (found,) = compared(store, (1, 1), gold, rows)
    assert not found.selected
    assert found.p_after == found.comparison.p_value


def test_the_same_examples_under_another_name_chose_all_the_same() -> None:
    (trial,) = trials("cat", 1)
    record = record_of(trial, 50)
    assert under.chose(record, "dev")
    same = record.model_copy(update={"fingerprints": {"dev": "a", "test": "a", "other": "b"}})
    assert under.chose(same, "test")
    assert not under.chose(same, "other")


def test_the_double_dagger_is_what_remains_of_a_dagger(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.85] * 2)
    (ahead,) = compared(store, (2, 2), gold, rows)
    assert ahead.comparison.delta > 0
    assert ahead.marked
    assert replace(ahead, p_after_holm=0.02).survives
    assert not replace(ahead, p_after_holm=0.05).survives
    assert not replace(ahead, p_after_holm=None).survives
    behind = replace(ahead, comparison=replace(ahead.comparison, baseline_score=1.0))
    assert replace(behind, p_after_holm=0.02).remains
    assert not replace(behind, p_after_holm=0.02).survives
    assert marks_of(ahead) == {"dagger": True, "double-dagger": True}
    assert marks_of(replace(ahead, p_after_holm=0.8)) == {"dagger": True, "double-dagger": False}
    weak = replace(ahead, comparison=replace(ahead.comparison, p_value=0.05))
    assert not weak.marked
    assert not weak.survives, "the double dagger is what remains of a dagger"


def test_a_large_cell_that_leads_by_less_than_its_size_explains_is_not_better(
    store: Store,
) -> None:
    """A lead of 40 equal trials over one copy of the average among them: no double dagger."""
    gold, rows = drawn(11, 150, [0.7] * 41)
    (found,) = compared(store, (1, 40), gold, rows)
    assert found.comparison.delta > 0
    assert found.choice.best is not None
    assert found.choice.best.p_greater > 0.05
    assert not found.survives


def test_an_interval_is_of_the_tested_difference_and_only_on_request(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.85] * 2)
    (without,) = compared(store, (2, 2), gold, rows)
    assert (without.interval, without.gain()) == (None, None)
    (found,) = compared(store, (2, 2), gold, rows, intervals=True)
    right = (rows == gold).sum(axis=1)
    pair = rows[int(right[:2].argmax())], rows[2 + int(right[2:].argmax())]
    expected = paired_bootstrap(gold, *pair)
    assert found.interval == expected
    assert replace(found, interval=None) == without
    numbers = (found.comparison.delta, expected.low, expected.high)
    delta, low, high = (percent(value, 1) for value in numbers)
    assert found.gain() == f"RTE tiny at {delta} ({low} to {high})"


def test_an_interval_on_other_examples_is_of_those(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.85] * 2)
    splits = ("heldout", "dev")
    (found,) = compared(store, (2, 2), gold, rows, splits, intervals=True)
    assert not found.selected
    assert found.interval is not None
    assert found.interval.low < found.comparison.delta < found.interval.high


def test_the_signature_says_all_of_it(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.75] * 2 + [0.85] * 2)
    at, _ = compared(store, (2, 2, 2), gold, rows)
    best = at.choice.best
    assert best is not None
    fields = dict(part.split(":", 1) for part in at.note().split(": ", 1)[1].split("|"))
    assert at.note().startswith("rte/tiny/at: metric:accuracy|test:mcnemar-exact|alt:two|")
    assert fields["sel"] == "best2-vs-best2"
    assert fields["sel_on"] == "dev"
    assert float(fields["p"]) == pytest.approx(at.comparison.p_value, rel=1e-3)
    assert float(fields["p_sel"]) == pytest.approx(best.p_value, rel=1e-3)
    assert float(fields["p_adj"]) == pytest.approx(at.p_holm, rel=1e-3)
    assert float(fields["p_sel_adj"]) == pytest.approx(at.p_after_holm, rel=1e-3)
    assert (fields["adj"], fields["adj_sel"]) == ("holm(2)", "holm(2)")
    assert "seeds" not in fields


def test_seeds_of_the_chosen_setting_stand_in_the_signature(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6, 0.85, 0.7, 0.72])
    base = trials("standard", 1)
    seeds = [trial for seed in range(3) for trial in trials("cat", 1, seed=seed)]
    predict(store, base, gold, rows[:1])
    predict(store, seeds, gold, rows[1:])
    cells = read_cells([*base, *seeds], store)
    (found,) = under.tested_cells(cells, "dev", store, choices(cells, store))
    scores = (rows[1:] == gold).mean(axis=1)
    assert found.seeds is not None
    assert found.seeds.deviation == pytest.approx(np.std(scores, ddof=1))
    assert f"|seeds:3|sd_seeds:{np.std(scores, ddof=1):.4g}|" in found.note()


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("ours", "theirs", "even"),
    [
        ({"select": "best_epoch", "epochs": 9}, {"epochs": 9}, False),
        ({"select": "best_epoch", "epochs": 9}, {"select": "best_epoch", "epochs": 3}, False),
        ({"select": "best_epoch", "epochs": 9}, {"select": "best_epoch", "epochs": 9}, True),
        ({"select": "best_epoch", "epochs": 1}, {"epochs": 9}, True),
    ],
)
def test_more_epochs_of_one_to_choose_from_leave_no_double_dagger(
    ours: dict[str, Any], theirs: dict[str, Any], even: bool, count: int, store: Store
) -> None:
    """The best of nine epochs beats a last one without being better; on other examples it may."""
    gold, rows = drawn(3, 80, [0.6] * count + [0.85] * count)
    base, cat = trials("standard", count, **theirs), trials("cat", count, **ours)
    predict(store, base, gold, rows[:count], ("dev", "test"))
    predict(store, cat, gold, rows[count:], ("dev", "test"))
    cells = read_cells([*base, *cat], store)
    chosen = choices(cells, store)
    (found,) = under.tested_cells(cells, "dev", store, chosen)
    assert found.marked
    assert found.survives == even
    assert (found.p_after is not None) == even
    assert ("p_sel:refused" in found.note()) == (not even)
    why = "rte/tiny/standard and rte/tiny/cat had different numbers of epochs to choose from"
    assert found.choice.refused == (None if even else why)
    assert (found.choice.budget is not None) == even
    (confirmed,) = under.tested_cells(cells, "test", store, chosen)
    assert confirmed.survives


def test_epochs_that_other_examples_chose_are_no_choice_here(store: Store) -> None:
    """Of the two, dev chose only CAT's epoch; held-out rows chose the baseline's."""
    gold, rows = drawn(3, 80, [0.6, 0.85])
    base = trials("standard", 1, select="best_epoch", epochs=9)
    cat = trials("cat", 1, select="best_epoch", epochs=9)
    predict(store, base, gold, rows[:1], ("heldout", "dev"))
    predict(store, cat, gold, rows[1:], ("dev",))
    cells = read_cells([*base, *cat], store)
    (found,) = under.tested_cells(cells, "dev", store, choices(cells, store))
    assert found.marked
    assert found.epoch_selected
    assert (found.p_after, found.survives) == (None, False)
