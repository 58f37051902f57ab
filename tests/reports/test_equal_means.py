"""Equal means over seeds are equal however they are summed: one setting everywhere, no p of 0."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.page.headline import write_headline
from reports.page.landscape import build_landscapes
from reports.results.predictions import read_candidates
from reports.statistics.honest import honest_score
from reports.statistics.method_test import method_test
from reports.tables.selection_table import selection_table
from reports.verdicts.judge import judge
from tests.references import selection as slow
from tests.reports.cells import candidates
from tests.reports.stores import build, judged, predict, read_cells, results_of, seeded, words_of
from tests.results import labelled, result_of
from trainers.checkpoints import Checkpoints, Keeping
from trainers.records.metrics import Labels
from trainers.records.store import Store

EQUAL = [(70, 83, 84, 79, 79, 79), (70, 84, 89, 81, 81, 81), (81, 81, 81, 70, 86, 87)]
"""Right of 100 by two settings of three seeds, with one mean that floats sum to two numbers."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def rows_of(rights: tuple[int, ...]) -> tuple[Labels, Labels]:
    """Gold labels (100,), and a row for each number of right ones."""
    gold = np.arange(100) % 2
    return gold, np.where(np.arange(100) < np.array(rights)[:, None], gold, 1 - gold)


@pytest.mark.parametrize("rights", EQUAL)
def test_the_earlier_of_two_equal_means_is_chosen_and_tested(
    rights: tuple[int, ...], store: Store
) -> None:
    """The number in the table, its deviation and its test are of one setting."""
    gold, rows = rows_of((60, 61, 62, *rights))
    base, cat = seeded("standard", 1, 3), seeded("cat", 2, 3)
    predict(store, base, gold, rows[:3])
    predict(store, cat, gold, rows[3:])
    cells = read_cells([*base, *cat], store)
    chosen = cells[1].chosen
    assert chosen is not None
    assert chosen.config == cat[0]
    assert read_candidates(cells[1], store).best == 0
    (found,) = judged(cells, store).on_split(tuple(cells), "dev")
    assert found.system.trials == tuple(trial.signature for trial in cat[:3])
    assert found.gain == method_test(rows[3:6], rows[:3], gold)
    assert found.gain is not None
    assert found.system.deviation == pytest.approx(found.gain.deviations[0])


@pytest.mark.parametrize("rights", EQUAL)
def test_the_page_and_the_kept_model_take_the_same_setting(
    rights: tuple[int, ...], store: Store
) -> None:
    gold, rows = rows_of(rights)
    cat = seeded("cat", 2, 3)
    predict(store, cat, gold, rows)
    cells = read_cells(cat, store)
    (shown,) = build_landscapes({cells[0].key: cat}, cells)
    first = {shown.trials[place] for place in shown.ranking[:3]}
    own = {trial.signature for trial in cat[:3]}
    assert first == own
    names = tuple(trial.signature for trial in cat)
    settings = {name: names[3 * (place // 3)] for place, name in enumerate(names)}
    keeping = Keeping(study="s", keep="best", cells={"c": names}, settings=settings)
    assert Checkpoints(store, keeping).best(names) in own


@pytest.mark.parametrize("seed", range(20))
def test_the_honest_score_takes_the_earlier_of_equal_means(seed: int) -> None:
    """With few examples many bootstrap samples have two best settings."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 2, 12)
    rows = np.where(rng.random((9, 12)) < 0.7, gold, 1 - gold)
    samples = np.random.default_rng(5).integers(0, 12, size=(60, 12)).tolist()
    expected = slow.honest("accuracy", gold.tolist(), rows.tolist(), samples, seeds=3)
    ours = honest_score(candidates(gold, rows, seeds=3), resamples=60, seed=5)
    assert ours.honest == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize("metric", ["accuracy", "f1", "mcc", "macro_f1"])
@pytest.mark.parametrize("seeds", [(2, 3), (3, 2), (3, 5), (7, 3)])
def test_a_method_is_never_better_than_itself(metric: str, seeds: tuple[int, int]) -> None:
    """Seeds that all predict the same: no difference, whatever the mean of equal floats is."""
    gold = np.arange(50) % 2
    for draw in range(40):
        row = np.where(np.random.default_rng(draw).random(50) < 0.8, gold, 1 - gold)
        a, b = (np.tile(row, (count, 1)) for count in seeds)
        assert method_test(a, b, gold, metric, n_classes=2).p_value == 1


def test_a_steady_difference_is_still_certain() -> None:
    """Every example differs the same way: nothing varies, and p is 0, as it was."""
    gold = np.ones(30, dtype=np.int64)
    assert method_test(np.tile(gold, (3, 1)), np.tile(1 - gold, (2, 1)), gold).p_value == 0


@pytest.mark.parametrize(
    ("base", "cat"),
    [((70, 83, 84), (79, 79, 79)), ((79, 79, 79), (70, 83, 84)), ((70, 84, 89), (81, 81, 81))],
)
def test_equal_means_are_level(base: tuple[int, ...], cat: tuple[int, ...], store: Store) -> None:
    """No 0.0 points above or below, and no gain of 0.0 that is too small to show."""
    gold, rows = rows_of((*base, *cat))
    groups = seeded("standard", 1, 3), seeded("cat", 1, 3)
    predict(store, groups[0], gold, rows[:3])
    predict(store, groups[1], gold, rows[3:])
    cells = read_cells([*groups[0], *groups[1]], store)
    (found,) = judged(cells, store).on_split(tuple(cells), "dev")
    assert found.delta == 0
    assert found.side == "even"
    reports = build("s", cells, store)
    assert "Too small" not in words_of(reports[0].table)
    assert "RTE: cat is level with standard." in write_headline(reports)


@pytest.mark.parametrize("last", [(70, 83, 84), (70, 84, 89), (79, 79, 79), (70, 86, 87)])
def test_no_epoch_is_better_by_the_way_it_is_summed(last: tuple[int, ...], store: Store) -> None:
    """The first epoch has the last one's mean, from other seeds' scores."""
    gold, rows = rows_of(last)
    group = seeded("standard", 1, 3)
    for trial, row in zip(group, rows, strict=True):
        made = result_of(trial, {"dev": labelled(gold, row)})
        (end,) = made.record.epochs
        score = round(sum(last) / 3) / 100
        first = end.model_copy(update={"score": score})
        epochs = (first, end.model_copy(update={"epoch": 2}))
        record = made.record.model_copy(update={"epochs": epochs, "selected_epoch": 2})
        store.commit(trial, replace(made, record=record))
    cells = read_cells(group, store)
    results = results_of(cells, store)
    assert "its score is that" not in words_of(selection_table(results, judge(results)))
