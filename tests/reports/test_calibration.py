"""The short form of `tests/benchmarks/calibration.py`: levels under a null, and a real gain."""

import pytest

from tests.benchmarks.calibration import LEVEL, SCENARIOS, Scenario, mark_rates, rates

SMALL = 300  # examples


@pytest.mark.parametrize("metric", ["accuracy", "mcc"])
def test_best_of_360_against_best_of_3_equal_trials(metric: str) -> None:
    """The paper's mark says gain far too often; the test of the choice keeps its level.

    Neither above it nor below: a test that never rejects would not pass.
    """
    found = rates(
        SCENARIOS["null, 360 against 3"], metric, replicates=300, resamples=199, items=SMALL
    )
    assert found.naive > 0.12  # .025 for two given systems
    assert abs(found.best_vs_best - LEVEL) <= found.error
    assert found.two_sided <= LEVEL / 2 + found.error
    assert found.delta > 0.02
    assert abs(found.matched_delta) < 0.01


def test_a_gain_is_found() -> None:
    gain = Scenario(trials=(3, 60), gain=0.05)
    found = rates(gain, "f1", replicates=20, resamples=199, items=SMALL)
    assert found.best_vs_best > 0.5
    assert found.matched_delta > 0.02


def test_a_choice_of_epochs_matters_where_it_is_uneven() -> None:
    """Why tables refuse it: as many epochs of both make it conservative, more of one do not."""
    even, uneven = (
        rates(SCENARIOS[f"epochs, best of 10 {of}"], "accuracy", 80, resamples=199, items=SMALL)
        for of in ("of both", "against last")
    )
    assert even.best_vs_best <= LEVEL
    assert uneven.best_vs_best > LEVEL + uneven.error


def test_double_daggers_of_tables_keep_their_level_where_daggers_do_not() -> None:
    """The whole path, from trials in a store to marks: .025 of double ones are due."""
    found = mark_rates("mcc", replicates=20, trials=(1, 60), items=SMALL)
    assert found["daggers"] >= 0.15
    assert found["double_daggers"] <= 0.1


@pytest.mark.full
@pytest.mark.parametrize("metric", ["accuracy", "f1", "mcc"])
def test_double_daggers_at_the_size_of_cola(metric: str) -> None:
    found = mark_rates(metric, replicates=200)
    assert found["double_daggers"] <= 0.025 + found["error"]
    assert found["daggers"] > 0.05


@pytest.mark.full
@pytest.mark.parametrize("metric", ["accuracy", "f1", "mcc"])
def test_calibration_at_the_size_of_cola(metric: str) -> None:
    found = rates(SCENARIOS["null, 360 against 3"], metric, replicates=400, resamples=999)
    assert found.verdict == "within"
    assert found.naive > 0.05 + found.error
