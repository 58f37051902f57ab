"""Captions answer what is bold, what marks mean, how many trials, which data and which test."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.page.headline import write_headline
from reports.results.cells import CellResult, FinishedTrial
from reports.tables.fine_print import budgets, describe_sampling, fine_print, gaps
from reports.tables.marks import SIGNIFICANT
from reports.tables.notes import gain_text
from reports.tables.report import Report
from reports.tables.table import percent
from reports.verdicts.verdict import Verdict
from search_spaces.display_names import DisplayNames
from search_spaces.shipped_tasks import TASKS
from search_spaces.trial import TrialConfig
from tests.reports.stores import build, predict, prune, read_cells, record_of, trials, words_of
from trainers.records.metrics import Labels
from trainers.records.store import Store

NAMES = DisplayNames()


def fine_said(verdicts: Sequence[Verdict]) -> str:
    return " ".join(fine_print("s", "dev", [], verdicts, names=NAMES))


def cell(method: str = "cat", finished: int = 3, **fields: Any) -> CellResult:
    kept = tuple(
        FinishedTrial(config=trial, record=record_of(trial, 50))
        for trial in trials(method, finished)
    )
    whole = CellResult(
        task="rte",
        encoder="tiny",
        method=method,
        definition=TASKS["rte"],
        finished=kept,
        failed=0,
        missing=0,
        settings=len(kept),
        seeds=1,
        failed_settings=0,
        grid=method,
    )
    return replace(whole, **fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "complete grid"),
        ({"missing": 2}, "unfinished grid"),
        ({"pruned": 2}, "grid with early stopping"),
        ({"undrawn": 2, "sampled": "random"}, "random draw"),
        ({"undrawn": 2, "missing": 1, "sampled": "random"}, "unfinished random draw"),
        ({"undrawn": 2, "pruned": 1, "sampled": "random"}, "random draw with early stopping"),
        ({"missing": 2, "sampled": "adaptive"}, "adaptive search"),
        ({"failed": 2}, "grid with failures"),
    ],
)
def test_how_trials_were_drawn(fields: dict[str, Any], expected: str) -> None:
    assert describe_sampling(cell(**fields)) == expected


def test_numbers_of_trials_are_by_method_and_ways_are_said_once_if_they_are_one() -> None:
    assert (
        budgets([cell("standard", 3), cell("cat", 12)], NAMES)
        == "Standard 3, CAT 12 (complete grid)"
    )
    several = [cell("standard", 3), cell("cat", 12), cell("cat", 9)]
    assert budgets(several, NAMES) == "Standard 3, CAT 9-12 (complete grid)"
    mixed = [cell("standard", 3), cell("cat", 12, pruned=2)]
    assert budgets(mixed, NAMES) == "Standard 3 (complete grid), CAT 12 (grid with early stopping)"
    both = [cell("cat", 12), cell("cat", 12, missing=1)]
    assert budgets(both, NAMES) == "CAT 12 (complete grid or unfinished grid)"


def test_a_sample_of_the_dev_rows_is_said() -> None:
    def said(split: str, rows: int | None) -> str:
        whole = cell()
        kept = tuple(
            replace(t, config=t.config.model_copy(update={"max_eval_samples": rows}))
            for t in whole.finished
        )
        return " ".join(fine_print("s", split, [replace(whole, finished=kept)], [], names=NAMES))

    assert "Scored on a random sample of the dev rows: RTE 100." in said("dev", 100)
    for split, rows in (("dev", None), ("dev", 277), ("test", 100)):
        assert "random sample" not in said(split, rows)


def test_trials_without_a_number_are_counted_by_reason() -> None:
    assert gaps([cell()]) == []
    assert gaps([cell(failed=1)]) == ["Of 4 trials 1 failed."]
    counts: dict[str, Any] = {"failed": 2, "pruned": 1, "undrawn": 4, "missing": 1}
    assert gaps([cell(finished=2, **counts), cell(finished=0, missing=1)]) == [
        "Of 11 trials 1 was stopped early, 2 failed, 4 were not drawn, 2 were not run to the end."
        " A dash: none is finished."
    ]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def drawn_rows(rights: Sequence[float], n: int = 80, seed: int = 3) -> tuple[Labels, Labels]:
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 2, n)
    right = rng.random((len(rights), n)) < np.array(rights)[:, None]
    return gold, np.where(right, gold, 1 - gold)


RIGHT = {"standard": [0.6] * 2, "at": [0.65] * 2, "cat": [0.9] * 2}


def reports(
    store: Store,
    splits: Sequence[str] = ("dev",),
    rights: dict[str, list[float]] = RIGHT,
    *,
    intervals: bool = False,
    **changes: Any,
) -> list[Report]:
    """Reports of RTE with these methods, each trial right with its own probability."""
    gold, rows = drawn_rows([share for part in rights.values() for share in part])
    every: list[TrialConfig] = []
    for method, shares in rights.items():
        group = trials(method, len(shares), **changes)
        predict(store, group, gold, rows[len(every) : len(every) + len(shares)], splits)
        every += group
    return build("s", read_cells(every, store), store, intervals=intervals)


def text(report: Report) -> str:
    return words_of(report.table)


def test_one_caption_and_its_notes_as_a_whole(store: Store) -> None:
    first, _ = reports(store)
    at, cat = first.verdicts
    assert cat.survives
    assert not at.marked
    assert first.table.caption.replace("\u00a0", " ") == (
        "RTE dev set, Tiny. Best of each method's grid (2 trials each), chosen on these examples."
        " One seed: the tests are of these models. †: better than Standard, p < .05 (McNemar)."
        " ‡: still so after the choice and Holm over 2 comparisons."
    )
    assert [note.replace("\u00a0", " ") for note in first.table.notes] == [
        "Study s, dev set. Each number is one trial: the best of its task and method, chosen by its"
        " score on the dev set. One seed: the tests are of these trained models, not of the"
        " methods.",
        "Trials to choose from: Standard 2, AT 2, CAT 2 (complete grid).",
        "Bold: best of its column as printed.",
        "Dagger (†): better than Standard, p < .05 by McNemar's exact test, two-sided, without"
        " regard to the choice among trials, which these examples made. 1 of 2 tested numbers has"
        " it, 1 after Holm's correction over 2 comparisons.",
        "Double dagger (‡): still better than Standard when the choice among the trials of both is"
        " allowed for, p < .05 by best-against-best randomization, two-sided, R = 9,999, after"
        " Holm's correction over all 2 comparisons. 1 of 2 tested numbers has it.",
        "Too small for this dev set to show at p < .05, even without the choice: the gains, in"
        f" points, of RTE Tiny AT: {percent(at.delta, 1)}, the least is"
        f" {percent(at.least or 0, 1)}.",
    ]


def test_other_examples_than_those_that_chose(store: Store) -> None:
    _, test, _ = reports(store, ("dev", "test"))
    assert "Study s, test set." in text(test)
    assert "chosen by its score on the dev set." in text(test)
    assert "two-sided, on examples that took no part in the choice of trials. 1 of 2" in text(test)
    assert (
        "Double dagger (‡): still better than Standard with p < .05 by the same test, after Holm's"
        " correction over all 4 comparisons. 1 of 2 tested numbers has it." in text(test)
    )
    assert "randomization" not in text(test)


def test_one_comparison_is_not_corrected(store: Store) -> None:
    first, _ = reports(store, rights={"standard": [0.6] * 2, "cat": [0.9] * 2})
    assert "Holm" not in text(first)
    assert "1 of 1 tested number has it. Double" in text(first)


def test_a_table_without_a_baseline_has_no_marks_to_explain(store: Store) -> None:
    first, _ = reports(store, rights={"cat": [0.9] * 2})
    assert "agger" not in text(first)
    assert "Bold" in text(first)


def test_what_cannot_have_a_double_dagger_is_named(store: Store) -> None:
    reports(store)
    prune(store, trials("cat", 3)[2])
    every = [*trials("standard", 2), *trials("at", 2), *trials("cat", 3)]
    first, _ = build("s", read_cells(every, store), store)
    assert "(complete grid), CAT 2 (grid with early stopping)." in text(first)
    assert (
        "1 of 2 tested numbers cannot have a double dagger: rte/tiny/cat: 1 of its trials was"
        " pruned." in text(first)
    )
    assert text(first).endswith("Of 7 trials 1 was stopped early.")


def test_only_gains_can_be_too_small_to_show(store: Store) -> None:
    first, _ = reports(store)
    at, cat = first.verdicts
    assert "Too small" in fine_said([at, cat])
    worse = replace(at, baseline=replace(at.baseline, scores=(at.system.score + 0.01,)))
    assert not worse.is_least_shown
    assert "Too small" not in fine_said([worse, cat])


def test_the_choice_of_an_epoch_is_warned_of_where_it_saw_the_examples(store: Store) -> None:
    first, test, _ = reports(store, ("dev", "test"), select="best_epoch")
    warning = "Epochs were chosen by the same examples: no p allows for that."
    assert warning in text(first)
    assert warning not in text(test)


def test_a_choice_of_the_epoch_alone_is_a_choice_by_the_examples(store: Store) -> None:
    """One trial a method: nothing is chosen among trials, but dev chose the epoch of each."""
    alone = {method: shares[:1] for method, shares in RIGHT.items()}
    first, test, _ = reports(store, ("dev", "test"), alone, select="best_epoch")
    part = "on examples that took no part in the choice of trials"
    assert f"{part} but that of the epoch." in text(first)
    assert "Epochs were chosen by the same examples: no p allows for that." in text(first)
    assert f"{part}." in text(test)
    assert "epoch" not in text(test)
    assert "They also chose epochs, which no p-value allows for." in write_headline([first])
    assert "epoch" not in write_headline([test])


def test_more_epochs_of_one_to_choose_from_are_named(store: Store) -> None:
    gold, rows = drawn_rows([0.6, 0.9])
    base, cat = trials("standard", 1), trials("cat", 1, select="best_epoch", epochs=5)
    predict(store, base, gold, rows[:1])
    predict(store, cat, gold, rows[1:])
    first, _ = build("s", read_cells([*base, *cat], store), store)
    assert (
        "1 of 1 tested number cannot have a double dagger: rte/tiny/standard and rte/tiny/cat had"
        " different numbers of epochs to choose from. Epochs were chosen by the same examples: no p"
        " allows for that." in text(first)
    )
    assert "Double dagger" not in text(first)
    assert "cannot be corrected for the choice" in write_headline([first])


@pytest.mark.parametrize(
    ("task", "ones", "few"),
    [("mrpc", 20, "MRPC 20"), ("mrpc", 80, ""), ("cola", 80, "CoLA 20"), ("rte", 20, "")],
)
def test_a_rare_label_is_warned_of(task: str, ones: int, few: str, store: Store) -> None:
    """Of F1 it is label 1 that counts, of MCC the rarer one; accuracy has no such trouble."""
    gold = np.repeat([1, 0], [ones, 100 - ones])
    _, rows = drawn_rows([0.7] * 4, n=100)
    base, cat = trials("standard", 2, task), trials("cat", 2, task)
    predict(store, base, gold, rows[:2])
    predict(store, cat, gold, rows[2:])
    first, _ = build("s", read_cells([*base, *cat], store), store)
    said = "Best against best can be too lenient with fewer than 50 examples of a label: "
    assert (said in text(first)) == bool(few)
    assert f"{said}{few}" in text(first) or not few


def test_intervals_are_explained_where_they_are(store: Store) -> None:
    without, _, _ = reports(store, ("dev", "test"))
    assert "interval" not in text(without)
    first, test, _ = reports(store, ("dev", "test"), intervals=True)
    says = "Intervals of gains: 95%, by paired bootstrap over examples"
    assert f"{says}, 9,999 samples; the choice among trials widens none." in text(first)
    assert f"{says}, 9,999 samples." in text(test)
    gains = [gain_text(test, NAMES) for test in first.verdicts]
    assert first.table.notes[-1] == f"Gains over Standard, in points: {gains[0]}; {gains[1]}."
    assert len(first.table.signatures) == 2


@pytest.mark.parametrize("splits", [("dev",), ("dev", "test"), ("heldout", "dev")])
def test_every_caption_is_of_short_sentences(splits: tuple[str, ...], store: Store) -> None:
    for report in reports(store, splits, intervals=True):
        sentences = re.split(r"(?<=[a-z)0-9])\. (?=[A-Z0-9])", text(report))
        assert max(len(sentence) for sentence in sentences) < 300
        assert "  " not in text(report)
        assert text(report).endswith(".")
        assert SIGNIFICANT in report.table.caption, "no line breaks within p < .05"


def test_a_chosen_trial_that_predicts_one_class_is_named(tmp_path: Path) -> None:
    """F1 of a trial that finds everything positive is high: its mark must not stand alone."""
    store = Store(tmp_path / "constant", create=True)
    gold = np.repeat([1, 0], [70, 30])
    guessed = np.where(np.arange(100) % 3 > 0, gold, 1 - gold)
    base, flat = trials("standard", 2, "mrpc"), trials("cat", 2, "mrpc")
    predict(store, base, gold, [guessed] * 2)
    predict(store, flat, gold, [1 - gold, np.ones(100, dtype=int)])
    first, _ = build("s", read_cells([*base, *flat], store), store)
    assert first.verdicts[0].delta > 0
    assert "One class for every example: MRPC Tiny CAT." in text(first)
    assert first.verdicts[0].one_class
    assert "cat predicts one class for every example." in write_headline([first])
    predict(store, flat[:1], gold, [gold])
    again = Store(tmp_path / "constant", create=False)
    first, _ = build("s", read_cells([*base, *flat], again), again)
    assert "One class" not in text(first)
