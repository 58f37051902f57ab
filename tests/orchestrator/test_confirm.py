"""Confirmation: what is trained again with which seeds, what reports make of it, refusals."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.confirm import choose_confirmation
from reports.results.results import Results, read_results
from reports.statistics.method_test import method_test
from reports.tables.report import Report
from reports.verdicts.judge import judge
from search_spaces.confirmation import Confirmation, fresh_seeds
from search_spaces.errors import UserError
from search_spaces.study import Study, parse_study
from search_spaces.trial import TrialConfig
from tests.reports.stores import whole_reports
from tests.results import keep
from trainers.records.confirmations import ConfirmationRecord, keep_confirmation, read_confirmations
from trainers.records.store import Store

STUDY = """
name: tried
encoders: [tiny]
methods: [standard, at, cat]
axes: {lr: [1e-3, 2e-3], epsilon: [0.01], tau: [0.1], lambda: [0.3]}
seeds: [0, 1]
parts:
  - {tasks: [rte]}
  - {tasks: [banking77], select_on: heldout}
"""
RIGHT = {"standard": 120, "at": 121, "cat": 150}
"""Of 200 examples, at the second learning rate; one less at the first."""


def finish(store: Store, trial: TrialConfig, right: int) -> None:
    kept = {"dev": right} if trial.task == "rte" else {"heldout": right, "test": right - 5}
    keep(store, trial, kept)


def chosen_by(trial: TrialConfig) -> int:
    return RIGHT[trial.method.name] - (trial.lr == 1e-3) + trial.seed % 2


@pytest.fixture
def study() -> Study:
    return parse_study(STUDY, source="test")


@pytest.fixture
def store(study: Study, tmp_path: Path) -> Store:
    store = Store(tmp_path / "store", create=True)
    for trial in study.trials():
        finish(store, trial, chosen_by(trial))
    return store


def confirmed(
    study: Study,
    store: Store,
    right: Callable[[TrialConfig], int] = chosen_by,
    seeds: int = 3,
    methods: list[str] | None = None,
) -> tuple[Confirmation, ConfirmationRecord]:
    """Write the record, and finish the trials as if they had been trained."""
    wanted, record = choose_confirmation(read_results(study, store), seeds, methods)
    keep_confirmation(store, record)
    for trial in wanted.trials():
        finish(store, trial, right(trial))
    return wanted, record


def test_each_chosen_setting_is_trained_with_seeds_that_chose_nothing(
    study: Study, store: Store
) -> None:
    wanted, record = choose_confirmation(read_results(study, store), 5, None)
    trials = wanted.trials()
    assert len(trials) == len(set(trials)) == 2 * 3 * 5
    assert {trial.lr for trial in trials} == {2e-3}, "the settings with the highest mean"
    seeds = {trial.seed for trial in trials}
    assert (
        tuple(sorted(seeds)) == tuple(sorted(record.seeds)) == tuple(sorted(fresh_seeds(study, 5)))
    )
    assert not seeds & set(study.seeds)
    assert fresh_seeds(study, 5)[:3] == fresh_seeds(study, 3), (
        "more seeds keep those that are there"
    )
    again, same = choose_confirmation(read_results(study, store), 5, None)
    assert (again.trials(), same) == (trials, record), "so the command resumes and never repeats"
    assert fresh_seeds(parse_study(STUDY.replace("tried", "other"), "test"), 5) != record.seeds
    assert (wanted.name, wanted.tables, wanted.own_tables) == ("tried", (), ())


def test_methods_and_tasks_narrow_it(study: Study, store: Store) -> None:
    wanted, record = choose_confirmation(read_results(study.narrow(["rte"]), store), 2, ["cat"])
    assert {trial.method.name for trial in wanted.trials()} == {"standard", "cat"}
    assert [cell.task for cell in record.cells] == ["rte", "rte"]


@pytest.mark.parametrize(
    ("seeds", "methods", "message"),
    [
        (1, None, "--seeds: a confirmation takes at least 2, got 1"),
        (5, ["dog"], "unknown method of study tried 'dog'"),
        (5, ["standard"], "unknown method of study tried 'standard'"),
    ],
)
def test_what_cannot_be_confirmed_is_one_line(
    seeds: int, methods: list[str] | None, message: str, study: Study, store: Store
) -> None:
    with pytest.raises(UserError, match=message):
        choose_confirmation(read_results(study, store), seeds, methods)


def test_a_seed_of_the_study_is_refused(study: Study, store: Store) -> None:
    seed = fresh_seeds(study, 5)[2]
    seen = parse_study(STUDY.replace("[0, 1]", f"[0, 1, {seed}]"), source="test")
    with pytest.raises(
        UserError, match=f"seed {seed} belongs to its confirmation and must not take part"
    ):
        fresh_seeds(seen, 5)


def test_a_choice_that_is_not_made_yet_is_not_confirmed(study: Study, tmp_path: Path) -> None:
    store = Store(tmp_path / "part", create=True)
    for trial in study.trials()[:-1]:
        finish(store, trial, 100)
    with pytest.raises(UserError, match=r"cat: 1 of its trials is not finished, .* catsweep run"):
        choose_confirmation(read_results(study, store), 5, None)
    alone = parse_study(STUDY.replace("standard, ", ""), source="test")
    with pytest.raises(UserError, match="there is nothing to confirm"):
        choose_confirmation(read_results(alone, store), 5, None)


def test_the_test_is_of_the_fresh_seeds_alone(study: Study, store: Store) -> None:
    """On the test set where there is one, else on dev; corrected for what was confirmed."""
    confirmed(study, store)
    results = read_results(study, store)
    verdicts = judge(results)
    assert [(v.task, v.method, v.split) for v in verdicts.confirmed] == [
        ("rte", "at", "dev"),
        ("rte", "cat", "dev"),
        ("banking77", "at", "test"),
        ("banking77", "cat", "test"),
    ]
    cat = verdicts.confirmed[1]
    assert set(cat.system.trials).isdisjoint(t.signature for t in study.trials())
    assert cat.gain == method_test(cat.pair.system, cat.pair.baseline, cat.pair.gold)
    assert cat.gain is not None
    assert (cat.gain.seeds, cat.family) == ((3, 3), 4)
    assert cat.p_after == cat.gain.p_value
    assert cat.survives
    assert not verdicts.confirmed[0].survives
    marks = {(v.task, v.method, v.split): "section" in v.marks for v in verdicts.by_id.values()}
    assert {name for name, holds in marks.items() if holds} == {
        ("rte", "cat", "dev"),
        ("banking77", "cat", "test"),
    }, "the mark stands where the claim was tested"


def table(reports: list[Report], name: str) -> Report:
    return next(report for report in reports if report.table.name == f"tried-{name}")


def test_tables_say_what_was_confirmed(study: Study, store: Store) -> None:
    assert "fresh" not in table(whole_reports(study, store), "dev").table.caption
    confirmed(study, store)
    reports = whole_reports(study, store)
    said = "§: confirmed on 3 fresh seeds"
    assert said in table(reports, "dev").table.caption
    own = table(reports, "confirmation").table
    assert [row.labels for row in own.rows] == [
        ("RTE dev (accuracy)", "Tiny", "AT"),
        ("RTE dev (accuracy)", "Tiny", "CAT"),
        ("BANKING77 test (accuracy)", "Tiny", "AT"),
        ("BANKING77 test (accuracy)", "Tiny", "CAT"),
    ]
    assert [row.cells[2].marks for row in own.rows] == [(), ("section",)] * 2
    assert "trained with 3 fresh seeds" in own.caption
    assert "p after Holm over 4 comparisons" in own.caption
    assert any("Holm's correction over 4 comparisons; 2 of 4." in note for note in own.notes)
    assert own.text(own.rows[1].cells[1]).startswith("75.")


def test_what_did_not_hold_on_fresh_seeds_has_no_mark(study: Study, store: Store) -> None:
    confirmed(study, store, lambda trial: 120 + trial.seed % 3)
    assert not any(verdict.survives for verdict in judge(read_results(study, store)).confirmed)


def test_a_confirmation_that_is_not_finished_confirms_nothing(study: Study, store: Store) -> None:
    wanted, record = choose_confirmation(read_results(study, store), 3, None)
    keep_confirmation(store, record)
    for trial in wanted.trials()[:-1]:
        finish(store, trial, chosen_by(trial))
    verdicts = judge(read_results(study, store)).confirmed
    last = verdicts[-1]
    assert (last.task, last.method, last.survives) == ("banking77", "cat", False)
    assert last.refused == "banking77/tiny/cat: 1 of its trials is not finished"
    assert verdicts[1].survives


def test_a_study_that_chooses_otherwise_now_says_so(study: Study, store: Store) -> None:
    confirmed(study, store)
    larger = parse_study(STUDY.replace("2e-3]", "2e-3, 3e-3]"), source="test")
    for trial in larger.trials():
        if trial.lr == 3e-3:
            finish(store, trial, chosen_by(trial) + 3 * (trial.method.name == "cat"))
    results = read_results(larger, store)
    assert results.confirmed.remarks == tuple(
        f"study tried changed after its confirmation: {task}/tiny/cat: another setting is chosen"
        " now; catsweep confirm tried confirms what is chosen now"
        for task in ("rte", "banking77")
    )
    assert {v.method for v in judge(results).confirmed} == {"at"}
    confirmed(larger, store)
    assert not read_results(larger, store).confirmed.remarks
    assert len(read_confirmations(store, "tried")) == 2


def test_seeds_that_chose_since_confirm_nothing(study: Study, store: Store) -> None:
    _, record = confirmed(study, store)
    larger = parse_study(STUDY.replace("[0, 1]", f"[0, 1, {record.seeds[0]}]"), source="test")
    results = read_results(larger, store)
    assert not judge(results).confirmed
    assert all("its seeds are among those that choose now" in r for r in results.confirmed.remarks)
    assert len(results.confirmed.remarks) == 6


def test_more_seeds_replace_fewer(study: Study, store: Store) -> None:
    confirmed(study, store)
    confirmed(study, store, seeds=4)
    found: Results = read_results(study, store)
    assert {len(cell.finished) for cell in found.confirmed.cells} == {4}
    assert not found.confirmed.remarks


def test_a_dry_run_writes_nothing(
    study: Study, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tried.yaml"
    path.write_text(STUDY)
    with pytest.raises(SystemExit) as caught:
        main(["confirm", str(path), "--store", str(store.root), "--dry-run", "--seeds", "2"])
    assert caught.value.code == 0, capsys.readouterr().err
    assert "0/12 done" in capsys.readouterr().out.replace("\\n", " ")
    assert not read_confirmations(store, "tried")
