import json
from pathlib import Path

import pytest
from scipy import stats

from reports.tables.report import Report
from reports.tables.write import comparisons_of, write_reports
from search_spaces.study import Study, parse_study
from tests.reports.stores import build, read_cells, words_of
from tests.results import keep
from trainers.records.store import Store

STUDY = """
name: pair
tasks: [rte, mrpc]
encoders: [tiny]
methods: [standard, at, cat]
axes: {lr: [1e-3, 2e-3], epsilon: [0.01], tau: [0.1], lambda: [0.3]}
"""
# dev examples predicted correctly, of 200, by (task, method) at the two learning rates
RIGHT = {
    ("rte", "standard"): (100, 120),
    ("rte", "at"): (126, 110),
    ("rte", "cat"): (150, 149),
    ("mrpc", "standard"): (120, 100),
    ("mrpc", "at"): (100, 90),
    ("mrpc", "cat"): (140, 100),
}


@pytest.fixture
def study() -> Study:
    return parse_study(STUDY, source="test")


@pytest.fixture
def store(study: Study, tmp_path: Path) -> Store:
    store = Store(tmp_path / "store", create=True)
    for trial in study.trials():
        right = RIGHT[trial.task, trial.method.name][0 if trial.lr == 1e-3 else 1]
        keep(store, trial, {"dev": right})
    return store


def report(study: Study, store: Store) -> Report:
    first, *_ = build(study.name, read_cells(study.trials(), store), store)
    return first


def test_each_number_is_the_best_trial_of_its_cell(study: Study, store: Store) -> None:
    table = report(study, store).table
    rows = [row for row in table.rows if row.competes]
    assert [row.labels for row in rows] == [
        ("Tiny", "Standard"),
        ("Tiny", "AT"),
        ("Tiny", "CAT"),
    ]
    assert [[table.text(cell) for cell in row.cells] for row in rows] == [
        ["60.0", "60.0", "60.0"],
        ["63.0", "50.0", "50.0"],
        ["75.0", "70.0", "70.0"],
    ]
    assert {cell.n_trials for row in rows for cell in row.cells} == {2}


def test_both_scores_are_printed_where_a_task_has_two(study: Study, tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    for trial in study.trials():
        keep(store, trial, {"dev": 75}, n=151)
    found = report(study, store)
    assert found.table.headings == (
        "RTE (accuracy)",
        "MRPC (F1)",
        "MRPC (accuracy)",
    )
    gold = [row % 2 for row in range(151)]
    predicted = [label if row < 75 else 1 - label for row, label in enumerate(gold)]
    hits = sum(g and p for g, p in zip(gold, predicted, strict=True))
    f1 = f"{100 * 2 * hits / (sum(gold) + sum(predicted)):.1f}"
    cells = found.table.rows[0].cells
    assert [found.table.text(cell) for cell in cells] == ["49.7", f1, "49.7"]
    assert f1 != "49.7"
    assert "A second metric is that of the same trials, untested." in words_of(found.table)


def test_mnli_has_a_table_of_its_mismatched_half(tmp_path: Path) -> None:
    study = parse_study(STUDY.replace("[rte, mrpc]", "[mnli, rte]"), source="test")
    store = Store(tmp_path / "store", create=True)
    for trial in study.trials():
        splits = {"dev": 120} | ({"dev_mismatched": 110} if trial.task == "mnli" else {})
        keep(store, trial, splits, n_classes=3 if trial.task == "mnli" else 2)
    *both, _ = build(study.name, read_cells(study.trials(), store), store)
    matched, mismatched = (found.table for found in both)
    assert [table.name for table in (matched, mismatched)] == ["pair-dev", "pair-dev_mismatched"]
    assert matched.headings == ("MNLI (accuracy)", "RTE (accuracy)")
    assert mismatched.headings == ("MNLI (accuracy)",)
    assert [mismatched.text(row.cells[0]) for row in mismatched.rows] == ["55.0"] * 3
    assert "mismatched dev set" in words_of(mismatched)
    assert "on examples that took no part in the choice of trials" in words_of(mismatched)


def test_a_task_without_an_optional_split_is_left_out_of_its_table(tmp_path: Path) -> None:
    study = parse_study(STUDY.replace("[rte, mrpc]", "[banking77, clinc150]"), source="test")
    store = Store(tmp_path / "store", create=True)
    for trial in study.trials():
        difficult = {"test_difficult": 90} if trial.task == "banking77" else {}
        keep(store, trial, {"heldout": 120, "test": 110, **difficult})
    _, last, _ = build(study.name, read_cells(study.trials(), store), store)
    assert last.table.headings == ("BANKING77 (accuracy)",)
    assert {test.task for test in last.verdicts} == {"banking77"}


def test_marks_and_holm_follow_the_paired_tests(study: Study, store: Store) -> None:
    found = report(study, store)
    # The better system is right wherever the other is: d = gap, all on one side.
    expected = {
        ("rte", "at"): stats.binomtest(0, 6).pvalue,
        ("rte", "cat"): stats.binomtest(0, 30).pvalue,
    }
    tests = {(test.task, test.method): test for test in found.verdicts}
    for key, p_value in expected.items():
        assert tests[key].p_value == pytest.approx(p_value, rel=1e-9)
    assert tests["mrpc", "at"].side == "behind"
    assert not tests["mrpc", "at"].marked, "significantly worse is no dagger"
    rows = [row for row in found.table.rows if row.competes]
    marks = {row.labels[1]: [cell.marks for cell in row.cells] for row in rows}
    both = ("dagger", "double-dagger")
    assert marks == {"Standard": [(), (), ()], "AT": [both, (), ()], "CAT": [both, both, ()]}
    # Holm over the family of four: the largest p is not multiplied.
    assert tests["rte", "at"].p_holm == pytest.approx(tests["rte", "at"].p_value)
    smallest = min(found.verdicts, key=lambda test: test.p_value or 0)
    assert smallest.p_holm == pytest.approx(4 * (smallest.p_value or 0))
    assert all(
        "adj:holm(4)" in line and "sel:best2-vs-best2" in line for line in found.table.signatures
    )


def test_the_caption_says_what_was_chosen_and_corrected(study: Study, store: Store) -> None:
    caption = words_of(report(study, store).table)
    assert "chosen by its score on the dev set" in caption
    assert "Standard 2, AT 2, CAT 2" in caption
    assert "McNemar's exact test or the Fisher randomization test" in caption
    assert "without regard to the choice among trials, which these examples made." in caption
    assert "3 of 4 tested numbers have it, 3 after Holm's correction over 4 comp" in caption


def test_the_caption_says_when_other_examples_chose(study: Study, tmp_path: Path) -> None:
    store = Store(tmp_path / "heldout", create=True)
    for trial in study.trials():
        keep(store, trial, {"heldout": 120, "dev": 100})
    caption = words_of(report(study, store).table)
    assert "chosen by its score on training rows held out per class" in caption
    assert "on examples that took no part in the choice of trials. None of 4 tested n" in caption


def test_what_is_missing_is_dashed_and_counted(study: Study, tmp_path: Path) -> None:
    store = Store(tmp_path / "half", create=True)
    for trial in study.trials():
        if trial.task == "rte" and trial.method.name != "cat":
            keep(store, trial, {"dev": 120})
    found = report(study, store)
    assert [
        found.table.text(cell) for row in found.table.rows for cell in row.cells if row.competes
    ] == [
        *("60.0", "--", "--"),
        *("60.0", "--", "--"),
        *("--", "--", "--"),
    ]
    assert words_of(found.table).endswith(
        "Of 12 trials 8 were not run to the end. A dash: none is finished."
    )
    (equal,) = found.verdicts
    assert equal.p_value == 1.0
    assert not equal.marked


def test_an_empty_store_gives_a_table_of_dashes(study: Study, tmp_path: Path) -> None:
    found = report(study, Store(tmp_path / "empty", create=True))
    assert found.verdicts == ()
    assert all(cell.value is None for row in found.table.rows for cell in row.cells)


def test_no_number_of_a_table_is_missing_from_the_comparisons(study: Study, store: Store) -> None:
    """Scores and marks of the first table, and every number of the one on the choice."""
    first, last = build(study.name, read_cells(study.trials(), store), store)
    found = {(entry["task"], entry["method"]): entry for entry in comparisons_of([first, last])}
    assert len(found) == 4
    assert json.loads(json.dumps([*found.values()])), "plain values only"
    tested = {"rte": 0, "mrpc": 1}
    for row in [row for row in first.table.rows[1:] if row.competes]:
        for task, place in tested.items():
            entry, cell = found[task, row.labels[1].lower()], row.cells[place]
            assert entry["system"]["score"] == cell.value
            assert entry["baseline"]["score"] == first.table.rows[0].cells[place].value
            assert tuple(entry["marks"]) == cell.marks
            assert entry["system"]["finished"] == cell.n_trials
            assert entry["signature"] in first.table.signatures
    for row in last.table.rows:
        task = "rte" if row.labels[0].startswith("RTE") else "mrpc"
        values = [cell.value for cell in row.cells]
        if row.labels[2] == "Standard":
            entry = found[task, "cat"]
            side = entry["baseline"]
            assert values[:4] == [side["settings"], 1, side["finished"], side["score"]]
            continue
        entry = found[task, row.labels[2].lower()]
        side = entry["system"]
        assert values[:4] == [side["settings"], 1, side["finished"], side["score"]]
        assert values[5:] == [
            entry["delta"],
            entry["matched_delta"],
            entry["least"],
            entry["p_value"],
            entry["p_after_choice"],
        ]


def test_every_format_is_written_and_is_stable(study: Study, store: Store, tmp_path: Path) -> None:
    first = write_reports([report(study, store)], tmp_path / "a")
    second = write_reports([report(study, Store(store.root, create=False))], tmp_path / "b")
    assert [path.name for path in first] == [
        *(f"pair-dev.{ending}" for ending in ("tex", "md", "csv", "json")),
        *(f"pair-dev-notes.{ending}" for ending in ("tex", "md")),
        "comparisons.json",
    ]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    comparisons = json.loads(first[-1].read_text())
    assert len(comparisons) == 4
    assert comparisons[0]["delta"] == pytest.approx(0.03)


def test_a_best_trial_from_before_a_test_set_is_a_dash_with_a_reason(
    study: Study, tmp_path: Path
) -> None:
    """Its row does not vanish, and no other trial takes its place."""
    store = Store(tmp_path / "store", create=True)
    for trial in study.trials():
        old = trial.task == "rte" and trial.method.name == "cat" and trial.lr == 1e-3
        right = RIGHT[trial.task, trial.method.name][0 if trial.lr == 1e-3 else 1]
        keep(store, trial, {"dev": right} if old else {"dev": right, "test": right})
    dev, test, _ = build(study.name, read_cells(study.trials(), store), store)
    assert [dev.table.text(row.cells[0]) for row in dev.table.rows if row.competes] == [
        "60.0",
        "63.0",
        "75.0",
    ]
    assert [test.table.text(row.cells[0]) for row in test.table.rows if row.competes] == [
        "60.0",
        "63.0",
        "--",
    ]
    assert [(t.task, t.method) for t in test.verdicts] == [
        ("rte", "at"),
        ("mrpc", "at"),
        ("mrpc", "cat"),
    ]
    said = "A dash: trained before there was this set, RTE Tiny CAT."
    assert said in words_of(test.table)
    assert said not in words_of(dev.table)
