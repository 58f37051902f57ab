"""The bootstrap interval agrees with drawing examples one by one, and covers what it should."""

import numpy as np
import pytest

from reports.statistics import interval
from reports.statistics.interval import paired_bootstrap
from search_spaces.errors import UserError
from tests.reports.pairs import pair
from trainers.records.metrics import METRICS, score


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_equals_drawing_examples_one_by_one(metric: str, n_classes: int) -> None:
    if METRICS[metric].needs_positive and n_classes > 2:
        n_classes = 2
    gold, baseline, system = pair(120, 40, n_classes, 5)
    ours = paired_bootstrap(gold, baseline, system, metric, n_classes, level=0.8, resamples=8000)
    rng, deltas = np.random.default_rng(0), []
    for _ in range(3000):
        rows = rng.integers(0, 120, 120)
        values = [score(metric, gold[rows], s[rows], n_classes).value for s in (baseline, system)]
        deltas.append(values[1] - values[0])
    low, high = np.quantile(deltas, [0.1, 0.9])
    width = high - low
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.08 * width)


@pytest.mark.parametrize("times", [[1, 2, 5], [40, 20], [40, 3, 9, 1, 7]])
def test_rare_and_frequent_examples_are_drawn_alike(times: list[int]) -> None:
    """A multinomial's mean and covariance, whichever way each example is drawn."""
    n, share = sum(times), np.array(times) / sum(times)
    found = interval._sample_counts(np.array(times), 20_000, *np.random.default_rng(2).spawn(2))
    assert set(found.sum(axis=1)) == {n}
    assert found.mean(axis=0) == pytest.approx(n * share, rel=0.05)
    expected = n * (np.diag(share) - np.outer(share, share))
    assert np.cov(found.T) == pytest.approx(expected, abs=0.05 * expected.max())


def test_it_covers_the_true_difference() -> None:
    rng, covered = np.random.default_rng(1), 0
    for seed in range(200):
        gold = rng.integers(0, 2, 300)
        baseline = np.where(rng.random(300) < 0.8, gold, 1 - gold)
        system = np.where(rng.random(300) < 0.85, gold, 1 - gold)
        found = paired_bootstrap(gold, baseline, system, level=0.9, resamples=400, seed=seed)
        covered += found.low <= 0.05 <= found.high
    assert 0.84 < covered / 200 < 0.96


def test_blocks_do_not_change_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    triple = pair(100, 40, 3, 5)
    whole = paired_bootstrap(*triple, "mcc", resamples=300)
    monkeypatch.setattr(interval, "BLOCK", 500)
    assert paired_bootstrap(*triple, "mcc", resamples=300) == whole
    assert paired_bootstrap(*triple, "mcc", resamples=300, seed=1) != whole


def test_equal_systems_have_a_zero_interval() -> None:
    gold, baseline, _ = pair(50, 0, 2, 0)
    found = paired_bootstrap(gold, baseline, baseline, "f1")
    assert (found.low, found.high) == (0.0, 0.0)


def test_wrong_input() -> None:
    triple = pair(20, 4, 2, 0)
    with pytest.raises(ValueError, match="level"):
        paired_bootstrap(*triple, level=95)
    with pytest.raises(ValueError, match="resamples"):
        paired_bootstrap(*triple, resamples=0)
    with pytest.raises(UserError, match="unknown metric"):
        paired_bootstrap(*triple, "f2")
