"""Tables of several seeds: each metric's test, averages with their gains, one family of a study."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from reports.statistics.across_tasks import average_gain
from reports.statistics.method_test import method_test
from reports.tables.html import to_html
from reports.tables.latex import to_latex
from reports.tables.markdown import to_markdown
from reports.tables.notes import gain_words
from reports.tables.plain import to_csv
from reports.tables.report import Report
from reports.tables.table import percent
from reports.tables.terminal import to_text
from reports.verdicts.verdict import Verdict
from search_spaces.cells import group_by_cell
from search_spaces.study import Study, load_study
from tests.reports.stores import (
    build,
    fail,
    judged,
    predict,
    read_cells,
    seeded,
    trials,
    whole_reports,
    words_of,
)
from tests.reports.tex import check_compiles
from trainers.records.metrics import Labels
from trainers.records.store import Store

STUDY = """
name: averaged
tasks: [rte, sst2]
encoders: [tiny]
methods: [standard, at, cat]
axes: {lr: [1e-5], epsilon: [0.01], tau: [0.1], lambda: [0.3]}
seeds: SEEDS
epochs: 1
batch_size: 16
tables:
  - {name: both, columns: [rte, sst2], average: true}
  - {name: one, columns: [rte]}
"""
RATES = {"standard": 0.6, "at": 0.62, "cat": 0.8}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def drawn(seed: int, rates: Sequence[float], n: int) -> tuple[Labels, Labels]:
    """Gold labels (n,), two thirds of them 1, and a row for each probability of being right."""
    rng = np.random.default_rng(seed)
    gold = (rng.random(n) < 0.67).astype(np.int64)
    right = rng.random((len(rates), n)) < np.array(rates)[:, None]
    return gold, np.where(right, gold, 1 - gold)


def filled(folder: Path, seeds: int) -> tuple[Study, Store, Mapping[tuple[str, str], Labels]]:
    """A study of two tasks and three methods, one setting each, and its predictions."""
    file = folder / "study.yaml"
    file.write_text(STUDY.replace("SEEDS", str([*range(seeds)])))
    study, store = load_study(str(file)), Store(folder / "store", create=True)
    rows: dict[tuple[str, str], Labels] = {}
    for place, (cell, group) in enumerate(group_by_cell(study).items()):
        gold, _ = drawn(cell[0] == "rte", [], 250)
        right = np.random.default_rng(place).random((seeds, 250)) < RATES[cell[2]]
        rows[cell[0], cell[2]] = np.where(right, gold, 1 - gold)
        rows[cell[0], "gold"] = gold
        predict(store, group, gold, rows[cell[0], cell[2]])
    return study, store, rows


def by_name(reports: Sequence[Report]) -> dict[str, Report]:
    return {report.table.name: report for report in reports}


@pytest.mark.parametrize(("task", "metric"), [("rte", "accuracy"), ("mrpc", "f1"), ("cola", "mcc")])
def test_the_test_of_methods_is_that_of_the_task_s_metric(
    task: str, metric: str, store: Store
) -> None:
    gold, rows = drawn(3, [0.6] * 3 + [0.8] * 5, n=300)
    base, cat = seeded("standard", 1, 3, task), seeded("cat", 1, 5, task)
    predict(store, base, gold, rows[:3])
    predict(store, cat, gold, rows[3:])
    cells = read_cells([*base, *cat], store)
    (found,) = judged(cells, store).on_split(tuple(cells), "dev")
    expected = method_test(rows[3:], rows[:3], gold, metric, 2)
    assert found.gain == expected
    assert found.delta == pytest.approx(expected.delta)
    assert found.p_after == expected.p_value, "one setting each: nothing was chosen"
    runs = [(a > b) + (a == b) / 2 for a in found.system.scores for b in found.baseline.scores]
    assert found.wins is not None
    assert found.wins.value == pytest.approx(np.mean(runs))
    assert found.marks == ("asterisk", "double-dagger")
    first, *_ = build("s", cells, store)
    low, high = (percent(value, 1) for value in (expected.low, expected.high))
    assert f"CAT {percent(expected.delta, 1)} ({low} to {high})" in first.table.notes[-1]
    assert f"|seeds:5-vs-3|df:{expected.df:.4g}" in first.table.signatures[0]


def test_uneven_seeds_leave_no_double_dagger_where_there_was_a_choice(store: Store) -> None:
    """On examples that chose nothing the test of methods stands alone."""
    gold, rows = drawn(3, [0.6] * 6 + [0.85] * 4, n=200)
    base, cat = seeded("standard", 2, 3), seeded("cat", 2, 2)
    predict(store, base, gold, rows[:6], ("dev", "test"))
    predict(store, cat, gold, rows[6:], ("dev", "test"))
    cells = read_cells([*base, *cat], store)
    verdicts = judged(cells, store)
    (dev,), (test,) = (verdicts.on_split(tuple(cells), split) for split in ("dev", "test"))
    assert (dev.marks, dev.p_after) == (("asterisk",), None)
    assert dev.refused is not None
    assert "best against best needs equally many" in dev.refused
    assert test.marks == ("asterisk", "double-dagger")
    assert test.gain is not None
    assert test.p_after == test.gain.p_value


def test_averages_have_their_gains_with_intervals(tmp_path: Path) -> None:
    study, store, rows = filled(tmp_path, seeds=3)
    table = by_name(whole_reports(study, store))["averaged-both"].table
    assert [column.title for column in table.columns[2:]] == ["Avg", "Avg gain"]
    assert [column.ranked for column in table.columns] == [True, True, True, False]
    tests = {
        method: [
            method_test(rows[task, method], rows[task, "standard"], rows[task, "gold"])
            for task in ("rte", "sst2")
        ]
        for method in ("at", "cat")
    }
    ours = [row for row in table.rows if row.competes]
    gains = {name: gain_words(average_gain(own)) for name, own in tests.items()}
    assert [table.text(row.cells[3]) for row in ours] == ["--", gains["at"], gains["cat"]]
    assert [row[2] for row in table.best()[:3]] == [False, False, True]
    assert "AT with Tiny: better than Standard on 0 of 2 tasks at least" in words_of(table)
    assert "CAT with Tiny: better than Standard on 2 of 2 tasks at least" in words_of(table)
    assert "No average is bold" not in words_of(table)


def test_of_one_seed_no_average_is_bold(tmp_path: Path) -> None:
    study, store, _ = filled(tmp_path, seeds=1)
    table = by_name(whole_reports(study, store))["averaged-both"].table
    assert [column.title for column in table.columns[2:]] == ["Avg"]
    assert not any(row[2] for row in table.best())
    assert any(row[0] for row in table.best()), "columns of a task have their best"
    assert "No average is bold: of one seed nothing says how sure it is." in words_of(table)


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_comparison_has_one_verdict_in_every_table(seeds: int, tmp_path: Path) -> None:
    study, store, _ = filled(tmp_path, seeds)
    reports = by_name(whole_reports(study, store))
    both, one, dev = (reports[f"averaged-{name}"].verdicts for name in ("both", "one", "dev"))
    assert {verdict.family for verdict in (*both, *one, *dev)} == {4}
    assert [v.method for v in one] == ["at", "cat"]
    for verdict in (*both, *one):
        assert any(verdict is other for other in dev)
    shown = [
        {row.labels[1]: row.cells[0].marks for row in reports[f"averaged-{name}"].table.rows}
        for name in ("both", "one")
    ]
    assert shown[0] == shown[1]
    assert "double-dagger" in shown[0]["CAT"]


def half_done(store: Store, done: tuple[int, int], *, failed: bool) -> tuple[list[Verdict], str]:
    """The verdicts on dev and test of cells with so many of 3 trials, and a table's caption."""
    gold, rows = drawn(3, [0.6] * 3 + [0.9] * 3, n=80)
    groups = trials("standard", 3), trials("cat", 3)
    for group, part, number in zip(groups, (rows[:3], rows[3:]), done, strict=True):
        predict(store, group[:number], gold, part[:number], ("dev", "test"))
        for trial in group[number:] if failed else ():
            fail(store, trial)
    cells = read_cells([*groups[0], *groups[1]], store)
    verdicts = judged(cells, store)
    found = [one for split in ("dev", "test") for one in verdicts.on_split(tuple(cells), split)]
    return found, words_of(build("s", cells, store)[1].table)


@pytest.mark.parametrize(
    ("base", "cat", "failed", "kept"),
    [
        (3, 3, False, True),
        (2, 3, False, False),
        (3, 2, False, False),
        (2, 3, True, False),
        (3, 2, True, True),
        (2, 2, True, True),
        (1, 2, True, False),
    ],
)
def test_what_did_not_finish_takes_the_double_dagger_on_every_split(
    base: int, cat: int, failed: bool, kept: bool, store: Store
) -> None:
    found, caption = half_done(store, (base, cat), failed=failed)
    assert [verdict.split for verdict in found] == ["dev", "test"]
    for verdict in found:
        assert verdict.family == 2
        assert verdict.marked
        assert (verdict.p_after is not None) == verdict.survives == kept
        assert (verdict.p_after_holm is None) == (not kept)
    way = "grid with failures" if failed else "unfinished grid"
    assert (way in caption) == (base + cat < 6)
    for method, done in (("Standard", base), ("CAT", cat)):
        said = f"{method} {done} of 3 ({3 - done} failed)" if failed and done < 3 else ""
        assert said in caption
    assert ("complete grid" in caption) == (3 in (base, cat))


@pytest.mark.parametrize(("right", "shown"), [(139, True), (142, True), (143, False)])
def test_the_constant_is_shown_within_a_point(right: int, shown: bool, store: Store) -> None:
    """One class for all is right of 140 of 200."""
    gold = np.repeat([1, 0], [140, 60])
    base, cat = trials("standard", 1), trials("cat", 1)
    predict(store, base, gold, [np.where(np.arange(200) < 180, gold, 1 - gold)])
    predict(store, cat, gold, [np.where(np.arange(200) < right, gold, 1 - gold)])
    first, *_ = build("s", read_cells([*base, *cat], store), store)
    assert (first.table.rows[-1].labels[1] == "one class for all") == shown


def test_deviations_and_the_asterisk_print_as_themselves(store: Store, tmp_path: Path) -> None:
    """In a table of a store, not best of its column: a star beside the bold ones is no bold."""
    gold, rows = drawn(3, [0.6] * 3 + [0.78] * 3 + [0.9] * 3, n=300)
    groups = [seeded(method, 1, 3) for method in ("standard", "at", "cat")]
    for place, group in enumerate(groups):
        predict(store, group, gold, rows[3 * place : 3 * place + 3])
    cells = read_cells([trial for group in groups for trial in group], store)
    table = build("s", cells, store)[0].table
    at = table.rows[1].cells[0]
    assert at.marks == ("asterisk", "double-dagger")
    text = table.text(at)
    number, deviation = text.split(" ± ")
    tex = to_latex(table)
    assert rf"{number} \ensuremath{{\pm}} {deviation}\rlap{{$^{{*\ddagger}}$}}" in tex
    assert f"| {text}\\*‡ |" in to_markdown(table)
    assert f">{text}*‡</td>" in to_html(table)
    assert f" {text}*‡" in to_text(table)
    assert f",{text},asterisk double-dagger" in to_csv(table)
    check_compiles(tex, tmp_path, "[twocolumn]")
