"""Two systems are joined by id and tested with what fits their labels; differences are listed."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.compare import PairReport, Side, compare_pair, read_side
from reports.compare_text import to_dict, to_text
from reports.prediction_files import Rows
from reports.statistics.significance import fisher_randomization, mcnemar
from search_spaces.errors import UserError
from search_spaces.study import load_study
from tests.reports.pairs import Labels, pair
from tests.reports.stores import prune
from tests.results import MOMENT, finished, keep
from trainers.records.outcome import FailureRecord
from trainers.records.store import Store


def side(source: str, gold: Labels, predicted: Labels) -> Side:
    ids = tuple(f"id-{place}" for place in range(len(gold)))
    columns = (tuple(str(label) for label in column) for column in (gold, predicted))
    rows = dict(zip(("gold", "predicted"), columns, strict=True))
    numbers = tuple(range(2, len(gold) + 2))
    return Side(rows=Rows(source=source, ids=ids, numbers=numbers, **rows))


def files(n_classes: int) -> tuple[PairReport, tuple[Labels, Labels, Labels]]:
    gold, baseline, system = pair(90, 30, n_classes, 3)
    report = compare_pair(side("a.csv", gold, baseline), side("b.csv", gold, system))
    return report, (gold, baseline, system)


def test_files_get_every_metric_that_fits() -> None:
    report, triple = files(2)
    assert [entry.metric for entry in report.metrics] == ["accuracy", "f1", "mcc", "macro_f1"]
    assert report.metrics[0].tests == tuple(
        mcnemar(*triple, method) for method in ("exact", "mid-p", "chi2")
    )
    for entry in report.metrics[1:]:
        assert entry.tests == (fisher_randomization(*triple, entry.metric, 2),)
        assert entry.interval.low <= entry.tests[0].delta <= entry.interval.high
    many, _ = files(5)
    assert [entry.metric for entry in many.metrics] == ["accuracy", "mcc", "macro_f1"]
    assert many.labels == ("0", "1", "2", "3", "4")


def test_the_table_and_the_list_count_what_differs() -> None:
    report, (gold, baseline, system) = files(5)
    for key, count in report.table.items():
        assert count == int((((baseline == gold) == key[0]) & ((system == gold) == key[1])).sum())
    assert sum(report.table.values()) == 90
    assert [entry.id for entry in report.differing] == [
        f"id-{place}" for place in np.flatnonzero(baseline != system)
    ]
    first = report.differing[0]
    at = int(first.id.removeprefix("id-"))
    assert (first.gold, first.baseline, first.system) == tuple(
        str(labels[at]) for labels in (gold, baseline, system)
    )


def test_rows_are_joined_by_id() -> None:
    gold, baseline, system = pair(40, 12, 3, 3)
    one, other = side("a", gold, baseline), side("b", gold, system)
    order = np.random.default_rng(0).permutation(40)
    columns = {
        name: tuple(getattr(other.rows, name)[place] for place in order)
        for name in ("ids", "gold", "predicted", "numbers")
    }
    turned = replace(other, rows=replace(other.rows, **columns))  # type: ignore[arg-type]
    assert compare_pair(one, turned) == compare_pair(one, other)


def test_the_order_of_labels_says_which_is_positive() -> None:
    gold, baseline, system = pair(40, 12, 2, 3)
    one, other = side("a", gold, baseline), side("b", gold, system)
    (plain,) = compare_pair(one, other, metrics=["f1"]).metrics
    (turned,) = compare_pair(one, other, metrics=["f1"], labels=["1", "0"]).metrics
    assert plain.tests == (fisher_randomization(gold, baseline, system, "f1"),)
    assert turned.tests == (fisher_randomization(1 - gold, 1 - baseline, 1 - system, "f1"),)


def test_numbers_sort_as_numbers_and_words_as_words() -> None:
    gold = np.arange(24) % 12
    report = compare_pair(side("a", gold, gold), side("b", gold, gold))
    assert report.labels == tuple(str(label) for label in range(12))
    assert report.metrics[0].tests[0].p_value == 1.0
    assert report.differing == ()


def test_gold_without_a_label_is_no_label_unless_it_is_listed() -> None:
    """As test sets of GLUE have it."""
    gold = np.array([0, -1, 1])
    one = side("a", gold, gold)
    with pytest.raises(UserError, match=r"^a: row 3: gold is -1, which means"):
        compare_pair(one, one)
    assert compare_pair(one, one, labels=["-1", "0", "1"]).labels == ("-1", "0", "1")
    guessed = side("b", np.array([0, 1, 1]), np.array([-1, 0, 1]))
    with pytest.raises(UserError, match="unknown predicted label '-1'"):
        compare_pair(guessed, guessed)


def test_a_label_with_two_signs_is_a_word() -> None:
    gold = np.array([-2, 0])
    one = side("a", gold, gold)
    assert compare_pair(one, one).labels == ("-2", "0")
    words = replace(one, rows=replace(one.rows, gold=("--1", "0"), predicted=("0", "0")))
    assert compare_pair(words, words).labels == ("--1", "0")


def test_one_label_in_all_leaves_only_accuracy() -> None:
    """f1 and mcc would be 0 and macro_f1 a half, with every prediction right."""
    ones = np.ones(5, dtype=np.int64)
    pair_of = side("a", ones, ones), side("b", ones, ones)
    report = compare_pair(*pair_of)
    assert report.labels == ("1",)
    assert [entry.metric for entry in report.metrics] == ["accuracy"]
    assert report.metrics[0].tests[0].system_score == 1.0
    assert report.one_class == ("baseline", "system")
    for metric in ("f1", "mcc", "macro_f1"):
        with pytest.raises(UserError, match=f"{metric} needs two labels, got one: list all labels"):
            compare_pair(*pair_of, metrics=[metric])
    listed = compare_pair(*pair_of, labels=["0", "1"], metrics=["f1"])
    assert listed.metrics[0].tests[0].system_score == 1.0


def test_a_predicted_label_that_gold_lacks_must_be_listed() -> None:
    """A typing error would be a class of its own: f1 would be gone, both macro_f1 lower."""
    gold, predicted = np.array([0, 1, 1]), np.array([0, 1, 2])
    pair_of = side("a", gold, gold), side("b", gold, predicted)
    for sides in (pair_of, pair_of[::-1]):
        with pytest.raises(UserError, match="b: row 4: example 'id-2': unknown predicted label"):
            compare_pair(*sides)
    report = compare_pair(*pair_of, labels=["0", "1", "2"])
    assert report.labels == ("0", "1", "2")


def test_listed_labels_may_be_written_as_floats() -> None:
    gold = np.array([0, 1, 1])
    report = compare_pair(side("a", gold, gold), side("b", gold, gold), labels=["1.0", "0.0"])
    assert report.labels == ("1", "0")


def test_one_class_for_every_example_is_said() -> None:
    gold = np.array([0, 1, 1, 1])
    fine, constant = side("a", gold, gold[::-1]), side("b", gold, np.ones(4, dtype=np.int64))
    for sides, expected in (
        ((fine, constant), ("system",)),
        ((constant, fine), ("baseline",)),
        ((constant, constant), ("baseline", "system")),
        ((fine, fine), ()),
    ):
        report = compare_pair(*sides)
        assert report.one_class == to_dict(report)["one_class"] == expected
        line = f"one class for every example: {', '.join(expected)}"
        assert to_text(report).splitlines()[2] == (line if expected else "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ("x", "id-1", "id-2")}, "a: row 2: example 'id-0' is not in b"),
        ({"ids": ("x", "y", "z")}, "a: row 2: example 'id-0' is not in b"),
        (
            {"ids": ("id-0", "id-1"), "gold": ("0", "1"), "predicted": ("0", "1")},
            "a: row 4: example 'id-2' is not in b",
        ),
        (
            {
                "ids": ("id-2", "id-1", "y", "id-0"),
                "gold": ("1", "1", "0", "0"),
                "predicted": ("1", "1", "0", "0"),
                "numbers": (2, 3, 5, 6),
            },
            "b: row 5: example 'y' is not in a",
        ),
        (
            {"ids": ("id-2", "id-1", "id-0"), "gold": ("1", "1", "1")},
            "a: row 2: example 'id-0' has the gold label '0', but '1' in b: row 4",
        ),
        (
            {
                "ids": ("id-2", "id-1", "id-0"),
                "gold": ("1", "1", "0"),
                "predicted": ("2", "1", "0"),
            },
            "b: row 2: example 'id-2': unknown predicted label '2' .known: 0, 1.; if it is right,"
            " list all labels with --labels",
        ),
    ],
)
def test_rows_that_do_not_fit(change: dict[str, tuple[str, ...]], message: str) -> None:
    gold = np.array([0, 1, 1])
    one, other = side("a", gold, gold), side("b", gold, gold)
    wrong = replace(other.rows, **change)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        compare_pair(one, replace(other, rows=wrong))


def test_wrong_metrics_and_labels() -> None:
    gold = np.array([0, 1, 2])
    pair_of = side("a", gold, gold), side("b", gold, 2 - gold)
    with pytest.raises(UserError, match=r"unknown metric 'f2'; did you mean 'f1'"):
        compare_pair(*pair_of, metrics=["f2"])
    with pytest.raises(UserError, match="f1 is of one label, and there are 3: list them all"):
        compare_pair(*pair_of, metrics=["f1"])
    with pytest.raises(UserError, match="a: row 4: example 'id-2': unknown gold label '2'"):
        compare_pair(*pair_of, labels=["0", "1"])
    with pytest.raises(UserError, match="labels: expected each once, got 0, 1, 0"):
        compare_pair(*pair_of, labels=["0", "1", "0"])


def test_as_many_labels_as_fill_the_memory_are_refused() -> None:
    gold = np.arange(20_000)
    pair_of = side("a", gold, gold), side("b", gold, gold)
    message = "20,000 labels are too many to compare 20,000 distinct examples by"
    with pytest.raises(UserError, match=message):
        compare_pair(*pair_of)
    few = np.arange(20_000) % 3
    listed = [str(label) for label in range(6_000)]
    with pytest.raises(UserError, match="6,000 labels are too many to compare 3 distinct"):
        compare_pair(side("a", few, few), side("b", few, few), labels=listed)


def test_labels_of_two_lines_are_named_on_one() -> None:
    gold = np.array([0, 1])
    one = side("a", gold, gold)
    other = replace(one, rows=replace(one.rows, gold=("no\nthanks", "1"), predicted=("x\ny", "1")))
    with pytest.raises(UserError) as caught:
        compare_pair(replace(one, rows=replace(other.rows, predicted=other.rows.gold)), other)
    assert r"unknown predicted label 'x\ny' (known: 1, no thanks)" in str(caught.value)


def test_text_and_json() -> None:
    report, (gold, baseline, system) = files(2)
    text, whole = to_text(report), to_dict(report)
    assert text.splitlines()[0] == "90 examples; baseline a.csv, system b.csv"
    assert text.splitlines()[1] == "2 labels: 0, 1 (f1 is of 1)"
    assert report.metrics[2].tests[0].signature() in text
    assert "labelled differently: 30 of 90 examples" in text
    assert "\n  and 10 more (--json lists all)\n" in text
    assert "Does b.csv beat a.csv?  not shown" in text.splitlines()[-1]
    assert len(whole["differing"]) == 30
    assert whole["table"]["only_system_right"] == int(((system == gold) & (baseline != gold)).sum())
    assert whole["metrics"][1]["tests"][0]["p_value"] == report.metrics[1].tests[0].p_value


def test_no_label_or_id_can_speak_to_the_terminal() -> None:
    power = "\x1b]0;title\x07 of\r\ntwo lines\u202e"
    rows = Rows(source=power, ids=(power, "2"), gold=(power, "z"), predicted=(power, "z"))
    other = replace(rows, predicted=("z", "z"))
    text = to_text(compare_pair(Side(rows=rows), Side(rows=other)))
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("]0;title\\x07 of two lines") == 7
    with pytest.raises(UserError) as caught:
        compare_pair(Side(rows=rows), Side(rows=replace(other, predicted=("y", "z"))))
    assert str(caught.value).removeprefix(power).isprintable()


def test_stored_trials_have_their_tasks_metric_and_labels(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    one, other, third = load_study("quickstart").trials()[:3]
    keep(store, one, {"dev": 100, "test": 110})
    keep(store, other, {"dev": 130, "test": 120})
    sides = [read_side(trial.signature, store.root, "test") for trial in (one, other)]
    report = compare_pair(*sides)
    assert [entry.metric for entry in report.metrics] == ["accuracy"]
    assert (report.baseline, report.n) == (one.signature, 200)
    assert to_text(report).startswith(f"200 examples of test; baseline {one.signature}, system ")
    assert to_dict(report)["split"] == "test"
    assert report.table == {(True, True): 110, (False, True): 10, (False, False): 80}
    other_data = {"encoder": "0" * 16, "dev": "1" * 16}
    store.commit(third, finished(third, {"dev": 100}, fingerprints=other_data))
    with pytest.raises(UserError, match="have different data"):
        compare_pair(*(read_side(trial.signature, store.root, "dev") for trial in (one, third)))


def test_a_trial_and_a_file_write_numbers_alike(tmp_path: Path) -> None:
    store, trial = Store(tmp_path / "store", create=True), load_study("quickstart").trials()[0]
    result = finished(trial, {"dev": 4}, n=4)
    entry = replace(result.predictions["dev"], ids=["1.0", "2.0", "3.0", "4.0"])
    record = result.record.model_copy(update={"labels": ("0.0", "1.0")})
    store.commit(trial, replace(result, record=record, predictions={"dev": entry}))
    path = tmp_path / "rows.csv"
    path.write_text("id,gold,prediction\n1,0,0\n2.0,1.0,1.0\n3,0,0\n4,1,0.0\n")
    report = compare_pair(
        read_side(trial.signature, store.root, "dev"), read_side(str(path), path, "")
    )
    assert report.labels == ("0", "1")
    assert [entry.id for entry in report.differing] == ["4"]


def test_sides_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'abc' is no file of predictions, and there is no store"):
        read_side("abc", tmp_path / "none", "dev")
    store = Store(tmp_path / "store", create=True)
    one, other, third = load_study("quickstart").trials()[:3]
    keep(store, one, {"dev": 100})
    for name, hint in (
        (one.signature[:-1] + "x", f"did you mean '{one.signature}'?"),
        (str(tmp_path), "catsweep export STUDY --to csv lists them"),
    ):
        expected = f"{name!r} is no file of predictions and no trial in {store.root}; {hint}"
        with pytest.raises(UserError, match=re.escape(expected)):
            read_side(name, store.root, "dev")
    with pytest.raises(UserError, match=r"unknown split of trial .* 'dve'; did you mean 'dev'"):
        read_side(one.signature, store.root, "dve")
    failure = FailureRecord(
        signature=other.signature,
        kind="diverged",
        reason="loss is nan",
        traceback="",
        host="h",
        failed_at=MOMENT,
    )
    store.commit_failure(other, failure)
    with pytest.raises(UserError, match=f"trial {other.signature} has failed: loss is nan"):
        read_side(other.signature, store.root, "dev")
    prune(store, third)
    with pytest.raises(UserError, match=f"trial {third.signature} was stopped early and has no"):
        read_side(third.signature, store.root, "dev")
