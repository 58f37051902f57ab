import numpy as np
import pytest

from reports.page.heatmap import Heatmap, build_heatmap
from tests.reports.landscapes import landscape

PAPER = {
    "lr": (1e-5, 2e-5, 3e-5),
    "epsilon": (1e-4, 1e-3, 5e-3, 2e-2),
    "tau": (0.05, 0.1),
    "lambda": (0.1, 0.3, 0.5),
    "seed": (0, 1),
}


def names(of: Heatmap) -> list[str | None]:
    return [axis.name if axis else None for axis in (of.x, of.y, of.panel, of.page)]


def test_the_papers_axes_have_their_places_and_seeds_are_averaged() -> None:
    rng = np.random.default_rng(0)
    scores = {
        place: float(rng.random()) for place in np.ndindex(3, 4, 2, 3, 2) if rng.random() < 0.7
    }
    found = build_heatmap(landscape(PAPER, lambda *places: scores.get(places)))
    assert found is not None
    assert names(found) == ["epsilon", "lambda", "tau", "lr"]
    assert found.averaged == ("seed",)
    assert found.scores.shape == (3, 2, 3, 4)
    for page, panel, row, column in np.ndindex(found.scores.shape):
        seeds = [scores.get((page, column, panel, row, seed)) for seed in (0, 1)]
        known = [score for score in seeds if score is not None]
        here = (page, panel, row, column)
        assert found.counts[here] == len(known)
        expected = sum(known) / len(known) if known else np.nan
        assert found.scores[here] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        (["lr"], ["lr", None, None, None]),
        (["lr", "epsilon"], ["epsilon", "lr", None, None]),
        (["lr", "alpha", "noise"], ["alpha", "noise", None, "lr"]),
        (["lr", "steps", "norm", "count", "adv_lr"], ["steps", "norm", "count", "lr"]),
        (["tau", "lambda"], ["tau", "lambda", None, None]),
        (["tau", "lambda", "lr"], ["lr", "lambda", "tau", None]),
        (["lambda"], ["lambda", None, None, None]),
        (["seed"], None),
        ([], None),
    ],
)
def test_free_places_go_to_what_varies(axes: list[str], expected: list[str | None] | None) -> None:
    found = build_heatmap(landscape(dict.fromkeys(axes, (1, 2)), lambda *places: 0.1 * sum(places)))
    assert (found and names(found)) == expected


def test_what_has_no_place_is_averaged() -> None:
    axes = dict.fromkeys(["lr", "steps", "norm", "count", "adv_lr"], (1, 2))
    found = build_heatmap(landscape(axes, lambda *places: 0.1 * places[4]))
    assert found is not None
    assert found.averaged == ("adv_lr",)
    np.testing.assert_allclose(found.scores, 0.05)
    assert found.counts.tolist() == np.full((2, 2, 2, 2), 2).tolist()
