from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.page.headline import IN_WORDS, NOTHING, write_headline
from reports.tables.report import Report
from reports.verdicts.answer import conclusion
from search_spaces.study import Study, parse_study
from tests.reports.pages import Parsed
from tests.reports.stores import build, predict, read_cells, seeded
from tests.results import keep
from trainers.records.store import Store

STUDY = """
name: said
tasks: [rte]
encoders: [tiny]
methods: [standard, at, cat, scl]
axes: {lr: [1e-5, 2e-5], epsilon: [0.01], tau: [0.1], lambda: [0.3]}
"""
# dev and test examples predicted correctly, of 200, at the first lr; 10 less at the other
RIGHT = {"standard": (120, 120), "at": (150, 121), "cat": (126, 150), "scl": (100, 120)}


def reports_of(study: Study, store: Store, *, skip: str = "") -> list[Report]:
    for trial in study.trials():
        dev, test = RIGHT[trial.method.name]
        less = 10 if trial.lr == 2e-5 else 0
        if trial.method.name != skip or not less:
            keep(store, trial, {"dev": dev - less, "test": test - less})
    return build(study.name, read_cells(study.trials(), store), store)


def items_of(found: str) -> list[str]:
    """The comparisons in words."""
    return [
        text for text in Parsed(found).texts["li"] if "ahead of" not in text and "Does " not in text
    ]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def test_the_split_that_chose_nothing_comes_first(store: Store) -> None:
    study = parse_study(STUDY, source="test")
    reports = reports_of(study, store)
    parsed = Parsed(write_headline(reports))
    assert parsed.texts["h3"] == ["Test set", "Dev set"]
    notes = parsed.texts["p"]
    assert parsed.texts["caption"] == ["Test set", "Dev set"]
    assert notes[0] == "These examples took no part in the choice of the trials."
    assert any(note.startswith("These examples chose the trials") for note in notes)
    choice = [replace(report, split=None) for report in reports]
    assert write_headline([*choice, *reports]) == write_headline(reports)


def test_each_comparison_says_who_leads_by_what_and_what_remains(store: Store) -> None:
    reports = reports_of(parse_study(STUDY, source="test"), store)
    items = items_of(write_headline(reports))
    at, cat, scl = items[:3]
    assert at.startswith("RTE: at is 0.5 points above standard. 60.5 against 60.0 accuracy")
    assert "Not significantly different." in at
    assert "RTE: cat is 15.0 points above standard. 75.0 against 60.0 accuracy with Tiny" in cat
    assert "the best of 2 trials against the best of 2 trials" in cat
    assert "‡ Significant, also after Holm's correction over 6 comparisons." in cat
    assert "McNemar's exact test: p = 1.9e-09; 30 of 200 examples are discordant" in cat
    assert "RTE: scl is level with standard. 60.0 against 60.0" in scl
    at, cat, scl = items[3:]
    assert "‡ Significant, also after the choice among the trials and Holm's" in at
    assert "after the choice among the trials p = 0.0002, 0.001 after Holm" in at
    assert "63.0 against 60.0 accuracy" in cat
    assert (
        "Standard is significantly better, also after the choice among the trials and"
        " Holm's correction over 6 comparisons." in scl
    )
    assert "RTE: scl is 10.0 points below standard." in scl


def test_numbers_in_words_are_those_of_the_tests(store: Store) -> None:
    reports = reports_of(parse_study(STUDY, source="test"), store)
    dev = next(report for report in reports if report.table.name == "said-dev")
    sides = {test.method: test.side for test in dev.verdicts}
    assert sides == {"at": "ahead", "cat": "ahead", "scl": "behind"}
    items = items_of(write_headline(reports))[3:]
    for test, item in zip(dev.verdicts, items, strict=True):
        best = test.best
        assert best is not None
        assert f"p = {test.p_value:.2g}; " in item
        assert f"after Holm's correction {test.p_holm:.2g}" in item
        assert f"p = {best.p_value:.2g}, {test.p_after_holm:.2g} after Holm" in item


def test_a_dagger_that_a_correction_takes_away_is_said_to_be_lost(store: Store) -> None:
    dev = reports_of(parse_study(STUDY, source="test"), store)[0]
    lost = replace(dev.verdicts[0], p_after_holm=0.2)
    assert conclusion(lost) == (
        "† Significant, but not after the choice among the trials and"
        " Holm's correction over 6 comparisons."
    )
    assert conclusion(replace(lost, family=1)).endswith("after the choice among the trials.")


def test_a_loss_is_held_to_the_same_corrections(store: Store) -> None:
    behind = reports_of(parse_study(STUDY, source="test"), store)[0].verdicts[2]
    best = behind.best
    assert best is not None
    assert best.p_less < best.p_greater
    for changed, said in (
        ({}, "also after"),
        ({"p_after_holm": 0.2}, "but not after"),
        ({"p_after_holm": None}, "but this cannot be corrected for the choice among the trials: "),
    ):
        start = f"Standard is significantly better, {said}"
        assert conclusion(replace(behind, **changed)).startswith(start)


def test_what_cannot_be_known_is_said_with_its_reason(store: Store) -> None:
    study = parse_study(STUDY, source="test")
    items = items_of(write_headline(reports_of(study, store, skip="at")))
    assert "cannot be corrected for the choice among the trials: rte/tiny/at: 1 of its" in items[3]
    assert "the only trial against the best of 2 trials" in items[3]


def test_a_sentence_per_method_counts_its_marks_and_losses(store: Store) -> None:
    encoders = '["<b>one", two, three]'
    study = parse_study(STUDY.replace("[tiny]", encoders), source="test")
    found = write_headline(reports_of(study, store), {"cat": "CAT"})
    parsed = Parsed(found)
    assert parsed.texts["summary"] == [IN_WORDS, IN_WORDS]
    verdicts = [text for text in parsed.texts["li"] if "ahead of" in text]
    assert len(verdicts) == 2 * 3
    test_at, test_cat, test_scl = verdicts[:3]
    for text in ("CAT: ahead of standard on 3 of 3", "† on 3", "‡ on 3"):
        assert text in test_cat
    assert "behind" not in test_cat
    assert "† on 0, ‡ on 0" in test_at
    assert "ahead of standard on 0 of 3" in test_scl
    assert "behind" not in test_scl
    assert "behind on 3" in verdicts[5]
    kinds = [one.get("class") for one in parsed.having("li")][9:12]
    assert kinds == ["open", "holds", "open"]
    assert any("with <b>one," in text for text in items_of(found))
    assert "<b>one" not in found


def test_the_answer_of_each_method_comes_first(store: Store) -> None:
    reports = reports_of(parse_study(STUDY, source="test"), store)
    found = Parsed(write_headline(reports, {"cat": "CAT"})).texts["li"][:3]
    assert [text.partition("?")[0] for text in found] == [
        "Does at beat standard",
        "Does CAT beat standard",
        "Does scl beat standard",
    ]
    assert "‡" in found[1]
    assert "not shown" in found[0]


def test_green_is_for_what_remains_and_every_colour_has_its_words(store: Store) -> None:
    reports = reports_of(parse_study(STUDY, source="test"), store)
    lost = tuple(replace(test, p_after_holm=0.2) for test in reports[1].verdicts)
    for verdicts, kind, words in (
        (reports[1].verdicts, "holds", "‡ better"),
        (lost, "marked", "† better before corrections"),
    ):
        parsed = Parsed(write_headline([replace(reports[1], verdicts=verdicts)]))
        rows = [one.get("class") or "" for one in parsed.having("tr")]
        assert [row.split()[0] for row in rows if row] == ["open", kind, "open"]
        assert words in parsed.texts["td"]


def test_a_gain_that_matters_is_answered_where_there_are_seeds(tmp_path: Path) -> None:
    store, gold = Store(tmp_path / "seeds", create=True), np.arange(100) % 2
    every = []
    for method, right in (("standard", 60), ("cat", 80)):
        cell = seeded(method, 1, 3)
        rows = [np.where(np.arange(100) < right + seed, gold, 1 - gold) for seed in range(3)]
        predict(store, cell, gold, rows)
        every += cell
    reports = build("s", read_cells(every, store), store)
    for worth, words in ((0.02, "better by 2 points"), (0.6, "as good"), (0.2, "not settled")):
        found = write_headline(reports, {}, worth)
        assert words in Parsed(found).texts["td"]
        assert 'class="worth"' in found
    assert "points</th>" not in write_headline(reports).replace("standard, points</th>", "")


def test_without_a_comparison_it_says_what_it_takes(store: Store) -> None:
    study = parse_study(STUDY.replace("standard, ", ""), source="test")
    assert write_headline(reports_of(study, store)) == NOTHING
