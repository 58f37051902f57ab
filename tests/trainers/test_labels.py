"""Labels: what looks the same is the same, and what is another kind of task is said to be."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import UserError
from trainers.data.labels import (
    as_label,
    as_name,
    case_warnings,
    check_labels_of,
    fault_of,
    fault_of_label,
)


@pytest.mark.parametrize(
    "mark",
    [
        *(" ", "\t", "\n", "\u00a0", "\u2003", "\u3000", "\u2028"),
        *("\u200b", "\u200c", "\u200d", "\ufeff", "\u00ad", "\u200e", "\u200f", "\u202e", "\u2066"),
        *("\u2060", "\u3164", "\u2800", "\x07", "\x1c"),
    ],
)
def test_what_cannot_be_seen_around_a_label_is_no_part_of_it(mark: str) -> None:
    assert as_label(f"{mark}card {mark}lost{mark}{mark}") == f"card {mark}lost"
    assert fault_of_label(as_label(mark * 2)) == "is empty"


def test_a_label_is_one_in_every_unicode_form() -> None:
    assert as_label("cafe\u0301") == as_label("caf\u00e9") == "caf\u00e9"


def test_marks_within_a_word_and_flags_stay() -> None:
    persian, england = (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f3f4\U000e0067\U000e007f",
    )
    assert as_label(persian) == persian
    assert as_label(england) == england


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.00", "1"),
        (" 1.0\u00a0", "1"),
        ("-0.0", "0"),
        ("1.5", "1.5"),
        ("1.", "1."),
        ("007", "007"),
        ("007.0", "007.0"),
        ("1.0.0", "1.0.0"),
        ("1e5", "1e5"),
        ("v1.0", "v1.0"),
    ],
)
def test_only_a_whole_number_is_rewritten(text: str, expected: str) -> None:
    assert as_label(text) == expected


@given(st.text(max_size=12))
def test_the_rule_is_the_same_twice_and_leaves_what_is_plain(text: str) -> None:
    once = as_name(text)
    assert as_name(once) == once
    assert as_name(unicodedata.normalize("NFD", text)) == once
    assert as_name(f"\u200b{text}\u00a0") == once


def test_a_label_may_be_missing_or_no_label_at_all() -> None:
    assert "which means missing" in str(fault_of_label("NaN"))
    assert "100,000 characters: is it a text?" in str(fault_of_label("x" * 100_000))
    assert "not Unicode text" in str(fault_of_label("a\ud800"))
    assert fault_of("x" * 100_000) is None, "an id may be a text"
    for label in ("None", "null", "NA", "-1", "no"):
        assert fault_of_label(label) is None


@pytest.mark.parametrize(
    "labels",
    [
        ["card", "refund", "card|refund"],
        ["card", "refund", "card, refund"],
        ["card", "refund", "refund;card"],
        ["['card']", "['refund']", "['card', 'refund']"],
        ["1", "2", "[1, 2]"],
        ["1", "2", "1,2"],
    ],
)
def test_several_labels_in_one_are_another_task(labels: list[str]) -> None:
    with pytest.raises(
        UserError, match=r"^a\.csv: the label .* multi-label tasks are out of scope"
    ):
        check_labels_of("a.csv", labels)


def test_fractions_are_another_task() -> None:
    with pytest.raises(UserError, match=r"^a\.csv: the label '2\.5' is a number .* out of scope"):
        check_labels_of("a.csv", ["1", "2.5", "3"])


@pytest.mark.parametrize(
    "labels",
    [
        ["card", "card, lost"],
        ["yes, please", "no, thanks"],
        ["1", "2", "10"],
        ["-1", "0", "1"],
        ["v2.5", "v3.0"],
        ["3.11", "other"],
        ["inf", "1"],
        ["|", ",", "[]"],
        ["(a)", "a"],
        [],
    ],
)
def test_other_labels_are_taken_as_they_are(labels: list[str]) -> None:
    if labels:
        check_labels_of("a.csv", labels)


def test_labels_that_differ_in_case_are_named_with_their_counts() -> None:
    counts = {"Card": 3, "card": 1_200, "refund": 7, "STRASSE": 1, "stra\u00dfe": 2}
    first, second = case_warnings("a.csv", counts)
    assert "a.csv: " in first
    assert "'Card' (3 rows), 'card' (1,200 rows)" in first
    assert "'STRASSE' (1 rows), 'stra\u00dfe' (2 rows)" in second
    assert case_warnings("a.csv", {"card": 1, "refund": 1}) == []
