from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import prod

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.page.fanova import EVALUATOR, SEED
from reports.page.importance import EXACT, anova, compute_importance
from search_spaces.errors import UserError
from tests.references import sobol
from tests.reports.landscapes import landscape


@st.composite
def grids(draw: st.DrawFn) -> tuple[list[int], dict[sobol.Point, Fraction]]:
    sizes = draw(st.lists(st.integers(2, 4), min_size=2, max_size=4))
    score = st.integers(0, 64)
    values = draw(st.lists(score, min_size=prod(sizes), max_size=prod(sizes)))
    points = product(*(range(size) for size in sizes))
    return sizes, {point: Fraction(v, 64) for point, v in zip(points, values, strict=True)}


@given(grids())
@settings(max_examples=60, deadline=None)
def test_a_full_grid_is_decomposed_as_the_reference_does(
    grid: tuple[list[int], dict[sobol.Point, Fraction]],
) -> None:
    sizes, scores = grid
    if len(set(scores.values())) == 1:
        return
    names = ["lr", "epsilon", "tau", "lambda"][: len(sizes)]
    axes = {name: range(size) for name, size in zip(names, sizes, strict=True)}
    of = landscape(axes, lambda *places: float(scores[places]))
    found = [(share.alone, share.together) for share in anova(of)]
    expected = [tuple(map(float, pair)) for pair in sobol.shares(sizes, scores)]
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=1e-9)


def test_a_sum_of_axes_has_no_interactions_and_a_product_has_nothing_else() -> None:
    axes = {"lr": (1, 2), "tau": (1, 2)}
    added = compute_importance(landscape(axes, lambda lr, tau: 0.5 + 0.2 * lr + 0.1 * tau))
    assert added.evaluator == EXACT
    assert [share.axis for share in added.shares] == ["lr", "tau"]
    assert [share.alone for share in added.shares] == pytest.approx([0.8, 0.2])
    assert [share.together for share in added.shares] == pytest.approx([0.8, 0.2])
    assert added.spread == pytest.approx(np.std([0.5, 0.6, 0.7, 0.8]))
    crossed = compute_importance(landscape(axes, lambda lr, tau: float(lr == tau)))
    assert [share.alone for share in crossed.shares] == pytest.approx([0, 0])
    assert [share.together for share in crossed.shares] == pytest.approx([1, 1])


def gappy(lr: int, epsilon: int, seed: int) -> float | None:
    return None if (lr, epsilon, seed) == (1, 2, 0) else 0.5 + 0.1 * lr + 0.01 * epsilon * seed


def test_a_grid_with_gaps_is_left_to_optunas_fanova_by_name() -> None:
    axes = {"lr": (1e-5, 2e-5), "epsilon": (0.1, 0.2, 0.4), "seed": (0, 1)}
    found = compute_importance(landscape(axes, gappy))
    assert found.evaluator == EVALUATOR == "optuna.importance.FanovaImportanceEvaluator"
    assert all(share.together is None for share in found.shares)
    study = optuna.create_study(direction="maximize")
    spans = {"lr": 1, "epsilon": 2, "seed": 1}
    for places in product((0, 1), (0, 1, 2), (0, 1)):
        value = gappy(*places)
        if value is None:
            continue
        study.add_trial(
            optuna.trial.create_trial(
                value=value,
                params=dict(zip(spans, places, strict=True)),
                distributions={
                    name: optuna.distributions.IntDistribution(0, most)
                    for name, most in spans.items()
                },
            )
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=SEED)
    expected = optuna.importance.get_param_importances(study, evaluator=evaluator)  # adds up to 1
    whole = sum(share.alone for share in found.shares)
    assert {share.axis: share.alone / whole for share in found.shares} == pytest.approx(expected)
    assert found.shares[0].axis == "lr"
    assert found.shares[0].alone > 0.5


@pytest.mark.parametrize(
    ("axes", "score", "said"),
    [
        ({}, lambda: 0.5, "nothing varies"),
        ({"lr": (1, 2)}, float, "only lr varies"),
        ({"lr": (1, 2), "tau": (1, 2)}, lambda *_: 0.5, "all scores are equal"),
        ({"lr": (1, 2), "tau": (1, 2)}, lambda lr, _tau: [0.5, None][lr], "at least 4 finished"),
    ],
)
def test_where_there_is_none_it_says_why(
    axes: dict[str, tuple[int, ...]], score: Callable[..., float | None], said: str
) -> None:
    with pytest.raises(UserError, match=said) as error:
        compute_importance(landscape(axes, score))
    assert "rte, tiny, cat" in str(error.value)
