"""Metrics of a user's own: a function of the confusion matrix, believed once it was tried."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from reports.statistics.interval import paired_bootstrap
from reports.verdicts.pair_tests import compare_models
from search_spaces.errors import UserError
from search_spaces.sources import Source, find_source, load_object
from trainers.records.metrics import METRICS, OWN_METRICS, Metric, score
from trainers.records.own_metrics import make_metric

KAPPA = '''
"""Agreement beyond chance (Cohen 1960)."""


def kappa(confusion):
    n = confusion.sum((-2, -1))
    right = confusion.diagonal(axis1=-2, axis2=-1).sum(-1) / n
    chance = (confusion.sum(-1) * confusion.sum(-2)).sum(-1) / n**2
    return (right - chance) / (1 - chance)


kappa.title = "Cohen's kappa"
kappa.lowest = -1.0


def one_by_one(confusion):
    """The same for one matrix alone."""
    rows = [sum(row) for row in confusion.tolist()]
    columns = [sum(column) for column in confusion.T.tolist()]
    n = sum(rows)
    right = sum(confusion[k][k] for k in range(len(rows))) / n
    chance = sum(r * c for r, c in zip(rows, columns)) / n**2
    return (right - chance) / (1 - chance) if chance < 1 else float("nan")


one_by_one.lowest = -1


def share(confusion):
    return confusion.diagonal(axis1=-2, axis2=-1).sum(-1) / confusion.sum((-2, -1))
'''


@pytest.fixture(autouse=True)
def nothing_stays_known() -> Iterator[None]:
    yield
    OWN_METRICS.clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agreement.py").write_text(KAPPA)
    return tmp_path


def own(folder: Path, name: str) -> Metric:
    source = find_source(f"./agreement.py@{name}", folder, "metric", METRICS)
    return make_metric(source, load_object(source))


def drawn(n: int, n_classes: int, seed: int, right: float) -> tuple[Any, Any]:
    """Gold and predicted labels, of which about this share agree."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, n_classes, n)
    other = rng.integers(0, n_classes, n)
    return gold, np.where(rng.random(n) < right, gold, other)


def exchanges(first: Any, second: Any) -> Iterator[tuple[Any, Any]]:
    """Every way to exchange two systems' predictions where they differ; first as they are."""
    moved = np.flatnonzero(first != second)
    for mask in range(2 ** len(moved)):
        swapped = moved[[bool(mask >> k & 1) for k in range(len(moved))]]
        one, other = first.copy(), second.copy()
        one[swapped], other[swapped] = second[swapped], first[swapped]
        yield one, other


@pytest.mark.parametrize("name", ["kappa", "one_by_one"])
@pytest.mark.parametrize("n_classes", [2, 3, 12])
def test_it_scores_as_scikit_learn_does(folder: Path, name: str, n_classes: int) -> None:
    metric = own(folder, name)
    assert metric.name in OWN_METRICS
    for seed in range(5):
        gold, predicted = drawn(200, n_classes, seed, 0.5)
        found = score(metric, gold, predicted, n_classes)
        assert found.value == pytest.approx(cohen_kappa_score(gold, predicted), abs=1e-12)
        assert not found.undefined
    assert score(metric, [1, 1], [1, 1], n_classes).undefined, "0/0 is undefined, and 0"
    assert score(metric.name, [0, 1], [0, 1], n_classes).value == 1


def test_one_that_takes_matrices_at_once_is_found_out(folder: Path) -> None:
    assert own(folder, "kappa").scores.at_once  # type: ignore[attr-defined]
    assert not own(folder, "one_by_one").scores.at_once  # type: ignore[attr-defined]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_its_p_value_is_that_of_all_exchanges(folder: Path, n_classes: int) -> None:
    """Against every one of 2^d exchanges, each scored by scikit-learn."""
    gold, first = drawn(40, n_classes, 3, 0.6)
    second = first.copy()
    at = np.arange(0, 27, 3)
    second[at] = gold[at]
    deltas = [
        cohen_kappa_score(gold, other) - cohen_kappa_score(gold, one)
        for one, other in exchanges(first, second)
    ]
    expected = np.mean(np.abs(deltas) >= abs(deltas[0]) - 1e-12)
    found = compare_models(gold, first, second, metric=own(folder, "kappa"), n_classes=n_classes)
    assert found.test == "fisher-exact"
    assert found.p_value == pytest.approx(expected, rel=1e-9)


def test_a_sampled_p_value_and_an_interval(folder: Path) -> None:
    """The share of right answers, once as ours and once as a user's: the same test, sampled."""
    gold, first = drawn(400, 12, 5, 0.6)
    second = np.where(np.random.default_rng(6).random(400) < 0.15, gold, first)
    metric = own(folder, "share")
    found = compare_models(gold, first, second, metric=metric, n_classes=12)
    exact = compare_models(gold, first, second, metric="accuracy", n_classes=12)
    assert found.delta == pytest.approx(exact.delta)
    if found.standard_error:
        assert abs(found.p_value - exact.p_value) < 4 * found.standard_error + 2e-4
    interval = paired_bootstrap(gold, first, second, metric=metric, n_classes=12)
    same = paired_bootstrap(gold, first, second, metric="accuracy", n_classes=12)
    assert (interval.low, interval.high) == pytest.approx((same.low, same.high), abs=0.01)


def test_two_labels_need_not_rise_with_every_right_answer(folder: Path) -> None:
    """The bisection of shipped metrics would be wrong: all exchanges are counted instead."""
    (folder / "agreement.py").write_text(
        "def odd(confusion):\n    return 1.0 * (confusion[..., 0, 0] % 2)\n"
    )
    gold = np.array([0] * 8 + [1] * 8)
    first, second = gold.copy(), gold.copy()
    for side, wrong in ((first, [0, 8]), (second, [1, 2, 3, 4, 9])):
        side[wrong] = 1 - side[wrong]
    deltas = []
    for one, other in exchanges(first, second):
        right = [int(((gold == 0) & (side == 0)).sum() % 2) for side in (one, other)]
        deltas.append(right[1] - right[0])
    expected = np.mean(np.abs(deltas) >= abs(deltas[0]))
    found = compare_models(gold, first, second, metric=own(folder, "odd"), n_classes=2)
    assert found.p_value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("kappa = 3", ["metric kappa", "not a function of a confusion matrix"]),
        ("def kapa(c): return 0", ["no kappa", "did you mean kapa"]),
        ("def kappa(c): return 1 / 0", ["metric kappa", "ZeroDivisionError"]),
        ("def kappa(c): return 'x'", ["metric kappa", "could not convert string"]),
        ("def kappa(c): return c", ["expected one number, got an array of (2, 2)"]),
        ("import random\ndef kappa(c): return random.random()", ["two values for the same"]),
        ("def kappa(c): raise SystemExit", ["metric kappa", "SystemExit"]),
        ("def kappa(c): return 2.0", ["expected 0 to 1, got 2"]),
        ("def kappa(c): return -0.5", ["got -0.5", "kappa.lowest = -1"]),
        ("def kappa(c): return 0\nkappa.lowest = 'low'", ["lowest must be between -1 and 0"]),
        ("def kappa(c):\nreturn 0", ["agreement.py, line 2", "not Python"]),
    ],
)
def test_what_is_no_metric_is_told(folder: Path, code: str, expected: list[str]) -> None:
    (folder / "agreement.py").write_text(code + "\n")
    with pytest.raises(UserError) as error:
        own(folder, "kappa")
    for part in expected:
        assert part in str(error.value)


def test_a_shipped_metric_s_name_is_taken(folder: Path) -> None:
    with pytest.raises(UserError, match="a shipped metric has this name"):
        find_source("./agreement.py@accuracy", folder, "metric", METRICS)


def test_other_code_is_another_metric(folder: Path) -> None:
    def source() -> Source:
        return find_source("./agreement.py@kappa", folder, "metric", METRICS)

    before = source().code
    (folder / "agreement.py").write_text(KAPPA + "\n")
    assert source().code != before


def test_a_function_that_changes_its_matrix_changes_no_count(folder: Path) -> None:
    (folder / "agreement.py").write_text(
        "def half(c):\n    c *= 0\n    return 0.5 + 0 * c.sum((-2, -1))\n"
    )
    metric, sums = own(folder, "half"), np.arange(8).reshape(2, 4)
    before = sums.copy()
    metric.scores(sums)
    assert np.array_equal(sums, before)
