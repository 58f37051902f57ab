"""The short form of `tests/benchmarks/calibration.py`: levels under a null, and a real gain."""

from dataclasses import replace

import pytest

from tests.benchmarks.calibration import LEVEL, SCENARIOS, Scenario, mark_rates, rates
from tests.benchmarks.chosen_worlds import ChosenWorld
from tests.benchmarks.chosen_worlds import rates as rates_of_choices
from tests.benchmarks.seed_worlds import TESTS, World, error
from tests.benchmarks.seed_worlds import rates as seed_rates

SMALL = 300  # examples


@pytest.mark.parametrize("metric", ["accuracy", "mcc"])
def test_best_of_360_against_one_equal_trial(metric: str) -> None:
    """The paper's mark says gain far too often; the test of the choice keeps its level.

    Neither above it nor below: a test that never rejects would not pass.
    """
    found = rates(
        SCENARIOS["null, 360 against 1"], metric, replicates=300, resamples=199, items=SMALL
    )
    assert found.naive > 0.3  # .025 for two given systems
    assert abs(found.best_vs_best - LEVEL) <= found.error
    assert found.two_sided <= LEVEL / 2 + found.error
    assert found.delta > 0.04
    assert abs(found.matched_delta) < 0.01


@pytest.mark.parametrize("metric", ["accuracy", "mcc"])
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name.startswith("settings")])
def test_settings_of_different_quality_are_no_gain(scenario: str, metric: str) -> None:
    """On either side: bad settings make the good ones neither weaker nor stronger."""
    null = replace(SCENARIOS[scenario], gain=0)
    found = rates(null, metric, replicates=150, resamples=199, items=SMALL)
    assert found.behind <= LEVEL + found.error
    assert found.best_vs_best <= LEVEL + found.error


def test_trials_that_collapse_do_not_hide_a_gain() -> None:
    gain = replace(SCENARIOS["settings, gain of 3 points, two of three collapse"], gain=0.06)
    found = rates(gain, "accuracy", replicates=40, resamples=199, items=SMALL)
    assert found.best_vs_best > 0.5


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
    found = mark_rates("mcc", replicates=12, trials=(1, 60), items=SMALL)
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
    found = rates(SCENARIOS["null, 360 against 1"], metric, replicates=400, resamples=999)
    assert found.verdict == "within"
    assert found.naive > 0.05 + found.error


@pytest.mark.parametrize(
    "world",
    [
        World(n=277, seeds=3),
        World(n=277, seeds=5, spread=0.02),
        World(n=408, seeds=5, metric="f1"),
        World(n=277, seeds=2, metric="mcc", spread=0.0),
    ],
    ids=str,
)
def test_methods_that_are_as_good_are_not_called_better(world: World) -> None:
    """Neither where seeds differ nor where they do not; and not because nothing ever is."""
    found = seed_rates(world, 300, {"crossed": TESTS["crossed"]}, start=10_000)
    assert 0 < found["crossed"] <= LEVEL + error(300)


def test_what_the_test_of_methods_replaces_and_what_it_costs() -> None:
    """One trained model each: seeds that differ by 2 points are called a better method."""
    both = {name: TESTS[name] for name in ("crossed", "one_seed")}
    null = seed_rates(World(n=1_043, seeds=5, spread=0.02), 120, both, start=20_000)
    assert null["one_seed"] > 0.3
    assert null["crossed"] <= LEVEL + error(120)
    gain = seed_rates(World(n=1_043, seeds=5, gain=0.02), 120, both, start=30_000)
    assert gain["crossed"] > 0.45
    assert gain["crossed"] > gain["one_seed"]


def test_where_seeds_differ_the_double_dagger_needs_both_tests() -> None:
    """Best against best takes trained models as given: lucky seeds are more than its level."""
    world = ChosenWorld(n=1_043, seeds=3, settings=(3, 12), spread=0.02)
    found = rates_of_choices(world, 80, start=10_000)
    assert found["best"] > 0.08
    assert found["double_dagger"] <= 0.05
    assert max(found["fresh"], found["fresh_test"], found["test"]) <= 0.05 + 2.5 * error(80)


def test_seeds_find_a_gain_that_one_seed_of_a_tuned_baseline_hides() -> None:
    world = ChosenWorld(n=1_043, seeds=5, settings=(12, 12), gain=0.03)
    found = rates_of_choices(world, 40, start=20_000)
    assert found["one_seed"] < 0.5
    assert min(found["double_dagger"], found["fresh_test"]) > 0.75
