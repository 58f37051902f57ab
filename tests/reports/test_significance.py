"""Paired tests agree with scipy and statsmodels, and keep their properties."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from reports.statistics.significance import (
    MCNEMAR_METHODS,
    Comparison,
    benjamini_hochberg,
    fisher_randomization,
    holm,
    mcnemar,
)
from search_spaces.errors import UserError
from tests.reports.pairs import Labels, Triple, arrays, counted, pair, triples
from trainers.records.metrics import METRICS, Values

fixed = settings(derandomize=True, deadline=None, max_examples=60, database=None)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_fisher_on_accuracy_is_exact_mcnemar(n_classes: int) -> None:
    for seed in range(5):
        triple = pair(400, 120, n_classes, seed)
        fisher, exact = fisher_randomization(*triple, "accuracy"), mcnemar(*triple)
        assert fisher.p_value == pytest.approx(exact.p_value, abs=1e-12)
        assert (fisher.delta, fisher.discordant) == (exact.delta, exact.discordant)


@pytest.mark.parametrize(("b", "c"), [(1, 0), (3, 9), (20, 20), (41, 22), (900, 1038)])
def test_mcnemar_agrees_with_statsmodels_and_scipy(b: int, c: int) -> None:
    table = [[5, b], [c, 0]]
    triple = counted(b, c)
    exact, chi2 = mcnemar(*triple), mcnemar(*triple, "chi2")
    assert exact.p_value == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue, abs=1e-9)
    assert exact.p_value == pytest.approx(stats.binomtest(b, b + c).pvalue, abs=1e-9)
    # R's mcnemar.test corrects no difference of 0; statsmodels takes it for one of 1.
    theirs = statsmodels_mcnemar(table, exact=False, correction=b != c).pvalue
    assert chi2.p_value == pytest.approx(theirs, abs=1e-9)
    assert exact.discordant == chi2.discordant == b + c


@pytest.mark.parametrize(("b", "c"), [(1, 0), (3, 9), (20, 20), (30, 41)])
def test_mid_p_is_the_exact_p_less_half_of_each_tied_outcome(b: int, c: int) -> None:
    outcomes = np.arange(b + c + 1)
    far = np.abs(2 * outcomes - (b + c))
    mass = stats.binom.pmf(outcomes, b + c, 0.5)
    expected = mass[far > abs(b - c)].sum() + mass[far == abs(b - c)].sum() / 2
    expected = 1.0 if b == c else expected
    assert mcnemar(*counted(b, c), "mid-p").p_value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("method", MCNEMAR_METHODS)
def test_without_discordant_examples_p_is_one(method: str) -> None:
    gold, baseline, _ = pair(30, 0, 2, 0)
    ours = mcnemar(gold, baseline, baseline, method)
    assert (ours.p_value, ours.discordant, ours.delta) == (1.0, 0, 0.0)


@fixed
@given(triples())
def test_exchanging_the_systems_flips_delta_and_keeps_p(case: tuple[Triple, int]) -> None:
    (gold, baseline, system), n_classes = case
    for metric in [name for name in METRICS if name != "f1" or n_classes == 2]:
        there = fisher_randomization(gold, baseline, system, metric, n_classes, resamples=200)
        back = fisher_randomization(gold, system, baseline, metric, n_classes, resamples=200)
        assert there.delta == -back.delta
        assert 0 < there.p_value <= 1
        slack = 1e-12 if there.test == "fisher-exact" else 0.25
        assert there.p_value == pytest.approx(back.p_value, abs=slack)
    for method in MCNEMAR_METHODS:
        there = mcnemar(gold, baseline, system, method)
        assert there.p_value == mcnemar(gold, system, baseline, method).p_value
        assert 0 < there.p_value <= 1


@fixed
@given(triples())
def test_the_order_of_examples_does_not_matter(case: tuple[Triple, int]) -> None:
    (gold, baseline, system), n_classes = case
    order = np.random.default_rng(len(gold)).permutation(len(gold))
    for metric in ("accuracy", "mcc", "macro_f1"):
        a = fisher_randomization(gold, baseline, system, metric, n_classes, resamples=50)
        b = fisher_randomization(
            gold[order], baseline[order], system[order], metric, n_classes, resamples=50
        )
        assert a == b


def test_thousands_of_one_sided_wins_stay_above_zero() -> None:
    gold, baseline, system = counted(0, 5000)
    assert 0 < mcnemar(gold, baseline, system).p_value < 1e-300
    assert 0 < fisher_randomization(gold, baseline, system, "f1").p_value < 1e-300


def test_signature_and_flags() -> None:
    gold, baseline, system = arrays("110100", "110010", "000000")
    ours = fisher_randomization(gold, baseline, system, "mcc")
    assert ours.undefined == ("system",)
    assert ours.signature() == (
        "metric:mcc|test:fisher-exact|alt:two|tie:>=|undef:0|undefined:system|N:6|d:3|p:1"
    )
    mid = mcnemar(*counted(3, 9), "mid-p").signature()
    assert mid == "metric:accuracy|test:mcnemar-mid-p|alt:two|tie:half|undef:0|N:17|d:12|p:0.09229"


def test_a_comparison_is_frozen_and_keyword_only() -> None:
    ours = mcnemar(*counted(3, 9))
    with pytest.raises(AttributeError):
        setattr(ours, "p_value", 0.0)  # noqa: B010
    with pytest.raises(TypeError):
        Comparison("accuracy")  # type: ignore[call-arg]


good = np.array([0, 1, 1])


@pytest.mark.parametrize(
    ("system", "metric", "n_classes", "message"),
    [
        (np.array([0, 1]), "f1", None, "gold 3, baseline 3, system 2"),
        (np.array([0.0, 1.0, 1.0]), "f1", None, "system: expected integer labels, got float64"),
        (np.array([True, False, True]), "f1", None, "expected integer labels, got bool"),
        (np.array([0, -1, 1]), "f1", None, "system: expected labels from 0 up, got -1"),
        (np.array([[0, 1, 1]]), "f1", None, "got shape"),
        (np.array([], dtype=np.int64), "f1", None, "non-empty"),
        (np.array([0, 2, 1]), "mcc", 2, "system: expected labels below 2, got 2"),
        (good, "macro_f1", None, "pass n_classes"),
    ],
)
def test_wrong_labels(system: Labels, metric: str, n_classes: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fisher_randomization(good, good, system, metric, n_classes)


def test_wrong_names_and_numbers() -> None:
    with pytest.raises(UserError, match=r"unknown metric 'macrof1'.*macro_f1"):
        fisher_randomization(good, good, good, "macrof1")
    with pytest.raises(UserError, match=r"unknown McNemar method 'midp'.*mid-p"):
        mcnemar(good, good, good, "midp")
    with pytest.raises(ValueError, match="resamples: expected at least 1, got 0"):
        fisher_randomization(good, good, good, "f1", resamples=0)
    with pytest.raises(ValueError, match="got shape"):
        mcnemar([], [], [])


def closed_bonferroni(p: Values) -> list[float]:
    """Holm's procedure as the closure of Bonferroni's: the worst family that a hypothesis is in."""
    others = [set(range(p.size)) - {place} for place in range(p.size)]
    return [
        max(
            min(1.0, (size + 1) * float(min([p[place], *p[list(family)]])))
            for size in range(p.size)
            for family in combinations(others[place], size)
        )
        for place in range(p.size)
    ]


def test_holm_by_hand_and_against_its_definition() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    p = np.random.default_rng(0).random(8) ** 3
    p[3] = p[5]
    np.testing.assert_allclose(holm(p), closed_bonferroni(p), atol=1e-15)


def test_benjamini_hochberg_by_hand_and_against_scipy() -> None:
    by_hand = benjamini_hochberg([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(by_hand, [0.02, 0.04, 0.04, 0.02])
    p = np.random.default_rng(0).random(50) ** 3
    p[10] = p[20]
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), atol=1e-15)
    assert (benjamini_hochberg(p) <= holm(p)).all()


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_edges_of_corrections(adjust: Callable[[list[float]], Values]) -> None:
    assert adjust([]).shape == (0,)
    assert adjust([0.2]).tolist() == [0.2]
    assert adjust([1.0, 0.9]).tolist() == [1.0, 1.0]
    for wrong in (float("nan"), -0.1, 1.1):
        with pytest.raises(ValueError, match="expected a list of p-values"):
            adjust([0.5, wrong])
