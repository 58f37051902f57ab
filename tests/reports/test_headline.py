from dataclasses import replace
from pathlib import Path

import pytest

from reports.page.headline import AT_ONCE, NOTHING, headline
from reports.tables.report import Report
from reports.verdicts.answer import conclusion
from search_spaces.study import Study, parse_study
from tests.reports.pages import Parsed
from tests.reports.stores import build, read_cells
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


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def test_the_split_that_chose_nothing_comes_first(store: Store) -> None:
    study = parse_study(STUDY, source="test")
    reports = reports_of(study, store)
    parsed = Parsed(headline(reports))
    assert parsed.texts["h3"] == ["Test set", "Dev set"]
    notes = parsed.texts["p"]
    assert notes[0] == "These examples took no part in the choice of the trials."
    assert any(note.startswith("These examples chose the trials") for note in notes)
    choice = [replace(report, split=None) for report in reports]
    assert headline([*choice, *reports]) == headline(reports)


def test_each_comparison_says_who_leads_by_what_and_what_remains(store: Store) -> None:
    reports = reports_of(parse_study(STUDY, source="test"), store)
    items = Parsed(headline(reports)).texts["li"]
    at, cat, scl = items[:3]
    assert at.startswith("RTE: at is 0.5 points above standard. 60.5 against 60.0 accuracy")
    assert "The test does not tell them apart." in at
    assert "RTE: cat is 15.0 points above standard. 75.0 against 60.0 accuracy with tiny" in cat
    assert "the best of 2 trials against the best of 2 trials" in cat
    assert "‡ Significant, and it remains after Holm's correction over 6 comparisons." in cat
    assert "McNemar's exact test: p = 1.9e-09; 30 of 200 examples are discordant" in cat
    assert "RTE: scl is level with standard. 60.0 against 60.0" in scl
    at, cat, scl = items[3:]
    assert "‡ Significant, and it remains after the choice among the trials and Holm's" in at
    assert "after the choice among the trials p = 0.0002, 0.001 after Holm" in at
    assert "63.0 against 60.0 accuracy" in cat
    assert (
        "Standard is significantly better, and it remains after the choice among the trials and"
        " Holm's correction over 6 comparisons." in scl
    )
    assert "RTE: scl is 10.0 points below standard." in scl


def test_numbers_in_words_are_those_of_the_tests(store: Store) -> None:
    reports = reports_of(parse_study(STUDY, source="test"), store)
    dev = next(report for report in reports if report.table.name == "said-dev")
    sides = {test.method: test.side for test in dev.verdicts}
    assert sides == {"at": "ahead", "cat": "ahead", "scl": "behind"}
    items = Parsed(headline(reports)).texts["li"][3:]
    for test, item in zip(dev.verdicts, items, strict=True):
        best = test.best
        assert best is not None
        assert f"p = {test.p_value:.2g}; " in item
        assert f"after Holm {test.p_holm:.2g}" in item
        assert f"p = {best.p_value:.2g}, {test.p_after_holm:.2g} after Holm" in item


def test_a_dagger_that_a_correction_takes_away_is_said_to_be_lost(store: Store) -> None:
    dev = reports_of(parse_study(STUDY, source="test"), store)[0]
    lost = replace(dev.verdicts[0], p_after_holm=0.2)
    assert conclusion(lost) == (
        "† Significant, but it does not remain after the choice among the trials and"
        " Holm's correction over 6 comparisons."
    )
    assert conclusion(replace(lost, family=1)).endswith("after the choice among the trials.")


def test_a_loss_is_held_to_the_same_corrections(store: Store) -> None:
    behind = reports_of(parse_study(STUDY, source="test"), store)[0].verdicts[2]
    best = behind.best
    assert best is not None
    assert best.p_less < best.p_greater
    for changed, said in (
        ({}, "and it remains after"),
        ({"p_after_holm": 0.2}, "but it does not remain after"),
        ({"p_after_holm": None}, "but not known to remain after the choice among the trials: "),
    ):
        start = f"Standard is significantly better, {said}"
        assert conclusion(replace(behind, **changed)).startswith(start)


def test_what_cannot_be_known_is_said_with_its_reason(store: Store) -> None:
    study = parse_study(STUDY, source="test")
    items = Parsed(headline(reports_of(study, store, skip="at"))).texts["li"]
    assert (
        "not known to remain after the choice among the trials: rte/tiny/at: 1 of its" in items[3]
    )
    assert "the only trial against the best of 2 trials" in items[3]


def test_many_comparisons_are_counted_and_the_rest_unfold(store: Store) -> None:
    encoders = '["<b>one", two, three]'
    study = parse_study(STUDY.replace("[tiny]", encoders), source="test")
    parsed = Parsed(headline(reports_of(study, store)))
    assert parsed.texts["summary"] == ["3 more", "3 more"]
    assert len(parsed.texts["li"]) == 18
    inside = parsed.texts["details"][0].count("against")
    assert inside == 2 * (9 - AT_ONCE)
    assert (
        "cat is above standard in 3 of 3 comparisons, in 3 significantly (†), of which 3 remain"
        " after all corrections (‡); before them it is significantly below in 0."
    ) in parsed.texts["p"]
    level, below = (text for text in parsed.texts["p"] if text.startswith("scl is"))
    assert "above standard in 0 of 3" in level
    assert "above standard in 0 of 3" in below
    assert "significantly below in 0." in level
    assert "significantly below in 3." in below
    assert "with <b>one," in parsed.texts["li"][0]


def test_without_a_comparison_it_says_what_it_takes(store: Store) -> None:
    study = parse_study(STUDY.replace("standard, ", ""), source="test")
    assert headline(reports_of(study, store)) == NOTHING
