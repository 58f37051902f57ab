"""Labels: what looks the same is the same, and what is another kind of task is said to be."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import UserError
from trainers.data.labels import (
    check_label_set,
    find_label_fault,
    find_name_fault,
    normalise_label,
    normalise_name,
    warn_about_case,
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
    assert normalise_label(f"{mark}card {mark}lost{mark}{mark}") == f"card {mark}lost"
    assert find_label_fault(normalise_label(mark * 2)) == "is empty"


def test_a_label_is_one_in_every_unicode_form() -> None:
    assert normalise_label("cafe\u0301") == normalise_label("caf\u00e9") == "caf\u00e9"


def test_marks_within_a_word_and_flags_stay() -> None:
    persian, england = (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f3f4\U000e0067\U000e007f",
    )
    assert normalise_label(persian) == persian
    assert normalise_label(england) == england


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
    assert normalise_label(text) == expected


@given(st.text(max_size=12))
def test_the_rule_is_the_same_twice_and_leaves_what_is_plain(text: str) -> None:
    once = normalise_name(text)
    assert normalise_name(once) == once
    assert normalise_name(unicodedata.normalize("NFD", text)) == once
    assert normalise_name(f"\u200b{text}\u00a0") == once


def test_a_label_may_be_missing_or_no_label_at_all() -> None:
    assert "which means missing" in str(find_label_fault("NaN"))
    assert "100,000 characters: is it a text?" in str(find_label_fault("x" * 100_000))
    assert "not Unicode text" in str(find_label_fault("a\ud800"))
    assert find_name_fault("x" * 100_000) is None, "an id may be a text"
    for label in ("None", "null", "NA", "-1", "no"):
        assert find_label_fault(label) is None


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
        UserError, match=r"^a\.csv: the label .* multi-label tasks are not supported"
    ):
        check_label_set("a.csv", labels)


def test_fractions_are_another_task() -> None:
    with pytest.raises(
        UserError, match=r"^a\.csv: .*'2\.5' has a fraction: regression is not supported"
    ):
        check_label_set("a.csv", ["1", "2.5", "3"])


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
        check_label_set("a.csv", labels)


def test_labels_that_differ_in_case_are_named_with_their_counts() -> None:
    counts = {"Card": 3, "card": 1_200, "refund": 7, "STRASSE": 1, "stra\u00dfe": 2}
    first, second = warn_about_case("a.csv", counts)
    assert "a.csv: " in first
    assert "'Card' (3 rows), 'card' (1,200 rows)" in first
    assert "'STRASSE' (1 rows), 'stra\u00dfe' (2 rows)" in second
    assert warn_about_case("a.csv", {"card": 1, "refund": 1}) == []
