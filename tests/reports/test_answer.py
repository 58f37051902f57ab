"""The answer in words: each outcome, tasks that differ, one seed, and fresh seeds that decide."""

from dataclasses import replace

import pytest

from reports.verdicts.answer import Answer, find_answers, outcome
from reports.verdicts.verdict import Verdict
from search_spaces.study import parse_study
from tests.reports.stores import judged, read_cells
from tests.results import keep
from trainers.records.store import Store

STUDY = """
name: answered
tasks: [rte, mrpc, cola]
encoders: [tiny]
methods: [standard, cat]
axes: {lr: [1e-5], epsilon: [0.01], tau: [0.1], lambda: [0.3]}
"""
LABELS = {"cat": "CAT"}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """One for each task, on dev: the same predictions, CAT far ahead with one seed."""
    study, store = (
        parse_study(STUDY, source="test"),
        Store(tmp_path_factory.mktemp("answer") / "store", create=True),
    )
    for trial in study.trials():
        keep(store, trial, {"dev": 150 if trial.method.name == "cat" else 120})
    found = judged(read_cells(study.trials(), store), store).by_id.values()
    return {verdict.task: verdict for verdict in found}


def even(verdict: Verdict) -> Verdict:
    assert verdict.comparison
    return replace(verdict, comparison=replace(verdict.comparison, p_value=0.4), p_after_holm=1.0)


def lost(verdict: Verdict) -> Verdict:
    """Significant before the corrections alone."""
    return replace(verdict, p_after_holm=0.2)


def swapped(verdict: Verdict) -> Verdict:
    """The baseline is as far ahead."""
    return replace(verdict, baseline=verdict.system, system=verdict.baseline)


def answer(*verdicts: Verdict) -> Answer:
    (found,) = find_answers(verdicts, LABELS)
    return found


def test_one_seed_speaks_of_trained_models(verdicts: dict[str, Verdict]) -> None:
    rte, mrpc, cola = verdicts.values()
    found = answer(rte, even(mrpc), even(cola))
    assert found.question == "Does CAT beat standard?"
    assert found.words.startswith("its trained models do on 1 of 3 tasks (RTE ‡), not shown on")
    assert "these trained models, not for the methods" in found.remark
    assert not answer(*map(even, verdicts.values())).remark


def test_a_dagger_alone_is_no_yes(verdicts: dict[str, Verdict]) -> None:
    rte, mrpc, cola = verdicts.values()
    found = answer(lost(rte), lost(mrpc), even(cola))
    assert "yes" not in found.words
    assert found.words.startswith("only before corrections on RTE †, MRPC †, not shown on CoLA")
    assert answer(lost(rte)).words.endswith("before corrections, not after them †")


def test_nothing_shown_takes_two_words(verdicts: dict[str, Verdict]) -> None:
    rte, mrpc, _ = verdicts.values()
    assert answer(even(rte)).words == "not shown"
    assert answer(even(rte), even(mrpc)).words == "not shown on any task"


def test_a_loss_is_named(verdicts: dict[str, Verdict]) -> None:
    rte, mrpc, cola = verdicts.values()
    found = answer(swapped(rte), lost(swapped(mrpc)), even(cola))
    assert found.words == ("worse on RTE, worse before corrections on MRPC, not shown on CoLA")
    assert "worse" in answer(swapped(rte)).words


def test_fresh_seeds_decide(verdicts: dict[str, Verdict]) -> None:
    rte, mrpc, cola = verdicts.values()
    confirmed = replace(rte, confirmation=rte)
    found = answer(confirmed, replace(mrpc, confirmation=even(mrpc)), even(cola))
    assert found.words == (
        "yes on 1 of 3 tasks (RTE §), not confirmed on fresh seeds on MRPC, not shown on CoLA"
    )
    assert not found.remark
    assert answer(replace(rte, confirmation=swapped(rte))).words == "no, worse"
    assert answer(replace(rte, confirmation=lost(rte))).words == "not confirmed on fresh seeds"


def test_the_test_set_decides_where_there_is_one(verdicts: dict[str, Verdict]) -> None:
    rte = verdicts["rte"]
    test = replace(even(rte), split="test")
    for order in ([rte, test], [test, rte]):
        (found,) = find_answers(order)
        assert found.words == "not shown"
        assert found.verdicts == (test,)


def test_encoders_are_answered_apart(verdicts: dict[str, Verdict]) -> None:
    rte = verdicts["rte"]
    found = find_answers([rte, replace(rte, encoder="other")], LABELS | {"other": "Large"})
    assert [one.question for one in found] == [
        "Does CAT beat standard with Tiny?",
        "Does CAT beat standard with Large?",
    ]


def test_what_has_no_test_is_not_tested(verdicts: dict[str, Verdict]) -> None:
    rte = replace(verdicts["rte"], comparison=None, refused="one seed beside two")
    assert outcome(rte) == "untested"
    assert answer(rte).words == "not tested"
