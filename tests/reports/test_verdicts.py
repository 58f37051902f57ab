"""What stands behind a mark: both p-values, their families, and whom best against best favours."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from reports.results.cells import FinishedTrial, Setting
from reports.statistics.interval import paired_bootstrap
from reports.statistics.significance import Comparison
from reports.tables.notes import gain_text
from reports.tables.table import percent
from reports.verdicts.choice import was_chosen_on
from reports.verdicts.verdict import Verdict
from search_spaces.display_names import DisplayNames
from search_spaces.trial import TrialConfig
from tests.references import selection as slow
from tests.reports.stores import judged, predict, read_cells, record_of, trials
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
) -> list[Verdict]:
    """Test cells of so many trials each, in the order of METHODS, on RTE."""
    first = 0
    every: list[TrialConfig] = []
    for method, count in zip(METHODS, counts, strict=False):
        group = trials(method, count)
        predict(store, group, gold, rows[first : first + count], splits)
        first, every = first + count, [*every, *group]
    cells = read_cells(every, store)
    return judged(cells, store, intervals=intervals).on_split(tuple(cells), split)


def of(test: Verdict) -> Comparison:
    """The test of the two trained models."""
    assert test.comparison is not None
    return test.comparison


def test_the_naive_p_is_of_the_two_chosen_trials_and_the_other_of_all(store: Store) -> None:
    gold, rows = drawn(0, 8, [0.5] * 2 + [0.8] * 3)
    (found,) = compared(store, (2, 3), gold, rows)
    right = rows == gold
    best = right[int(right[:2].sum(1).argmax())], right[2 + int(right[2:].sum(1).argmax())]
    only = [int((a & ~b).sum()) for a, b in (best, best[::-1])]
    assert found.p_value == pytest.approx(stats.binomtest(only[0], sum(only)).pvalue)
    greater, less, _ = slow.best_vs_best("accuracy", gold.tolist(), *halves(rows.tolist(), 2))
    assert found.p_after == pytest.approx(min(1.0, 2 * float(min(greater, less))))
    assert found.selected
    assert (found.baseline.settings, found.system.settings) == (2, 3)


def halves(rows: list[list[int]], first: int) -> tuple[list[list[int]], list[list[int]]]:
    return rows[:first], rows[first:]


def test_holm_is_over_the_family_of_the_study(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.75] * 2 + [0.85] * 2)
    found = compared(store, (2, 2, 2), gold, rows)
    naive, after = [of(t).p_value for t in found], [t.p_after for t in found]
    assert [t.method for t in found] == ["at", "cat"]
    assert [t.p_holm for t in found] == pytest.approx(multipletests(naive, method="holm")[1])
    assert [t.p_bh for t in found] == pytest.approx(multipletests(naive, method="fdr_bh")[1])
    ours = [t.p_after_holm for t in found]
    assert ours == pytest.approx(multipletests(after, method="holm")[1])
    assert {t.family for t in found} == {2}
    assert ours != after, "the correction must show"


def test_a_refused_comparison_stays_in_the_family_of_the_others(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.75] * 2 + [0.85] * 2)
    whole = compared(store, (2, 2, 2), gold, rows)
    cells = read_cells([*trials("standard", 2), *trials("at", 3), *trials("cat", 2)], store)
    at, cat = judged(cells, store).on_split(tuple(cells), "dev")
    assert (at.p_after, at.p_after_holm, at.survives) == (None, None, False)
    assert at.marked
    assert "p_sel:refused" in at.signature()
    assert "p_sel_adj" not in at.signature()
    assert cat.family == 2
    assert cat.p_after == whole[1].p_after
    assert cat.p_after is not None
    assert cat.p_after_holm == 2 * cat.p_after


def test_on_examples_that_chose_nothing_both_p_are_one(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.85] * 2)
    (found,) = compared(store, (2, 2), gold, rows, ("dev", "test"), split="test")
    assert not found.selected
    assert found.p_after == of(found).p_value
    assert found.p_after_holm == pytest.approx(2 * of(found).p_value), "dev is in the family, too"
    assert found.marked
    assert found.survives
    assert "p_sel:none|sel_on:dev" in found.signature()


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
    verdicts = judged(cells, store)
    (on_dev,) = verdicts.on_split(tuple(cells), "dev")
    (on_test,) = verdicts.on_split(tuple(cells), "test")
    assert on_dev.delta == 10 / 80
    assert on_test.delta == -70 / 80
    assert on_test.p_value == pytest.approx(stats.binomtest(0, 70).pvalue)
    assert on_test.p_after_holm is not None
    assert on_test.p_after_holm < 1e-9
    assert (on_test.marked, on_test.survives) == (False, False)


def test_one_trial_of_each_was_chosen_from_nothing(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6, 0.85])
    (found,) = compared(store, (1, 1), gold, rows)
    assert not found.selected
    assert found.p_after == of(found).p_value


def test_the_same_examples_under_another_name_chose_all_the_same() -> None:
    (trial,) = trials("cat", 1)
    record = record_of(trial, 50)
    assert was_chosen_on(Setting(trials=(FinishedTrial(config=trial, record=record),)), "dev")
    prints = {"dev": "a", "test": "a", "other": "b"}
    same = record.model_copy(update={"fingerprints": prints})
    setting = Setting(trials=(FinishedTrial(config=trial, record=same),))
    assert was_chosen_on(setting, "test")
    assert not was_chosen_on(setting, "other")


def test_the_double_dagger_is_what_remains_of_a_dagger(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.85] * 2)
    (ahead,) = compared(store, (2, 2), gold, rows)
    assert ahead.delta > 0
    assert ahead.marked
    assert replace(ahead, p_after_holm=0.02).survives
    assert not replace(ahead, p_after_holm=0.05).survives
    assert not replace(ahead, p_after_holm=None).survives
    behind = replace(ahead, baseline=replace(ahead.baseline, scores=(1.0,)))
    assert replace(behind, p_after_holm=0.02).remains
    assert not replace(behind, p_after_holm=0.02).survives
    assert ahead.marks == ("dagger", "double-dagger")
    assert replace(ahead, p_after_holm=0.8).marks == ("dagger",)
    weak = replace(ahead, comparison=replace(of(ahead), p_value=0.05))
    assert not weak.marked
    assert not weak.survives, "the double dagger is what remains of a dagger"


def test_a_large_cell_that_leads_by_less_than_its_size_explains_is_not_better(
    store: Store,
) -> None:
    """A lead of 40 equal trials over one copy of the average among them: no double dagger."""
    gold, rows = drawn(11, 150, [0.7] * 41)
    (found,) = compared(store, (1, 40), gold, rows)
    assert found.delta > 0
    assert found.best is not None
    assert found.best.p_greater > 0.05
    assert not found.survives


def test_an_interval_is_of_the_tested_difference_and_only_on_request(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.85] * 2)
    (without,) = compared(store, (2, 2), gold, rows)
    assert (without.interval, gain_text(without, DisplayNames())) == (None, None)
    (found,) = compared(store, (2, 2), gold, rows, intervals=True)
    right = (rows == gold).sum(axis=1)
    pair = rows[int(right[:2].argmax())], rows[2 + int(right[2:].argmax())]
    expected = paired_bootstrap(gold, *pair)
    assert found.interval == expected
    assert replace(found, interval=None) == without
    numbers = (found.delta, expected.low, expected.high)
    delta, low, high = (percent(value, 1) for value in numbers)
    assert gain_text(found, DisplayNames()) == f"RTE Tiny AT {delta} ({low} to {high})"


def test_an_interval_on_other_examples_is_of_those(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.85] * 2)
    splits = ("heldout", "dev")
    (found,) = compared(store, (2, 2), gold, rows, splits, intervals=True)
    assert not found.selected
    assert found.interval is not None
    assert found.interval.low < found.delta < found.interval.high


def test_the_signature_says_all_of_it(store: Store) -> None:
    gold, rows = drawn(3, 80, [0.6] * 2 + [0.75] * 2 + [0.85] * 2)
    at, _ = compared(store, (2, 2, 2), gold, rows)
    best = at.best
    assert best is not None
    fields = dict(part.split(":", 1) for part in at.signature().split(": ", 1)[1].split("|"))
    assert at.signature().startswith("rte/tiny/at: metric:accuracy|test:mcnemar-exact|alt:two|")
    assert fields["sel"] == "best2-vs-best2"
    assert fields["sel_on"] == "dev"
    assert float(fields["p"]) == pytest.approx(at.p_value, rel=1e-3)
    assert float(fields["p_sel"]) == pytest.approx(best.p_value, rel=1e-3)
    assert float(fields["p_adj"]) == pytest.approx(at.p_holm, rel=1e-3)
    assert float(fields["p_sel_adj"]) == pytest.approx(at.p_after_holm, rel=1e-3)
    assert fields["adj"] == "holm(2)"
    assert "seeds" not in fields


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
    verdicts = judged(cells, store)
    (found,) = verdicts.on_split(tuple(cells), "dev")
    assert found.marked
    assert found.survives == even
    assert (found.p_after is not None) == even
    assert ("p_sel:refused" in found.signature()) == (not even)
    why = "rte/tiny/standard and rte/tiny/cat had different numbers of epochs to choose from"
    assert found.refused == (None if even else why)
    assert (found.budget is not None) == (even and count > 1)
    (confirmed,) = verdicts.on_split(tuple(cells), "test")
    assert confirmed.survives


def test_epochs_that_other_examples_chose_are_no_choice_here(store: Store) -> None:
    """Of the two, dev chose only CAT's epoch; held-out rows chose the baseline's."""
    gold, rows = drawn(3, 80, [0.6, 0.85])
    base = trials("standard", 1, select="best_epoch", epochs=9)
    cat = trials("cat", 1, select="best_epoch", epochs=9)
    predict(store, base, gold, rows[:1], ("heldout", "dev"))
    predict(store, cat, gold, rows[1:], ("dev",))
    cells = read_cells([*base, *cat], store)
    (found,) = judged(cells, store).on_split(tuple(cells), "dev")
    assert found.marked
    assert found.epoch_selected
    assert (found.p_after, found.survives) == (None, False)
