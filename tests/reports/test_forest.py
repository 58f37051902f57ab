"""Gains with their intervals: the numbers of a forest plot, and its figure."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.page.figures import CAPTIONS, draw_figures
from reports.page.forest import Forest, build_forests, signed
from reports.page.forest_figure import forest_figure
from reports.page.pictures import Pictures
from reports.statistics.interval import Interval
from reports.tables.report import Report
from tests.reports.stores import build, predict, read_cells, seeded, trials
from tests.results import keep
from trainers.records.store import Store

NOTHING = Pictures(study="s", wanted=0, wanted_cells=0, cells=(), budgets=(), curves=())


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Report]:
    store = Store(tmp_path_factory.mktemp("store"), create=True)
    every = []
    for method, right in (("standard", 120), ("at", 118), ("cat", 150)):
        (trial,) = trials(method, 1)
        keep(store, trial, {"dev": right, "test": right})
        every.append(trial)
    return build("s", read_cells(every, store), store)


@pytest.fixture(scope="module")
def forest(reports: list[Report]) -> Forest:
    return build_forests(reports, {"cat": "CAT"})[0]


def test_a_row_has_its_gain_its_mark_and_the_reach_of_its_test(
    forest: Forest, reports: list[Report]
) -> None:
    at, cat = forest.rows
    assert (at.method, cat.method) == ("at", "CAT")
    assert (at.gain, cat.gain) == pytest.approx((-0.01, 0.15))
    least = reports[0].verdicts[1].least
    assert least is not None
    assert (cat.low, cat.high) == pytest.approx((0.15 - least, 0.15 + least))
    assert cat.text == "+15.0 ‡"
    assert at.text == "\u22121.0"
    assert "smallest difference that the test" in forest.bars


def test_an_interval_that_was_asked_for_is_shown_and_named(reports: list[Report]) -> None:
    found = Interval(level=0.95, low=0.1, high=0.2, resamples=1, seed=0)
    tests = tuple(replace(test, interval=found) for test in reports[0].verdicts)
    (one,) = build_forests([replace(reports[0], verdicts=tests)], {})
    assert {(row.low, row.high) for row in one.rows} == {(0.1, 0.2)}
    assert one.rows[1].text == "+15.0 (10.0 to 20.0) ‡"
    assert "bootstrap" in one.bars


def test_with_seeds_the_interval_is_over_seeds_and_examples(tmp_path: Path) -> None:
    store, gold = Store(tmp_path, create=True), np.arange(100) % 2
    every = []
    for method, right in (("standard", 60), ("cat", 80)):
        cell = seeded(method, 1, 3)
        rows = [np.where(np.arange(100) < right + seed, gold, 1 - gold) for seed in range(3)]
        predict(store, cell, gold, rows)
        every += cell
    reports = build("s", read_cells(every, store), store)
    (row,) = build_forests(reports, {})[0].rows
    gain = reports[0].verdicts[0].gain
    assert gain is not None
    assert (row.low, row.high) == (gain.low, gain.high)
    assert "seeds and examples" in build_forests(reports, {})[0].bars


def test_fresh_seeds_come_first(reports: list[Report]) -> None:
    tests = reports[0].verdicts
    fresh = tuple(replace(test, confirmation=test) for test in tests)
    names = [one.name for one in build_forests([replace(reports[0], verdicts=fresh)], {})]
    assert names == ["confirmation", "dev"]


def test_the_figure_prints_gains_and_marks_beside_their_rows(forest: Forest) -> None:
    (axes,) = forest_figure(forest, worth=0.02).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["RTE", "at", "CAT"]
    printed = {float(text.xy[1]): text.get_text() for text in axes.texts}  # type: ignore[attr-defined]
    assert printed == {1.0: "\u22121.0", 2.0: "+15.0 ‡"}
    low, high = axes.get_xlim()
    assert low < 0 < high
    assert "over standard, points" in axes.get_xlabel()


def test_gains_come_first_and_other_figures_only_on_request(forest: Forest) -> None:
    files = draw_figures(NOTHING, [forest], every=False)
    assert [*files] == ["gains-dev.pdf", "gains-dev.png", CAPTIONS]
    latex = files[CAPTIONS].decode()
    assert r"\includegraphics[width=\linewidth]{gains-dev.pdf}" in latex
    assert "dev set" in latex


@pytest.mark.parametrize(
    ("share", "text"), [(0.0123, "+1.2"), (-0.003, "\u22120.3"), (0.0001, "0.0"), (0, "0.0")]
)
def test_a_gain_has_its_sign(share: float, text: str) -> None:
    assert signed(share) == text
