from itertools import combinations, pairwise

import numpy as np
import pytest

from reports.page.budget_curves import MOST_POINTS, BudgetPicture, build_budget_picture
from reports.page.landscape import Landscape
from reports.results.cells import CellResult
from search_spaces.cells import Sampling
from search_spaces.shipped_tasks import TASKS
from tests.reports.landscapes import landscape


def cell(
    of: Landscape, *, sampled: Sampling = "grid", pruned: int = 0, failed: int = 0
) -> CellResult:
    """The rest of a cell: how its trials were drawn, and how many failed."""
    return CellResult(
        task=of.task,
        encoder=of.encoder,
        method=of.method,
        definition=TASKS["rte"],
        finished=(),
        failed=failed,
        missing=0,
        pruned=pruned,
        sampled=sampled,
        settings=failed + pruned,
        seeds=1,
        failed_settings=failed,
        grid="",
    )


def picture(of: Landscape, **drawn: int) -> BudgetPicture:
    return build_budget_picture([of], [cell(of, failed=drawn.get("failed", 0))])


def test_the_curve_is_the_mean_best_over_all_subsets() -> None:
    scores = [0.5, 0.9, 0.7, 0.7, 0.2, 0.6]
    (curve,) = picture(landscape({"lr": range(6)}, lambda lr: scores[lr])).curves
    assert curve.n.tolist() == [1, 2, 3, 4, 5, 6]
    for n, expected in zip(curve.n.tolist(), curve.expected.tolist(), strict=True):
        assert expected == pytest.approx(np.mean([max(some) for some in combinations(scores, n)]))
    assert np.all(curve.low <= curve.expected)
    assert np.all(curve.expected <= curve.high)


def test_a_failed_trial_spends_budget_and_counts_as_the_worst() -> None:
    of = landscape({"lr": range(2)}, lambda lr: [0.5, 0.9][lr])
    (curve,) = picture(of, failed=1).curves
    assert curve.n.tolist() == [1, 2, 3]
    assert curve.expected[-1] == pytest.approx(0.9)
    assert curve.expected[0] == pytest.approx((0.5 + 0.5 + 0.9) / 3)


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(360)
    (curve,) = picture(landscape({"lr": range(360)}, lambda lr: float(values[lr]))).curves
    assert len(curve.n) <= MOST_POINTS
    assert (curve.n[0], curve.n[-1]) == (1, 360)
    assert curve.expected[0] == pytest.approx(values.mean())
    assert curve.expected[-1] == pytest.approx(values.max())
    assert all(a < b for a, b in pairwise(curve.n.tolist()))


@pytest.mark.parametrize("drawn", [{"sampled": "adaptive"}, {"pruned": 2}])
def test_a_search_that_looks_at_scores_has_no_curve(drawn: dict[str, object]) -> None:
    fair = landscape({"lr": (1, 2)}, lambda lr: 0.5 + 0.1 * lr, method="standard")
    unfair = landscape({"lr": (1, 2)}, lambda lr: 0.5 + 0.1 * lr)
    found = build_budget_picture([fair, unfair], [cell(fair), cell(unfair, **drawn)])  # type: ignore[arg-type]
    assert [curve.method for curve in found.curves] == ["standard"]
    assert len(found.refused) == 1
    assert "rte, tiny, cat" in found.refused[0]
    assert (found.task, found.encoder, found.split, found.level) == ("rte", "tiny", "dev", 0.95)
