"""Budget curves agree with every subset written out, and their band holds the true curve."""

from fractions import Fraction

import numpy as np
import pytest

from reports.statistics.budget import (
    chance_to_beat,
    compare_budgets,
    expected_best,
    expected_best_band,
)
from reports.statistics.candidates import Scores
from reports.statistics.design import Design
from search_spaces.errors import UserError
from tests.references import selection as slow


def scores(*values: float, design: Design | None = None) -> Scores:
    return Scores(cell="cat", values=np.array(values), design=design or Design())


TIED = (0.5, 0.75, 0.625, 0.75, 0.25, 0.875, 0.5)


@pytest.mark.parametrize("values", [TIED, (0.5,), (0.5, 0.5), (-0.25, 0.0, 0.125)])
def test_curves_equal_every_subset(values: tuple[float, ...]) -> None:
    exact = [Fraction(value) for value in values]
    budgets = range(1, len(values) + 1)
    curve = [float(slow.expected_best(exact, n)) for n in budgets]
    assert expected_best(scores(*values)).tolist() == pytest.approx(curve, abs=1e-12)
    for against in (0.5, 0.7, 0.9, -1.0):
        chance = [float(slow.beats(exact, n, Fraction(against))) for n in budgets]
        ours = chance_to_beat(scores(*values), against)
        assert ours.tolist() == pytest.approx(chance, abs=1e-12)


def test_a_failed_trial_spends_budget_and_never_raises_the_best() -> None:
    with_failed = scores(*TIED, design=Design(failed=2))
    worst = [Fraction(value) for value in (*TIED, 0.25, 0.25)]
    curve = [float(slow.expected_best(worst, n)) for n in range(1, 10)]
    assert expected_best(with_failed).tolist() == pytest.approx(curve, abs=1e-12)
    assert chance_to_beat(with_failed, 0.2)[0] == pytest.approx(7 / 9)


def test_a_large_grid_stays_exact_at_its_ends() -> None:
    values = np.random.default_rng(0).normal(0.8, 0.02, 360)
    curve = expected_best(scores(*values))
    assert curve[0] == pytest.approx(values.mean(), abs=1e-12)
    assert curve[-1] == pytest.approx(values.max(), abs=1e-12)
    assert (np.diff(curve) > 0).all()


def test_three_against_a_grid() -> None:
    found = compare_budgets(scores(0.5, 0.625), scores(*TIED))
    assert (found.budgets, found.matched) == ((2, 7), 2)
    assert (found.baseline_score, found.system_score) == (0.625, 0.875)
    expected = float(slow.expected_best([Fraction(value) for value in TIED], 2))
    assert found.matched_score == pytest.approx(expected)
    assert found.matched_beats == pytest.approx(1 - 6 / 21)
    assert (found.break_even_mean, found.break_even_half) == (2, 2)
    assert found.matched_delta == pytest.approx(found.matched_score - 0.625)


@pytest.mark.parametrize(
    ("baseline", "system", "mean", "half"),
    [
        ((0.9,), TIED, None, None),
        ((0.875,), TIED, None, None),
        ((0.2,), TIED, 1, 1),
        ((0.8,), TIED, 4, 4),
        ((0.5,), (0.5, 0.5, 0.5), None, None),
        ((0.1, 0.2, 0.3), (0.25,), None, None),
        # What rounding alone would decide: a mean of equal scores, and a chance of exactly .5.
        ((0.8,), (0.5, 0.5, 0.5, 0.8, 0.8), None, None),
        ((254 / 277,), (254 / 277,) * 60, None, None),
        ((0.7,), (0.6,) * 23 + (0.9,), 9, 12),
    ],
)
def test_break_even(
    baseline: tuple[float, ...], system: tuple[float, ...], mean: int | None, half: int | None
) -> None:
    found = compare_budgets(scores(*baseline), scores(*system))
    assert (found.break_even_mean, found.break_even_half) == (mean, half)
    assert found.matched == min(len(baseline), len(system))


def test_the_band_is_what_the_bound_on_the_distribution_leaves() -> None:
    """Written out for two draws: P(best <= y) is P(score <= y) squared."""
    low, high = expected_best_band(scores(0.5, 0.75), lowest=0.0, level=0.5)
    slack = (np.log(4) / 4) ** 0.5
    assert 0.5 < slack < 0.6
    below = slack**2, 1 - slack**2
    assert low[1] == pytest.approx(below[0] * 0 + below[1] * 0.5)
    more = 1 - slack
    assert high[1] == pytest.approx(more**2 * 0.75 + (1 - more**2) * 1)
    assert low[0] == pytest.approx((1 - slack) * 0.5)


def test_the_band_holds_the_true_curve() -> None:
    """Uniform scores: the best of n has mean n / (n + 1). The band errs on the safe side."""
    rng, budgets, inside, closer = np.random.default_rng(0), np.arange(1, 31), 0, 0.0
    for _ in range(200):
        drawn = scores(*rng.random(30))
        low, high = expected_best_band(drawn, lowest=0.0, level=0.8)
        assert (low <= expected_best(drawn) + 1e-12).all()
        assert (expected_best(drawn) <= high + 1e-12).all()
        inside += bool(
            (low <= budgets / (budgets + 1)).all() and (high >= 1 - 1 / (budgets + 1)).all()
        )
        closer = max(closer, float((high - low).max()))
    assert inside / 200 > 0.8
    assert closer < 0.6


@pytest.mark.parametrize(
    "design", [Design(sampled="adaptive"), Design(pruned=3), Design(missing=1)]
)
def test_searches_that_it_is_not_valid_for(design: Design) -> None:
    fair, wrong = scores(*TIED), scores(*TIED, design=design)
    with pytest.raises(UserError, match=r"^cat: .*; a budget's expected best is valid only for"):
        expected_best(wrong)
    with pytest.raises(UserError):
        expected_best_band(wrong, lowest=0)
    with pytest.raises(UserError):
        chance_to_beat(wrong, 0.5)
    for pair in ((fair, wrong), (wrong, fair)):
        with pytest.raises(UserError):
            compare_budgets(*pair)


def test_wrong_bands() -> None:
    with pytest.raises(ValueError, match="level: expected a number between 0 and 1, got 95"):
        expected_best_band(scores(*TIED), lowest=0, level=95)
    with pytest.raises(ValueError, match=r"expected scores in 0.3 .. 1, got 0.25"):
        expected_best_band(scores(*TIED), lowest=0.3)
