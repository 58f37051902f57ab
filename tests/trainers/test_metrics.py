"""Every metric agrees with its textbook definition and keeps the contract of `Metric`."""

from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from search_spaces.errors import UserError
from tests.references.randomization import SCORES
from trainers.records.metrics import METRICS, Metric, Score, score, sum_counts

Labels = NDArray[np.int64]

fixed = settings(derandomize=True, deadline=None, max_examples=80, database=None)


def labels(text: str) -> Labels:
    return np.array([int(c) for c in text])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(4))
def test_the_score_equals_its_definition(metric: str, seed: int) -> None:
    rng, n_classes = np.random.default_rng(seed), 5
    gold = rng.integers(0, n_classes, 60)
    predicted = np.where(rng.random(60) < 0.5, gold, rng.integers(0, n_classes, 60))
    expected = float(SCORES[metric](gold.tolist(), predicted.tolist(), n_classes))
    assert score(metric, gold, predicted, n_classes).value == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("metric", METRICS)
def test_the_sum_of_the_counts_gives_the_score(metric: str) -> None:
    rng, n_classes = np.random.default_rng(7), 5
    gold, predicted = rng.integers(0, n_classes, (2, 40))
    entry = METRICS[metric]
    counts = entry.counts(gold, predicted, n_classes)
    assert counts.dtype == np.int64
    assert counts.shape[0] == 40
    np.testing.assert_array_equal(counts.sum(axis=0), sum_counts(entry, gold, predicted, n_classes))
    values, flags = entry.scores(np.stack([counts.sum(axis=0), counts[:20].sum(axis=0)]))
    assert values.shape == flags.shape == (2,)
    assert score(metric, gold, predicted, n_classes).value == values[0]
    assert score(metric, gold[:20], predicted[:20], n_classes).value == values[1]


@pytest.mark.parametrize("metric", METRICS)
def test_a_name_and_a_perfect_score(metric: str) -> None:
    gold = np.arange(35) % 5
    assert METRICS[metric].name == metric
    assert score(metric, gold, gold, 5) == Score(value=1.0, undefined=False)


@fixed
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=30))
def test_with_two_classes_a_corrected_example_never_lowers_a_score(
    pairs: list[tuple[int, int]],
) -> None:
    gold, predicted = (np.array(side) for side in zip(*pairs, strict=True))
    for metric in METRICS:
        before = score(metric, gold, predicted, 2).value
        for i in np.flatnonzero(gold != predicted):
            better = predicted.copy()
            better[i] = gold[i]
            assert score(metric, gold, better, 2).value >= before - 1e-15


@fixed
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30))
def test_renaming_the_classes_changes_only_f1(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = (np.array(side) for side in zip(*pairs, strict=True))
    for metric in ("accuracy", "mcc", "macro_f1"):
        there = score(metric, gold, predicted, 3)
        back = score(metric, (gold + 1) % 3, (predicted + 1) % 3, 3)
        assert back.value == pytest.approx(there.value, abs=1e-15)
        assert back.undefined == there.undefined


def test_by_hand() -> None:
    gold, predicted = labels("1110010"), labels("1101010")
    assert score("accuracy", gold, predicted, 2).value == 5 / 7
    assert score("f1", gold, predicted, 2).value == 6 / 8
    assert score("mcc", gold, predicted, 2).value == pytest.approx((3 * 2 - 1 * 1) / 12)
    assert score("macro_f1", gold, predicted, 2).value == pytest.approx((6 / 8 + 4 / 6) / 2)


def test_binary_mcc_is_the_correlation_of_the_labels() -> None:
    rng = np.random.default_rng(3)
    gold = rng.integers(0, 2, 500)
    predicted = np.where(rng.random(500) < 0.7, gold, 1 - gold)
    expected = np.corrcoef(gold, predicted)[0, 1]
    assert score("mcc", gold, predicted, 2).value == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize(
    ("metric", "gold", "predicted", "expected"),
    [
        ("f1", "1100", "0000", Score(value=0.0, undefined=True)),
        ("f1", "0000", "0100", Score(value=0.0, undefined=True)),
        ("f1", "0000", "0000", Score(value=0.0, undefined=True)),
        ("f1", "1100", "0011", Score(value=0.0, undefined=False)),
        ("f1", "1100", "1111", Score(value=4 / 6, undefined=False)),
        ("mcc", "1100", "1111", Score(value=0.0, undefined=True)),
        ("mcc", "1111", "1100", Score(value=0.0, undefined=True)),
        ("mcc", "1100", "1010", Score(value=0.0, undefined=False)),
        ("mcc", "1100", "0011", Score(value=-1.0, undefined=False)),
        ("macro_f1", "1100", "1111", Score(value=1 / 3, undefined=True)),
        ("accuracy", "1100", "1111", Score(value=0.5, undefined=False)),
    ],
)
def test_undefined_scores_are_zero_and_flagged(
    metric: str, gold: str, predicted: str, expected: Score
) -> None:
    assert score(metric, labels(gold), labels(predicted), 2) == expected


def test_macro_f1_averages_over_the_whole_label_list() -> None:
    gold = labels("0101")
    assert score("macro_f1", gold, gold, 2).value == 1.0
    assert score("macro_f1", gold, gold, 4) == Score(value=0.5, undefined=True)


def test_a_large_set_does_not_overflow() -> None:
    gold = np.arange(3_000_000) % 2
    assert score("mcc", gold, gold, 2).value == 1.0
    assert score("mcc", gold, 1 - gold, 2).value == -1.0


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_any_integer_type_is_counted_in_64_bits(dtype: type[np.integer]) -> None:
    gold = (np.arange(1000) % 2).astype(dtype)
    assert score("f1", gold, gold, 2).value == 1.0


def test_a_metric_of_ones_own() -> None:
    recall = Metric(
        name="recall",
        title="recall",
        counts=lambda gold, predicted, _: np.stack([gold * predicted, gold], axis=1),
        scores=lambda sums: (sums[..., 0] / sums[..., 1], sums[..., 1] == 0),
    )
    assert score(recall, labels("1101"), labels("1001"), 2).value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("gold", "predicted", "n_classes", "message"),
    [
        ([0, 1], [0], 2, "gold 2, predicted 1"),
        ([], [], 2, "gold: expected a non-empty list"),
        ([0, 1], [0.0, 1.0], 2, "predicted: expected integer labels, got float64"),
        ([0, 1], [0, -1], 2, "predicted: expected labels from 0 up, got -1"),
        ([0, 2], [0, 1], 2, "gold: expected labels below 2, got 2"),
        ([[0], [1]], [0, 1], 2, "got shape"),
    ],
)
def test_wrong_labels(
    gold: list[object], predicted: list[object], n_classes: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        score("f1", cast(Labels, gold), cast(Labels, predicted), n_classes)


def test_an_unknown_metric_names_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown metric 'acuracy'.*did you mean 'accuracy'"):
        score("acuracy", labels("01"), labels("01"), 2)
