"""The crossed test: worked numbers, an exact slow reference, a mixed model, and what is refused."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from statsmodels.regression.mixed_linear_model import MixedLM

from reports.statistics.across_tasks import (
    average_gain,
    equivalence,
    replicability,
    win_probability,
)
from reports.statistics.method_test import Gain, method_test
from search_spaces.errors import UserError
from tests.references import method_test as slow
from tests.references.randomization import SCORES
from trainers.records.metrics import METRICS


def fractions(rows: object) -> list[list[Fraction]]:
    return [[Fraction(value) for value in row] for row in np.asarray(rows).tolist()]


def rights(seed: int, seeds: int, n: int, *, spread: float = 0.5) -> np.ndarray:
    """Seeds and examples that both matter: (seeds, n) of 0 and 1."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, spread, (seeds, 1)) + rng.normal(0.8, 1, n) + rng.normal(0, 1, (seeds, n))
    return (level > 0).astype(int)


def test_the_worked_numbers() -> None:
    found = method_test([[1, 1, 1, 0], [1, 1, 0, 0]], [[1, 0, 1, 0], [0, 1, 0, 0]])
    assert found.delta == 0.25
    effects = found.effects
    assert round(effects.examples, 7) == 0.0208333
    assert (effects.seeds_a, effects.seeds_b) == (0.015625, 0.015625)
    assert effects.residual_a == 0.015625
    assert round(effects.residual_b, 7) == 0.0572917
    assert round(effects.unbiased, 7) == -0.0208333
    assert effects.variance == pytest.approx(0.03125)
    assert found.standard_error == pytest.approx(0.03125**0.5)


@pytest.mark.parametrize(("s_a", "s_b", "n"), [(2, 2, 4), (3, 5, 9), (10, 2, 30), (4, 4, 60)])
def test_the_parts_are_those_of_the_sums_over_cells(s_a: int, s_b: int, n: int) -> None:
    a, b = rights(1, s_a, n), rights(2, s_b, n)
    found, expected = method_test(a, b), slow.parts(fractions(a), fractions(b))
    for name in ("examples", "seeds_a", "seeds_b", "residual_a", "residual_b"):
        assert getattr(found.effects, name) == pytest.approx(float(expected[name]), abs=1e-15)
    assert found.effects.variance == pytest.approx(float(expected["variance"]), abs=1e-15)
    below = (
        expected["examples"] ** 2 / (n - 1)
        + expected["seeds_a"] ** 2 / (s_a - 1)
        + expected["seeds_b"] ** 2 / (s_b - 1)
    )
    df = float(expected["variance"] ** 2 / below)
    assert found.df == pytest.approx(df)
    assert found.p_value == pytest.approx(
        2 * student.sf(abs(found.delta) / float(expected["variance"]) ** 0.5, df)
    )
    reach = student.ppf(0.975, df) * found.standard_error
    assert (found.low, found.high) == pytest.approx((found.delta - reach, found.delta + reach))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("classes", [2, 4])
def test_pseudo_values_are_those_of_leaving_one_out(metric: str, classes: int) -> None:
    rng = np.random.default_rng(5)
    gold = rng.integers(0, classes, 40)
    sides = [
        np.where(rng.random((seeds, 40)) < 0.7, gold, rng.integers(0, classes, (seeds, 40)))
        for seeds in (3, 2)
    ]
    found = method_test(sides[0], sides[1], gold, metric, classes)
    values = [
        [
            slow.pseudo_values(SCORES[metric], gold.tolist(), row.tolist(), classes)  # type: ignore[arg-type]
            for row in side
        ]
        for side in sides
    ]
    expected = slow.parts(*values)
    for name in ("examples", "seeds_a", "residual_b", "variance"):
        assert getattr(found.effects, name) == pytest.approx(float(expected[name]), abs=1e-12)
    scores = [
        np.mean([float(SCORES[metric](gold.tolist(), row.tolist(), classes)) for row in side])
        for side in sides
    ]
    assert (found.score_a, found.score_b) == pytest.approx(tuple(scores))
    assert found.delta == pytest.approx(scores[0] - scores[1])


def test_labels_and_rights_are_one_for_accuracy() -> None:
    gold = np.arange(50) % 3
    a, b = (np.where(rights(seed, 4, 50) == 1, gold, (gold + 1) % 3) for seed in (1, 2))
    assert method_test(a, b, gold) == method_test(a == gold, b == gold)


def test_names_of_labels_are_as_good_as_numbers() -> None:
    names, rng = np.array(["no", "yes", "maybe"]), np.random.default_rng(2)
    gold = np.arange(60) % 3
    a, b = (np.where(rng.random((3, 60)) < 0.8, gold, (gold + 1) % 3) for _ in "ab")
    for metric in METRICS:
        named = method_test(names[a], names[b], names[gold], metric, labels=names.tolist())
        assert named == method_test(a, b, gold, metric, 3)
    assert method_test(names[a], names[b], names[gold]) == method_test(a, b, gold)
    with pytest.raises(ValueError, match="f1 needs the label names"):
        method_test(names[a], names[b], names[gold], "f1")
    with pytest.raises(UserError, match="label of b 'yess'; did you mean 'yes'"):
        method_test(names[a], np.full((3, 60), "yess"), names[gold])


def test_a_mixed_model_agrees_on_balanced_data() -> None:
    """By REML: examples and seeds as random effects, where no component is at its bound.

    The variance of the difference is 2 s_ie^2 / N + 2 s_seed^2 / S + 2 s_res^2 / (N S).
    """
    rng, seeds, n = np.random.default_rng(3), 12, 60
    example = rng.normal(0, 1, n)
    rows = {}
    for name in "ab":
        own = rng.normal(0, 0.7, n)
        rows[name] = example + own + rng.normal(0, 0.5, (seeds, 1)) + rng.normal(0, 0.6, (seeds, n))
    from reports.statistics.method_test import estimate_effects

    ours = estimate_effects(rows["a"], rows["b"]).unbiased
    long = pd.DataFrame(
        [
            {"y": rows[name][s, i], "m": name, "i": i, "mi": f"{name}{i}", "s": f"{name}{s}"}
            for name in "ab"
            for s in range(seeds)
            for i in range(n)
        ]
    )
    model = MixedLM.from_formula(
        "y ~ m",
        long,
        groups=np.ones(len(long)),
        re_formula="0",
        vc_formula={"i": "0 + C(i)", "mi": "0 + C(mi)", "s": "0 + C(s)"},
    )
    fit = model.fit(reml=True)
    parts = dict(zip(model.exog_vc.names, fit.vcomp, strict=True))
    theirs = 2 * parts["mi"] / n + 2 * parts["s"] / seeds + 2 * fit.scale / (n * seeds)
    assert ours == pytest.approx(theirs, rel=0.02)


@settings(derandomize=True, deadline=None, max_examples=100, database=None)
@given(seed=st.integers(0, 9999), s_a=st.integers(2, 5), s_b=st.integers(2, 5))
def test_what_holds_for_any_two_methods(seed: int, s_a: int, s_b: int) -> None:
    a, b = rights(seed, s_a, 25), rights(seed + 1, s_b, 25)
    one, other = method_test(a, b), method_test(b, a)
    assert 0 <= one.p_value <= 1
    assert (one.delta, one.p_value) == pytest.approx((-other.delta, other.p_value))
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert (one.p_value < 0.05) == (not one.low <= 0 <= one.high)
    order = np.random.default_rng(seed).permutation(25)
    assert method_test(a[:, order], b[:, order]).p_value == pytest.approx(one.p_value)
    assert method_test(a[::-1], b).p_value == pytest.approx(one.p_value)


def test_where_nothing_varies() -> None:
    same = np.ones((2, 6))
    assert method_test(same, same).p_value == 1
    assert method_test(same, 1 - same).p_value == 0
    assert (method_test(same, 1 - same).low, method_test(same, 1 - same).high) == (1, 1)


@pytest.mark.parametrize(
    ("a", "b", "more", "says"),
    [
        ([[1, 0]], [[1, 0], [0, 0]], {}, "a has one seed"),
        ([[1, 0], [0, 0]], [[1, 0]], {}, "b has one seed"),
        ([[1, float("nan")], [0, 0]], [[1, 0], [1, 1]], {}, "seed 0 has NaN for example 1"),
        ([[1, 0], [0, 0]], [[1, 0], [1, 1]], {"gold": [0, 1], "metric": "f2"}, "unknown metric"),
    ],
)
def test_what_a_user_may_have_wrong(
    a: list[list[float]], b: list[list[float]], more: dict[str, object], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        method_test(a, b, **more)  # type: ignore[arg-type]


GOOD = [[1, 0, 1], [0, 0, 1]]


@pytest.mark.parametrize(
    ("a", "more", "says"),
    [
        ([[1, 0], [0, 0]], {}, "a has 2 examples and b 3"),
        ([1, 0, 1], {}, r"expected an array \(seeds, examples\)"),
        ([[1, 0, 2], [0, 0, 1]], {}, "expected 1"),
        (GOOD, {"metric": "f1"}, "needs gold labels"),
        (GOOD, {"gold": [0, 1]}, "one label per example"),
        (GOOD, {"gold": [0, 1, 1], "metric": "macro_f1"}, "pass n_classes"),
        (GOOD, {"gold": [0, 1, 2], "n_classes": 2}, "labels below 2"),
        (GOOD, {"level": 1.0}, "level: expected"),
    ],
)
def test_what_a_caller_may_have_wrong(a: object, more: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        method_test(a, GOOD, **more)  # type: ignore[arg-type]


def test_an_average_over_tasks() -> None:
    tests = [method_test(rights(k, 5, 80), rights(k + 9, 5, 80)) for k in range(4)]
    found = average_gain(tests)
    assert found.delta == pytest.approx(np.mean([test.delta for test in tests]))
    variances = [test.standard_error**2 for test in tests]
    assert found.standard_error**2 == pytest.approx(sum(variances) / 16)
    below = sum(v**2 / test.df for v, test in zip(variances, tests, strict=True))
    assert found.df == pytest.approx(sum(variances) ** 2 / below)
    alone = average_gain(tests[:1])
    assert (alone.p_value, alone.low) == pytest.approx((tests[0].p_value, tests[0].low))
    with pytest.raises(UserError, match="at least one task, got none"):
        average_gain([])


def test_on_how_many_tasks_there_is_a_gain() -> None:
    assert replicability([0.168, 0.297, 0.357, 0.019, 0.218, 0.001]) == 1
    assert replicability([0.001, 0.002, 0.003]) == 3
    assert replicability([0.5, 0.5]) == replicability([]) == 0
    with pytest.raises(ValueError, match="from 0 to 1"):
        replicability([0.5, float("nan")])


def test_how_often_a_run_beats_another() -> None:
    a, b = (0.712, 0.705, 0.721, 0.698, 0.709), (0.701, 0.707, 0.703, 0.695, 0.700)
    found = win_probability(a, b)
    assert found.value == pytest.approx(0.8)
    assert found.low < 0.8 < found.high
    assert win_probability(b, a).value == pytest.approx(0.2)
    assert win_probability([0.5, 0.5], [0.5, 0.5]).value == 0.5
    assert found.verdict == ("not shown" if found.low <= 0.5 else "shown and meaningful")
    assert win_probability([2, 3], [0, 1]).verdict == "shown and meaningful"
    with pytest.raises(UserError, match="two runs or more"):
        win_probability([1], [1, 2])


@pytest.mark.parametrize(
    ("delta", "se", "says"),
    [
        (0.0, 0.003, "as good"),
        (-0.03, 0.003, "no gain worth it"),
        (0.005, 0.003, "as good"),
        (0.008, 0.003, "not settled"),
        (0.03, 0.003, "better"),
        (0.0, 0.02, "not settled"),
        (-0.02, 0.012, "no gain worth it"),
    ],
)
def test_what_is_settled_about_a_gain_of_one_point(delta: float, se: float, says: str) -> None:
    assert equivalence(Gain(delta=delta, standard_error=se, df=1e6), 0.01) == says
