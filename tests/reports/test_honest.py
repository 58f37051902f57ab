"""The honest score agrees with a loop over bootstrap samples, and takes away the optimism."""

from dataclasses import replace

import numpy as np
import pytest

from reports.statistics import honest
from reports.statistics.honest import honest_score
from search_spaces.errors import UserError
from tests.references import selection as slow
from tests.reports.cells import candidates, exchangeable


@pytest.mark.parametrize("metric", ["accuracy", "f1", "mcc", "macro_f1"])
def test_equals_the_loop(metric: str) -> None:
    """The loop sees the same samples, and chooses and scores with exact fractions."""
    _, cell = exchangeable(24, (1, 6), metric, seed=3)
    samples = np.random.default_rng(5).integers(0, 24, size=(40, 24)).tolist()
    expected = slow.honest(metric, cell.gold.tolist(), cell.predicted.tolist(), samples)
    ours = honest_score(cell, resamples=40, seed=5)
    assert ours.honest == pytest.approx(float(expected), abs=1e-12)
    assert ours.naive == cell.scores.values.max()
    assert ours.optimism == ours.naive - ours.honest


def test_of_many_labels() -> None:
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 4, 30)
    rows = np.where(rng.random((5, 30)) < 0.5, gold, rng.integers(0, 4, (5, 30)))
    samples = np.random.default_rng(1).integers(0, 30, size=(20, 30)).tolist()
    expected = slow.honest("mcc", gold.tolist(), rows.tolist(), samples)
    ours = honest_score(candidates(gold, rows, "mcc"), resamples=20, seed=1)
    assert ours.honest == pytest.approx(float(expected), abs=1e-12)


def test_blocks_do_not_change_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    _, cell = exchangeable(50, (1, 9), "mcc", seed=3)
    whole = honest_score(cell, resamples=33)
    monkeypatch.setattr(honest, "BLOCK", 400)
    assert honest_score(cell, resamples=33) == whole


def test_it_takes_the_optimism_of_a_choice_away() -> None:
    """Every trial's expected accuracy is .8612; the best of 120 looks two points better."""
    found = [honest_score(exchangeable(300, (1, 120), seed=s)[1], resamples=100) for s in range(40)]
    naive, corrected = (np.mean([getattr(f, name) for f in found]) for name in ("naive", "honest"))
    expected = 0.93 / (0.93 + 0.15)
    assert naive - expected > 0.02
    assert abs(corrected - expected) < 0.01


def test_of_one_trial_there_is_next_to_no_optimism() -> None:
    _, cell = exchangeable(400, (1, 1), seed=3)
    assert abs(honest_score(cell).optimism) < 0.005


def test_samples_that_leave_nothing_out_count_for_nothing() -> None:
    two = candidates(np.array([0, 1]), np.array([[0, 1], [1, 0]]))
    ours = honest_score(two, resamples=64)
    assert ours.honest == 1.0
    assert 16 < ours.resamples < 48
    with pytest.raises(UserError, match="too few examples"):
        honest_score(candidates(np.array([0]), np.array([[0], [1]])))


def test_what_it_is_not_valid_for() -> None:
    _, cell = exchangeable(30, (1, 3), seed=3)
    for how in ({"sampled": "adaptive"}, {"pruned": 1}, {"missing": 1}):
        wrong = replace(cell, design=replace(cell.design, **how))
        with pytest.raises(UserError, match=r"cat: .* the honest score is valid only for"):
            honest_score(wrong)
    with pytest.raises(ValueError, match="resamples"):
        honest_score(cell, resamples=0)
