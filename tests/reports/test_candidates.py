"""Candidates are joined by example id, and what cannot be compared is refused by name."""

from dataclasses import replace

import numpy as np
import pytest

from reports.results.predictions import gather
from reports.statistics.candidates import Candidates, Scores, align_candidates
from reports.statistics.design import Design
from search_spaces.errors import UserError
from tests.reports.cells import candidates
from trainers.records.metrics import get_metric, score
from trainers.records.outcome import Predictions

GOLD = np.array([0, 1, 1, 0, 1])
ROWS = np.array([[0, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 0, 1]])


def stored(row: int, order: list[int], **changes: object) -> Predictions:
    whole = Predictions(
        ids=[f"id-{place}" for place in order],
        gold=GOLD[order],
        logits=np.eye(2, dtype=np.float32)[ROWS[row, order]],
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def join(predictions: dict[str, Predictions | None], metric: str = "mcc") -> Candidates:
    return gather("rte/tiny/cat", predictions, metric=metric, n_classes=2, design=Design(failed=1))


def test_trials_are_joined_by_id() -> None:
    found = join({"a": stored(0, [0, 1, 2, 3, 4]), "b": stored(2, [4, 2, 0, 1, 3])})
    np.testing.assert_array_equal(found.predicted, ROWS[[0, 2]])
    assert found.trials == ("a", "b")
    assert found.scores.budget == 3


def test_scores_flags_and_best() -> None:
    found = join({"a": stored(0, [0, 1, 2, 3, 4]), "b": stored(1, [0, 1, 2, 3, 4])})
    expected = [score("mcc", GOLD, row, 2).value for row in ROWS[:2]]
    assert found.scores.values.tolist() == expected
    assert found.undefined == ("b",)
    assert found.best == 0
    assert candidates(GOLD, ROWS[[1, 0, 0]], "f1").best == 1


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (None, "trial b has no predictions on this split"),
        (stored(1, [0, 1, 2, 3]), "trials a and b: example 'id-4' is in only one"),
        (stored(1, [0, 1, 2, 3, 3]), "trials a and b: "),
        (stored(1, [0, 1, 2, 3, 4], gold=1 - GOLD), "trials a and b: example 'id-0' has two diff"),
    ],
)
def test_trials_that_do_not_fit(second: Predictions | None, message: str) -> None:
    with pytest.raises(UserError, match=f"^rte/tiny/cat: {message}"):
        join({"a": stored(0, [0, 1, 2, 3, 4]), "b": second})


def test_an_empty_cell_and_one_trial() -> None:
    with pytest.raises(UserError, match="rte/tiny/cat: no finished trial to choose from"):
        join({})
    assert join({"a": stored(0, [0, 1, 2, 3, 4])}).scores.values.shape == (1,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": ("a", "b", "a")}, "cat: trial 'a' occurs 2 times, expected once"),
        ({"ids": ("1", "2", "3", "4", "4")}, "cat: example '4' occurs 2 times"),
        ({"trials": ("a", "b")}, r"expected predictions of shape .2, 5."),
        ({"gold": GOLD[:4]}, r"got shapes \(3, 5\) and \(4,\)"),
        ({"gold": GOLD + 1}, "gold has labels 1 .. 2, expected 0 .. 1"),
        ({"predicted": ROWS - 1}, "trial cat-0 has labels -1 .. 0"),
        (
            {"n_classes": 3, "metric": replace(get_metric("f1"), max_classes=2)},
            "f1 is not defined for 3 classes",
        ),
        ({"trials": (), "predicted": ROWS[:0]}, "expected trials and examples, got none"),
        ({"ids": (), "gold": GOLD[:0], "predicted": ROWS[:, :0]}, "got none"),
    ],
)
def test_candidates_that_do_not_fit(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        replace(candidates(GOLD, ROWS), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ("id-0", "id-1", "id-2", "id-3", "id-9")}, "example 'id-4' is in only one"),
        ({"ids": tuple("vwxyz")}, "cannot be aligned: example 'id-0' is in only one"),
        (
            {"gold": 1 - GOLD},
            "standard and cat cannot be aligned: example 'id-0' has two different gold",
        ),
        ({"metric": get_metric("mcc")}, "scored with different metrics or labels"),
        ({"n_classes": 5}, "scored with different metrics or labels"),
    ],
)
def test_two_cells_that_do_not_fit(changes: dict[str, object], message: str) -> None:
    first, second = candidates(GOLD, ROWS, cell="standard"), candidates(GOLD, ROWS)
    with pytest.raises(UserError, match=message):
        align_candidates(first, replace(second, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_score_that_is_no_number(value: float) -> None:
    with pytest.raises(UserError, match=f"cat: setting 1 has the score {value}"):
        Scores(cell="cat", values=np.array([0.5, value]), design=Design())


def test_no_scores() -> None:
    with pytest.raises(UserError, match="cat: no finished trial to choose from"):
        Scores(cell="cat", values=np.array([]), design=Design(failed=3))
