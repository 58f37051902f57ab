"""Fisher's randomization test agrees with brute force and with scipy."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from reports.statistics.randomization import BLOCK, binomial
from reports.statistics.significance import fisher_randomization
from tests.references.randomization import brute_force_p
from tests.reports.pairs import Labels, Triple, arrays, pair
from trainers.records.metrics import METRICS


def expected_p(metric: str, triple: Triple, n_classes: int) -> float:
    gold, baseline, system = (labels.tolist() for labels in triple)
    return float(brute_force_p(metric, gold, baseline, system, n_classes))


EDGES = {
    "one discordant": arrays("0101", "0101", "0100"),
    "constant system": arrays("110100", "110010", "111111"),
    "system predicts no positive": arrays("110100", "110010", "000000"),
    "both constant": arrays("1101", "1111", "0000"),
    "no gold positive": arrays("000000", "110010", "000111"),
    "all gold positive": arrays("111111", "110010", "000111"),
    "tied scores": arrays("0011", "0110", "0101"),
    "all wrong against all right": arrays("010101", "101010", "010101"),
    "a single example": arrays("1", "0", "1"),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("case", EDGES)
def test_edge_cases_equal_brute_force(metric: str, case: str) -> None:
    ours = fisher_randomization(*EDGES[case], metric, 2)
    assert ours.test == "fisher-exact"
    assert ours.p_value == pytest.approx(expected_p(metric, EDGES[case], 2), abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(6))
def test_binary_equals_brute_force(metric: str, seed: int) -> None:
    triple = pair(16 + seed, 4 + seed, 2, seed)
    expected = expected_p(metric, triple, 2)
    assert fisher_randomization(*triple, metric, 2).p_value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", ["accuracy", "mcc", "macro_f1"])
@pytest.mark.parametrize(("n_classes", "seed"), [(3, 0), (3, 1), (4, 2), (6, 3)])
def test_multi_class_equals_brute_force(metric: str, n_classes: int, seed: int) -> None:
    triple = pair(14, 8, n_classes, seed, right=0.5)
    expected = expected_p(metric, triple, n_classes + 1)
    ours = fisher_randomization(*triple, metric, n_classes + 1)
    assert ours.test == "fisher-exact"
    assert ours.p_value == pytest.approx(expected, abs=1e-12)


def test_a_hand_made_case() -> None:
    """Accuracy, three examples won and none lost: 2 of 8 swaps reach the difference."""
    gold, baseline, system = arrays("1111", "0001", "1111")
    assert brute_force_p("accuracy", [1] * 4, [0, 0, 0, 1], [1] * 4, 2) == Fraction(2, 8)
    ours = fisher_randomization(gold, baseline, system, "accuracy")
    assert (ours.p_value, ours.delta, ours.discordant, ours.n) == (0.25, 0.75, 3, 4)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(3))
def test_the_grid_equals_the_sum_over_its_points(metric: str, seed: int) -> None:
    """Bisection against every point of the grid, at a size that 2^d cannot reach."""
    gold, baseline, system = pair(300, 90, 2, seed)
    score, n = METRICS[metric], [0, 0]
    for label in (0, 1):
        n[label] = int(((baseline != system) & (gold == label)).sum())
    k1, k0 = (k.ravel() for k in np.meshgrid(np.arange(n[1] + 1), np.arange(n[0] + 1)))

    def scores(right1: Labels, right0: Labels) -> NDArray[np.float64]:
        counts = {}
        for g, p in ((1, 1), (0, 0), (1, 0), (0, 1)):
            same = int(((baseline == system) & (gold == g) & (system == p)).sum())
            moving = {(1, 1): right1, (0, 0): right0, (1, 0): n[1] - right1, (0, 1): n[0] - right0}
            counts[g, p] = same + moving[g, p]
        cells = [
            counts[g, p][:, None] * score.counts(np.array([g]), np.array([p]), 2) for g, p in counts
        ]
        return score.scores(np.sum(cells, axis=0))[0]

    delta = np.abs(scores(k1, k0) - scores(n[1] - k1, n[0] - k0))
    weight = stats.binom.pmf(k1, n[1], 0.5) * stats.binom.pmf(k0, n[0], 0.5)
    ours = fisher_randomization(gold, baseline, system, metric, 2)
    expected = weight[delta >= abs(ours.delta) - 1e-12].sum()
    assert ours.p_value == pytest.approx(expected, abs=1e-12)


def test_binary_f1_agrees_with_scipy_permutation_test() -> None:
    """Scipy enumerates all 2^12 swaps of the paired labels."""
    gold, baseline, system = pair(12, 6, 2, 5)
    samples: list[Labels] = [baseline, system]

    def delta(a: Labels, b: Labels, axis: int) -> NDArray[np.float64]:
        tp_a, tp_b = (a * gold).sum(axis), (b * gold).sum(axis)
        positives = gold.sum()
        return np.asarray(
            2 * tp_b / (b.sum(axis) + positives) - 2 * tp_a / (a.sum(axis) + positives)
        )

    theirs = stats.permutation_test(
        samples, delta, permutation_type="samples", n_resamples=2**13, vectorized=True
    )
    ours = fisher_randomization(gold, baseline, system, "f1")
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-9)


@pytest.mark.parametrize("metric", ["mcc", "macro_f1"])
def test_monte_carlo_agrees_with_sampling_the_definition(metric: str) -> None:
    """One coin per example, as the definition says, within five standard errors."""
    gold, baseline, system = pair(200, 60, 5, 8)
    ours = fisher_randomization(gold, baseline, system, metric, 5, resamples=4000, seed=3)
    coins = np.random.default_rng(4).random((4000, 200)) < 0.5
    one = np.where(coins, system, baseline)
    other = np.where(coins, baseline, system)
    score = METRICS[metric]

    def scores(rows: Labels) -> NDArray[np.float64]:
        return score.scores(np.stack([score.counts(gold, row, 5).sum(axis=0) for row in rows]))[0]

    reached = np.abs(scores(one) - scores(other)) >= abs(ours.delta) - 1e-12
    p = (1 + reached.sum()) / 4001
    assert (ours.test, ours.resamples, ours.seed) == ("fisher-mc", 4000, 3)
    assert ours.p_value == pytest.approx(p, abs=5 * (2 * p * (1 - p) / 4000) ** 0.5)
    assert ours.p_value > 0.02  # a comparison of two tiny numbers would show nothing


def test_monte_carlo_repeats_with_its_seed_and_never_reaches_zero() -> None:
    gold = np.arange(300) % 5
    system, baseline = gold.copy(), (gold + np.arange(300) % 4 + 1) % 5
    first = fisher_randomization(gold, baseline, system, "mcc", resamples=99, seed=1)
    again = fisher_randomization(gold, baseline, system, "mcc", resamples=99, seed=1)
    assert first == again
    assert first.p_value == 1 / 100
    assert first.standard_error == pytest.approx((0.01 * 0.99 / 99) ** 0.5)
    assert first.signature().endswith("|p:0.01|se:0.01|R:99|seed:1")


@pytest.mark.parametrize("size", [1, 63, 64, 65, 200])
def test_sampled_categories_of_any_size_follow_the_exact_distribution(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels 0 and 1 of 3, one category per gold label, below and above the bits of a word."""
    gold = np.repeat([0, 1, 2], [size, 2 * size, 40])
    baseline, system = gold.copy(), gold.copy()
    won = np.random.default_rng(1).random(3 * size) < 0.54
    baseline[: 3 * size][won] = 1 - baseline[: 3 * size][won]
    system[: 3 * size][~won] = 1 - system[: 3 * size][~won]
    exact = fisher_randomization(gold, baseline, system, "mcc", 3)
    monkeypatch.setattr("reports.statistics.randomization.MAX_EXACT", 0)
    sampled = fisher_randomization(gold, baseline, system, "mcc", 3, resamples=20_000)
    assert (exact.test, sampled.test) == ("fisher-exact", "fisher-mc")
    assert exact.p_value > 0.001
    error = (exact.p_value * (1 - exact.p_value) / 20_000) ** 0.5 + 1 / 20_000
    assert sampled.p_value == pytest.approx(exact.p_value, abs=5 * error)


def test_many_classes_are_sampled_sooner() -> None:
    """18 categories of one example: exact with 3 unused classes, too wide an outcome with 150."""
    gold = np.arange(40) % 20
    baseline, system = gold.copy(), gold.copy()
    baseline[:11] += 1
    system[11:18] += 1
    exact, sampled = (fisher_randomization(gold, baseline, system, "mcc", c) for c in (23, 150))
    assert (exact.test, sampled.test) == ("fisher-exact", "fisher-mc")
    assert exact.standard_error is None
    assert sampled.standard_error is not None
    assert 0 < exact.p_value < 1
    assert sampled.p_value == pytest.approx(exact.p_value, abs=5 * sampled.standard_error)


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    triple = pair(300, 120, 4, 11)
    whole = fisher_randomization(*triple, "mcc", resamples=500, seed=2)
    monkeypatch.setattr("reports.statistics.randomization.BLOCK", BLOCK // 2**9)
    assert fisher_randomization(*triple, "mcc", resamples=500, seed=2) == whole


@pytest.mark.parametrize("metric", METRICS)
def test_a_copy_of_the_baseline_is_never_significant(metric: str) -> None:
    gold, baseline, _ = pair(30, 0, 2, 0)
    ours = fisher_randomization(gold, baseline, baseline.copy(), metric, 2)
    assert (ours.p_value, ours.discordant, ours.delta) == (1.0, 0, 0.0)


@pytest.mark.parametrize("metric", ["f1", "mcc"])
def test_under_the_null_the_test_keeps_its_level(metric: str) -> None:
    rng, rejected = np.random.default_rng(0), 0
    for _ in range(400):
        gold = rng.integers(0, 2, 200)
        one, other = (np.where(rng.random(200) < 0.8, gold, 1 - gold) for _ in range(2))
        rejected += fisher_randomization(gold, one, other, metric).p_value <= 0.05
    assert 0.02 < rejected / 400 < 0.08


@pytest.mark.parametrize("n", [0, 1, 2, 7, 130, 1938, 40_431])
def test_binomial_probabilities(n: int) -> None:
    k = np.arange(n + 1)
    np.testing.assert_allclose(binomial(n), stats.binom.pmf(k, n, 0.5), rtol=1e-9, atol=1e-300)
    np.testing.assert_array_equal(binomial(n), binomial(n)[::-1])


def test_a_class_that_never_occurs_counts_in_macro_f1_only_when_it_is_listed() -> None:
    triple = arrays("0101", "0100", "0101")
    two, three = (fisher_randomization(*triple, "macro_f1", c) for c in (2, 3))
    assert two.system_score == 1.0
    assert three.system_score == pytest.approx(2 / 3)
    assert (two.undefined, three.undefined) == ((), ("baseline", "system"))
