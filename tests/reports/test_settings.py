"""Settings with several seeds: the mean chooses, and seeds and examples are both samples."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest

from reports.statistics.best_vs_best import best_vs_best
from reports.statistics.honest import honest_score
from reports.statistics.method_test import method_test
from reports.tables.report import Report
from reports.verdicts.verdict import Verdict
from search_spaces.errors import UserError
from tests.references import selection as slow
from tests.reports.cells import candidates
from tests.reports.stores import build, fail, judged, predict, read_cells, seeded, trials, words_of
from trainers.records.metrics import Labels
from trainers.records.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def rows_of(rights: Sequence[int], n: int = 100) -> tuple[Labels, Labels]:
    """Gold labels (n,) and rows of which so many examples, another part each, are right."""
    gold = np.arange(n) % 2
    places = [(np.arange(n) + 37 * row) % n < right for row, right in enumerate(rights)]
    return gold, np.where(np.stack(places), gold, 1 - gold)


def drawn(seed: int, rates: Sequence[float], n: int) -> tuple[Labels, Labels]:
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 2, n)
    right = rng.random((len(rates), n)) < np.array(rates)[:, None]
    return gold, np.where(right, gold, 1 - gold)


def test_a_lucky_seed_does_not_represent_its_setting(store: Store) -> None:
    """Of means .80 with one seed at .88, and a steady .85, the steady one is chosen."""
    cell = seeded("cat", 2, 3)
    gold, rows = rows_of([76, 88, 76, 85, 85, 85])
    predict(store, cell, gold, rows)
    (found,) = read_cells(cell, store)
    assert found.chosen is not None
    assert found.chosen.config.lr == cell[3].lr
    assert found.chosen.selection_score == pytest.approx(0.85)
    assert [setting.selection_score for setting in found.trained_settings] == pytest.approx(
        [0.8, 0.85]
    )
    first, *_ = build("s", [found], store)
    (shown,) = first.table.rows[0].cells
    assert first.table.text(shown) == "85.0 ± 0.0"
    assert (shown.settings, shown.seeds, shown.n_trials) == (2, 3, 6)


def test_a_setting_that_lacks_a_seed_is_not_chosen_while_others_have_all(store: Store) -> None:
    """Its mean varies more: the best of many such would be the luckiest."""
    cell = seeded("cat", 2, 3)
    gold, rows = rows_of([99, 99, 0, 85, 85, 85])
    for place in (0, 1, 3, 4, 5):
        predict(store, [cell[place]], gold, rows[place : place + 1])
    fail(store, cell[2])
    (found,) = read_cells(cell, store)
    assert found.chosen is not None
    assert found.chosen.config.lr == cell[3].lr
    assert (len(found.trained_settings), len(found.comparable), found.design.failed) == (2, 1, 1)
    first, *_ = build("s", [found], store)
    assert "CAT 5 of 6 trials (1 failed) (grid with failures)" in words_of(first.table)
    assert "1 setting with fewer seeds than others could not be chosen." in words_of(first.table)


def test_where_all_settings_lack_a_seed_the_missing_ones_are_said(store: Store) -> None:
    cell = seeded("cat", 2, 3)
    gold, rows = rows_of([80, 82, 0, 85, 85, 0])
    for place in (0, 1, 3, 4):
        predict(store, [cell[place]], gold, rows[place : place + 1])
    for place in (2, 5):
        fail(store, cell[place])
    (found,) = read_cells(cell, store)
    assert found.chosen is not None
    assert found.chosen.config.lr == cell[3].lr
    assert found.design.failed == 0
    first, *_ = build("s", [found], store)
    assert "Seeds are missing: RTE Tiny CAT 2 of 3." in words_of(first.table)


@pytest.mark.parametrize("metric", ["accuracy", "f1", "mcc"])
@pytest.mark.parametrize("seed", range(3))
def test_best_against_best_is_that_of_every_swap(metric: str, seed: int) -> None:
    gold, rows = drawn(seed, [0.6] * 4 + [0.8] * 6, n=8)
    baseline = candidates(gold, rows[:4], metric, cell="standard", seeds=2)
    system = candidates(gold, rows[4:], metric, seeds=2)
    greater, less, steps = slow.best_vs_best(
        metric, gold.tolist(), rows[:4].tolist(), rows[4:].tolist(), seeds=2
    )
    ours = best_vs_best(baseline, system)
    assert ours.resamples is None
    assert (ours.p_greater, ours.p_less) == pytest.approx((float(greater), float(less)))
    assert [*ours.p_settings.values()] == pytest.approx([float(p) for p in steps])
    assert (ours.settings, ours.seeds) == ((2, 3), 2)
    assert tuple(ours.p_settings) == ("cat-0", "cat-2", "cat-4"), "named by their first trials"
    assert ours.delta == pytest.approx(system.scores.values.max() - baseline.scores.values.max())
    assert "|seeds:2|" in ours.signature()


def test_uneven_seeds_have_no_best_against_best() -> None:
    gold, rows = drawn(0, [0.7] * 6, n=20)
    with pytest.raises(UserError, match="standard has 1 seeds of each setting, cat 2"):
        best_vs_best(
            candidates(gold, rows[:2], cell="standard"), candidates(gold, rows[2:], seeds=2)
        )
    with pytest.raises(UserError, match="5 trials cannot be 2 seeds per setting"):
        candidates(gold, rows[:5], seeds=2)


@pytest.mark.parametrize("metric", ["accuracy", "f1", "mcc"])
def test_the_honest_score_chooses_by_the_mean(metric: str) -> None:
    gold, rows = drawn(4, [0.7] * 6, n=24)
    samples = np.random.default_rng(5).integers(0, 24, size=(40, 24)).tolist()
    expected = slow.honest(metric, gold.tolist(), rows.tolist(), samples, seeds=3)
    ours = honest_score(candidates(gold, rows, metric, seeds=3), resamples=40, seed=5)
    assert ours.honest == pytest.approx(float(expected), abs=1e-12)


def compared(
    store: Store, counts: tuple[int, int], gold: Labels, rows: Labels, seeds: int = 3
) -> tuple[Verdict, Verdict, list[Report]]:
    """A cell of so many settings each, on dev, which chooses, and test; and the tables."""
    cells = [
        seeded(method, count, seeds)
        for method, count in zip(("standard", "cat"), counts, strict=True)
    ]
    predict(store, cells[0], gold, rows[: len(cells[0])], ("dev", "test"))
    predict(store, cells[1], gold, rows[len(cells[0]) :], ("dev", "test"))
    read = read_cells([*cells[0], *cells[1]], store)
    verdicts = judged(read, store)
    (dev,), (test,) = (verdicts.on_split(tuple(read), split) for split in ("dev", "test"))
    return dev, test, build("s", read, store)


def test_seeds_on_both_sides_are_tested_as_methods(store: Store) -> None:
    gold, rows = drawn(3, [0.60] * 3 + [0.62] * 3 + [0.80] * 3 + [0.82] * 3, n=300)
    dev, test, (first, *_) = compared(store, (2, 2), gold, rows)
    scores = (rows == gold).mean(axis=1).reshape(4, 3).mean(axis=1)
    base, best = int(scores[:2].argmax()), 2 + int(scores[2:].argmax())
    expected = method_test(rows[3 * best : 3 * best + 3], rows[3 * base : 3 * base + 3], gold)
    for verdict in (dev, test):
        assert verdict.comparison is None
        assert verdict.gain == expected
        assert verdict.delta == pytest.approx(scores[best] - scores[base])
        assert verdict.bounds == (expected.low, expected.high)
        assert verdict.least == pytest.approx((expected.high - expected.low) / 2)
    assert dev.best is not None
    assert dev.p_after == max(expected.p_value, dev.best.p_value), "both must hold"
    assert test.p_after == expected.p_value, "these examples chose nothing"
    assert dev.marks == ("asterisk", "double-dagger")
    system = first.table.rows[1].cells[0]
    own = [(row == gold).mean() for row in rows[3 * best : 3 * best + 3]]
    assert system.value == pytest.approx(fmean(own))
    assert system.deviation == pytest.approx(stdev(own))
    assert "a t-test over seeds and examples" in words_of(first.table)
    assert "Standard 2 x 3, CAT 2 x 3 (complete grid)" in words_of(first.table)
    assert "One seed" not in words_of(first.table)
    assert (
        f"Gains over Standard, in points: RTE Tiny CAT {100 * expected.delta:.1f} ("
        in first.table.notes[-1]
    )


def test_luck_of_seeds_is_no_gain_of_a_method(store: Store) -> None:
    """One trained model beats the other; the methods are the same, and their seeds differ."""
    gold, rows = rows_of([60, 90, 75, 62, 92, 80], n=200)
    dev, _, _ = compared(store, (1, 1), gold, rows)
    assert dev.delta > 0
    assert dev.p_value is not None
    assert dev.p_value > 0.3
    assert dev.marks == ()


def test_one_seed_beside_several_is_not_tested_and_says_so(store: Store) -> None:
    base, cat = seeded("standard", 1, 1), seeded("cat", 1, 3)
    gold, rows = rows_of([60, 90, 91, 92])
    predict(store, base, gold, rows[:1])
    predict(store, cat, gold, rows[1:])
    cells = read_cells([*base, *cat], store)
    (found,) = judged(cells, store).on_split(tuple(cells), "dev")
    assert (found.p_value, found.p_after, found.marks, found.p_holm) == (None, None, (), 1.0)
    assert found.refused == (
        "the baseline has one seed and the system 3: a test of methods takes two of both"
    )
    first, *_ = build("s", cells, store)
    assert "cannot have a double dagger: the baseline has one seed" in words_of(first.table)


def test_every_planned_comparison_is_in_the_family(store: Store) -> None:
    """Refused and missing ones count with p = 1."""
    gold, rows = drawn(3, [0.6] * 2 + [0.85] * 2, n=80)
    groups = [trials(method, 2) for method in ("standard", "cat", "at")]
    groups += [trials(method, 2, "mrpc") for method in ("standard", "cat")]
    predict(store, groups[0], gold, rows[:2])
    predict(store, groups[1], gold, rows[2:])
    predict(store, groups[3][:1], gold, rows[:1])
    cells = read_cells([trial for group in groups for trial in group], store)
    verdicts = judged(cells, store)
    (found,) = verdicts.on_split(tuple(cells), "dev")
    assert verdicts.planned == found.family == 3
    assert found.p_after is not None
    assert found.p_value is not None
    assert found.p_after_holm == pytest.approx(3 * found.p_after)
    assert found.p_holm == found.p_bh == pytest.approx(3 * found.p_value)


def test_an_unfinished_grid_has_no_double_dagger_on_a_test_set(store: Store) -> None:
    """Who looks after each trial, and stops when a difference shows, finds one too often."""
    gold, rows = drawn(3, [0.6] * 2 + [0.9] * 2, n=80)
    base, cat = trials("standard", 2), trials("cat", 3)
    predict(store, base, gold, rows[:2], ("dev", "test"))
    predict(store, cat[:2], gold, rows[2:], ("dev", "test"))
    cells = read_cells([*base, *cat], store)
    (found,) = judged(cells, store).on_split(tuple(cells), "test")
    assert found.marked
    assert found.marks == ("dagger",)
    assert found.refused == "rte/tiny/cat: 1 of its trials is not finished"


@pytest.mark.parametrize(
    ("failed", "kept"), [((1, 0), False), ((0, 1), True), ((1, 1), True), ((0, 0), True)]
)
def test_failed_baseline_trials_may_have_been_its_best(
    failed: tuple[int, int], kept: bool, store: Store
) -> None:
    gold, rows = drawn(3, [0.6] * 3 + [0.9] * 3, n=80)
    cells = trials("standard", 3), trials("cat", 3)
    for group, part, lost in zip(cells, (rows[:3], rows[3:]), failed, strict=True):
        predict(store, group[: 3 - lost], gold, part[: 3 - lost])
        for trial in group[3 - lost :]:
            fail(store, trial)
    read = read_cells([*cells[0], *cells[1]], store)
    (found,) = judged(read, store).on_split(tuple(read), "dev")
    assert found.marked
    assert found.survives == kept
    why = "rte/tiny/standard: 1 of 3 trials failed, but 0 of 3 of rte/tiny/cat"
    assert found.refused == (None if kept else why)


@pytest.mark.parametrize(("task", "constant"), [("rte", 0.7), ("mrpc", 1.4 / 1.7), ("cola", 0.0)])
def test_no_mark_for_what_a_constant_classifier_scores(
    task: str, constant: float, store: Store
) -> None:
    """It names one class for all, and stands under a column where a system is near it."""
    gold = np.repeat([1, 0], [140, 60])
    poor = np.where(np.arange(200) % 2 > 0, gold, 1 - gold)
    good = np.where(np.arange(200) % 20 > 0, gold, 1 - gold)
    base, flat, cat = (trials(method, 1, task) for method in ("standard", "at", "cat"))
    predict(store, base, gold, [poor])
    predict(store, flat, gold, [np.ones(200, dtype=int)])
    predict(store, cat, gold, [good])
    cells = read_cells([*base, *flat, *cat], store)
    at, better = judged(cells, store).on_split(tuple(cells), "dev")
    assert at.constant == better.constant == pytest.approx(constant)
    assert at.one_class
    assert at.marks == ()
    assert better.marked
    first, *_ = build("s", cells, store)
    last = first.table.rows[-1]
    assert last.labels == ("", "one class for all")
    assert not last.competes
    assert last.cells[0].value == pytest.approx(constant)
    if task != "cola":
        assert at.side == "ahead"
        said = "Not marked, since naming one class for all scores as much: "
        assert said in words_of(first.table)
    assert f"One class for every example: {at.definition.title} Tiny AT." in words_of(first.table)


def test_without_a_system_near_it_the_constant_is_not_shown(store: Store) -> None:
    gold, rows = drawn(3, [0.8, 0.9], n=80)
    base, cat = trials("standard", 1), trials("cat", 1)
    predict(store, base, gold, rows[:1])
    predict(store, cat, gold, rows[1:])
    first, *_ = build("s", read_cells([*base, *cat], store), store)
    assert [row.labels[1] for row in first.table.rows] == ["Standard", "CAT"]


def test_what_is_the_same_setting_is_told_by_everything_but_the_seed() -> None:
    one = trials("cat", 1)[0]
    assert one.with_seed(3).with_seed(0) == one
    assert one.with_seed(3).signature != one.signature
