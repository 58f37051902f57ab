"""The smallest gap is the least outcome that the tests call significant."""

import numpy as np
import pytest
from scipy import stats

from reports.statistics import randomization
from reports.statistics.gap import smallest_gap
from reports.statistics.significance import fisher_randomization, mcnemar
from search_spaces.errors import UserError
from tests.reports.pairs import counted, pair


@pytest.mark.parametrize("d", [0, 3, 5, 6, 17, 39, 130, 400])
@pytest.mark.parametrize("level", [0.05, 0.2])
def test_of_accuracy_it_is_mcnemars(d: int, level: float) -> None:
    """The least lead k of one system with a sign test on d examples below the level."""
    found = smallest_gap(*counted(d - d // 3, d // 3), level=level)
    leads = [
        k for k in range(d % 2, d + 1, 2) if k and stats.binomtest((d - k) // 2, d).pvalue < level
    ]
    assert (found.n, found.discordant, found.resamples) == (d + 5, d, None)
    if not leads:
        assert found.smallest is None
        assert not found.shown
    else:
        assert found.smallest == pytest.approx(min(leads) / (d + 5), abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "n_classes"),
    [("accuracy", 2), ("f1", 2), ("mcc", 2), ("accuracy", 4), ("mcc", 4), ("macro_f1", 4)],
)
def test_it_parts_significant_from_insignificant_swaps(metric: str, n_classes: int) -> None:
    """Of pairs that differ by swaps only, those at or beyond the gap have p < .05, no others."""
    gold, baseline, system = pair(60, 14, n_classes, 1)
    gap = smallest_gap(gold, baseline, system, metric, n_classes)
    rng, seen = np.random.default_rng(2), set()
    for tilt in np.linspace(0, 1, 60):
        better = np.where(system == gold, system, baseline)
        worse = np.where(system == gold, baseline, system)
        swap = rng.random(60) < tilt
        ours = fisher_randomization(
            gold, np.where(swap, better, worse), np.where(swap, worse, better), metric, n_classes
        )
        assert gap.smallest is not None
        assert (ours.p_value < 0.05) == (abs(ours.delta) >= gap.smallest - 1e-12)
        seen.add(ours.p_value < 0.05)
    assert seen == {True, False}


def test_shown_is_what_the_test_says() -> None:
    for seed in range(20):
        triple = pair(80, 20, 2, seed)
        assert smallest_gap(*triple, "mcc").shown == (
            fisher_randomization(*triple, "mcc").p_value < 0.05
        )
    assert smallest_gap(*counted(3, 20)).shown
    assert mcnemar(*counted(3, 20)).p_value < 0.05


def test_sampled_gaps_are_near_the_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    triple = pair(500, 90, 2, 3)
    exact = smallest_gap(*triple, "mcc")
    monkeypatch.setattr(randomization, "MAX_EXACT", 0)
    sampled = smallest_gap(*triple, "mcc", seed=3)
    assert exact.smallest is not None
    assert (exact.seed, sampled.resamples, sampled.seed) == (None, 9999, 3)
    assert sampled.smallest == pytest.approx(exact.smallest, rel=0.05)
    assert smallest_gap(*triple, "mcc", seed=3) == sampled


def test_sizes_of_real_sets() -> None:
    """CoLA has 1,043 dev examples, QQP 40,430: at a usual disagreement, points of accuracy."""
    points = [
        100 * (smallest_gap(*counted(d // 2, d - d // 2, n - d)).smallest or 0)
        for d, n in ((130, 1_043), (1_938, 40_430))
    ]
    assert points == pytest.approx([2.3, 0.2], abs=0.05)


def test_wrong_input() -> None:
    triple = pair(20, 4, 2, 0)
    with pytest.raises(ValueError, match="level: expected a number between 0 and 1, got 5"):
        smallest_gap(*triple, level=5)
    with pytest.raises(UserError, match="unknown metric"):
        smallest_gap(*triple, "f2")
    with pytest.raises(ValueError, match="macro_f1 averages over the task's label list"):
        smallest_gap(*triple, "macro_f1")
