"""What a study can show: worked numbers, and simulated worlds at the gain that is named."""

import numpy as np
import pytest

from reports.statistics.method_test import method_test
from reports.statistics.power import Experiment, Variation, find_examples, find_seeds
from search_spaces.errors import UserError
from tests.benchmarks.seed_worlds import TESTS, World, rates


@pytest.mark.parametrize(
    ("n", "seeds", "deviation", "points"),
    [
        (277, 5, 0.008, 4.17),
        (1_043, 5, 0.008, 2.54),
        (1_043, 10, 0.008, 1.97),
        (1_043, 5, 0.02, 4.47),
    ],
)
def test_the_worked_numbers(n: int, seeds: int, deviation: float, points: float) -> None:
    """Within .05 points: they are printed without the d and c that they came from."""
    plan = Experiment(examples=n, seeds=seeds, variation=Variation(seed_deviation=deviation))
    assert 100 * plan.smallest_gain() == pytest.approx(points, abs=0.05)
    assert plan.power(plan.smallest_gain()) == pytest.approx(0.8)


def measured(world: World) -> Variation:
    """The mean of what many tests in a world without a gain see of it."""
    found = []
    for seed in range(60):
        gold, a, b = world.draw(np.random.default_rng(900 + seed))
        found.append(Variation.from_test(method_test(a, b, gold)))
    return Variation(
        discordant=float(np.mean([one.discordant for one in found])),
        repeated=float(np.mean([one.repeated for one in found])),
        seed_deviation=float(np.mean([one.seed_deviation**2 for one in found])) ** 0.5,
    )


@pytest.mark.parametrize(("n", "seeds"), [(277, 5), (1_043, 5), (1_043, 10)])
def test_the_gain_that_is_named_is_found_as_often(n: int, seeds: int) -> None:
    world = World(n=n, seeds=seeds)
    variation = measured(World(n=n, seeds=10))
    assert variation.seed_deviation == pytest.approx(0.008, abs=0.003)
    gain = Experiment(examples=n, seeds=seeds, variation=variation).smallest_gain()
    found = rates(
        World(n=n, seeds=seeds, spread=world.spread, gain=gain),
        300,
        {"crossed": TESTS["crossed"]},
        start=40_000,
    )
    assert found["gain"] == pytest.approx(gain, abs=0.002)
    assert found["crossed"] == pytest.approx(0.8, abs=0.08)


def test_more_seeds_and_more_examples_show_more() -> None:
    plan = Experiment(examples=408, seeds=5)
    gain = plan.smallest_gain()
    assert Experiment(examples=408, seeds=10).smallest_gain() < gain
    assert Experiment(examples=4_080, seeds=5).smallest_gain() < gain
    assert find_seeds(plan, gain * 1.001) == 5
    assert find_examples(plan, gain * 1.001) == pytest.approx(408, abs=2)
    fewest = find_seeds(plan, 0.03)
    assert fewest is not None
    assert Experiment(examples=408, seeds=fewest).power(0.03) >= 0.8
    assert Experiment(examples=408, seeds=fewest - 1).power(0.03) < 0.8
    assert find_seeds(plan, 0.001) is None, "as many seeds as may be, examples are too few"
    assert find_examples(plan, 0.001) is None, "as many examples as may be, seeds are too few"


def test_where_nothing_varies_any_gain_is_seen() -> None:
    plan = Experiment(
        examples=10, seeds=2, variation=Variation(discordant=0, repeated=0, seed_deviation=0)
    )
    assert plan.smallest_gain() == 0
    assert (plan.power(0.01), plan.power(0.0)) == (1, 0)


def test_what_cannot_be_planned() -> None:
    with pytest.raises(UserError, match="at least 2 seeds and 2 examples, got 1 seeds and 100"):
        Experiment(examples=100, seeds=1)
    with pytest.raises(ValueError, match="power: expected"):
        Experiment(examples=100, seeds=2).smallest_gain(1.0)
    with pytest.raises(ValueError, match="gain: expected"):
        find_seeds(Experiment(examples=100, seeds=2), 0.0)
