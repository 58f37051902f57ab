"""M(kappa), which is only simulated: worked numbers, and that it does what its definition says."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import norm

from reports.statistics.significance import mcnemar
from tests.benchmarks.multiplier import Null, multiplier, sample
from tests.benchmarks.multiplier_worlds import ManyWorld, variant_rates
from trainers.records.metrics import Labels, score


def _pair() -> tuple[Labels, Labels, Labels]:
    """Of 100 examples the system alone is right on 20, the baseline alone on 8, both on 60."""
    gold = np.ones(100, dtype=np.int64)
    system, baseline = gold.copy(), gold.copy()
    system[20:40], baseline[:20] = 1, 0
    system[40:48], system[48:60], baseline[48:60] = 0, 0, 0
    return gold, baseline[None], system[None]


def _made_up(counts: Sequence[int], seed: int = 5) -> tuple[Labels, Labels, Labels]:
    world = ManyWorld(n=277, settings=(counts[0], counts[1]), metric="mcc", alike="strong")
    return world.draw(np.random.default_rng(seed))


def test_one_against_one_is_the_z_test_and_nearly_mcnemars() -> None:
    gold, baseline, system = _pair()
    error = np.sqrt((0.28 - 0.12**2) / 100)  # .0515
    greater, less = multiplier(
        gold, baseline, system, "accuracy", np.random.default_rng(1), resamples=99_999
    )
    assert greater == pytest.approx(norm.sf(0.12 / error), abs=0.001)  # .0100
    assert less == pytest.approx(norm.cdf(0.12 / error), abs=0.001)
    exact = mcnemar(gold, baseline[0], system[0], "mid-p").p_value
    assert 2 * greater == pytest.approx(exact, abs=0.006)


@pytest.mark.parametrize("metric", ["f1", "mcc"])
def test_pseudo_values_are_those_of_leaving_each_example_out(metric: str) -> None:
    gold, baseline, system = _made_up((1, 1))
    n, rows = gold.size, np.vstack([baseline, system])
    whole = [score(metric, gold, row, 2).value for row in rows]
    kept = [np.arange(n) != place for place in range(n)]
    without = np.array([[score(metric, gold[at], row[at], 2).value for at in kept] for row in rows])
    pseudo = n * np.array(whole)[:, None] - (n - 1) * without
    found = sample(gold, baseline, system, metric, np.random.default_rng(2), 99_999)
    np.testing.assert_allclose(found.scores, whole)
    np.testing.assert_allclose(found.covariance, np.cov(pseudo, ddof=0) / n, rtol=1e-4)
    np.testing.assert_allclose(np.cov(found.disturbed), found.covariance, rtol=0.03)


@pytest.mark.parametrize("signs", [False, True])
def test_the_sides_change_roles(signs: bool) -> None:
    """For normal weights and for signs: the same p up to the error of drawing."""
    gold, few, many = _made_up((3, 12))
    null = Null(signs=signs)
    first = multiplier(
        gold, few, many, "mcc", np.random.default_rng(3), null=null, resamples=19_999
    )
    turned = multiplier(
        gold, many, few, "mcc", np.random.default_rng(4), null=null, resamples=19_999
    )
    assert first == pytest.approx(turned[::-1], abs=0.02)


def test_wider_gaps_are_safer_and_gaps_of_zero_the_safest() -> None:
    drawn = sample(*_made_up((6, 12)), "mcc", np.random.default_rng(6), 1999)
    wider = [drawn.tails(Null(kappa=kappa))[0] for kappa in (0, 0.5, 1, 2, 50)]
    assert wider == sorted(wider)
    assert wider[0] < wider[-1]
    own = [drawn.tails(Null(narrow=narrow))[0] for narrow in (0, 1, 50, np.inf)]
    assert own == sorted(own)
    assert own[0] < own[-1]
    assert own[-2] == own[-1]


def test_settings_that_agree_are_no_gain() -> None:
    gold, baseline, _ = _made_up((1, 1))
    again = np.repeat(baseline, 3, axis=0)
    assert multiplier(gold, baseline, again, "f1", np.random.default_rng(7)) == (1, 1)


def test_estimated_gaps_of_the_side_ahead_are_invalid() -> None:
    """Why M(1) takes them as 0: settings that are equally good seem to differ."""
    nulls = {"zero": Null(), "estimated": Null(narrow=0)}
    world = ManyWorld(n=277, settings=(1, 12))
    found = variant_rates(world, 200, nulls, start=20_000)
    assert found["zero"]["one_sided"] <= 0.08
    assert found["estimated"]["one_sided"] > 0.1
