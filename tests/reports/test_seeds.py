"""The spread over seeds is a sample's standard deviation; seeds are not pooled."""

import numpy as np
import pytest

from reports.statistics.seeds import seed_spread
from search_spaces.errors import UserError


def test_spread_and_ratio() -> None:
    values = {0: 0.81, 1: 0.84, 7: 0.79, 9: 0.80}
    found = seed_spread(values, 0.03)
    assert found.seeds == 4
    assert found.mean == pytest.approx(np.mean([*values.values()]))
    assert found.deviation == pytest.approx(np.std([*values.values()], ddof=1))
    assert found.ratio == pytest.approx(0.03 / found.deviation)


def test_seeds_that_do_not_differ_have_no_ratio() -> None:
    found = seed_spread({0: 0.8, 1: 0.8}, 0.01)
    assert (found.deviation, found.ratio) == (0.0, None)


@pytest.mark.parametrize(
    ("scores", "delta", "message"),
    [
        ({}, 0.1, "expected at least two seeds, got 0"),
        ({3: 0.8}, 0.1, "expected at least two seeds, got 1"),
        ({3: 0.8, 4: float("nan")}, 0.1, "the score of seed 4 is nan"),
        ({3: 0.8, 4: 0.9}, float("inf"), "the difference is inf"),
    ],
)
def test_wrong_input(scores: dict[int, float], delta: float, message: str) -> None:
    with pytest.raises(UserError, match=message):
        seed_spread(scores, delta)
