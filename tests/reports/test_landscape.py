from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.page.landscape import Landscape, build_landscapes, written
from reports.page.training_curves import read_training_curves
from search_spaces.cells import group_by_cell
from search_spaces.study import Study, parse_study
from tests.reports.landscapes import landscape
from tests.reports.stores import read_cells
from tests.results import keep
from trainers.records.store import Store

STUDY = """
name: seen
tasks: [rte]
encoders: [tiny]
methods: [standard, cat]
axes: {lr: [3e-5, 1e-5], epsilon: [0.01], tau: [0.1], lambda: [0.3, 0.1], norm: [max, l2]}
seeds: [4, 2]
"""


@pytest.fixture
def study() -> Study:
    return parse_study(STUDY, source="test")


@pytest.fixture
def store(study: Study, tmp_path: Path) -> Store:
    """Trial i of the study's order predicts 100 + i dev examples correctly; trial 3 is missing."""
    store = Store(tmp_path / "store", create=True)
    for place, trial in enumerate(study.trials()):
        if place != 3:
            keep(store, trial, {"dev": 100 + place}, seconds=float(place))
    return store


def survey(study: Study, store: Store) -> tuple[Landscape, ...]:
    return build_landscapes(group_by_cell(study), read_cells(study.trials(), store))


def test_axes_are_what_varies_numbers_ascending_and_the_rest_as_written(
    study: Study, store: Store
) -> None:
    standard, cat = survey(study, store)
    assert [(axis.name, axis.labels) for axis in standard.axes] == [
        ("lr", ("1e-05", "3e-05")),
        ("seed", ("2", "4")),
    ]
    assert {axis.name: axis.labels for axis in cat.axes} == {
        "lr": ("1e-05", "3e-05"),
        "lambda": ("0.1", "0.3"),
        "norm": ("max", "l2"),
        "seed": ("2", "4"),
    }
    assert (standard.wanted, len(standard.trials), standard.is_full_grid) == (4, 3, False)
    assert (cat.wanted, len(cat.trials), cat.is_full_grid) == (16, 16, True)


def test_each_trial_stands_at_its_own_settings(study: Study, store: Store) -> None:
    configs = {trial.signature: trial for trial in study.trials()}
    order = [trial.signature for trial in study.trials()]
    for of in survey(study, store):
        columns = {axis.name: column for column, axis in enumerate(of.axes)}
        for row, signature in enumerate(of.trials):
            trial = configs[signature]
            values = {
                name: of.axes[c].values[of.value_indices[row, c]] for name, c in columns.items()
            }
            assert (values["lr"], values["seed"]) == (trial.lr, trial.seed)
            assert values.get("norm") == getattr(trial.method, "norm", None)
            assert of.scores[row] == pytest.approx((100 + order.index(signature)) / 200)
            assert of.seconds[row] == order.index(signature)


def test_the_best_comes_first_and_the_earlier_of_equals(study: Study, store: Store) -> None:
    of = landscape({"lr": (1, 2, 3), "tau": (1, 2)}, lambda lr, _tau: [0.5, 0.7, 0.7][lr])
    assert of.ranking.tolist() == [2, 3, 4, 5, 0, 1]
    assert of.is_full_grid


def test_a_repeated_combination_is_no_full_grid() -> None:
    of = landscape({"lr": (1, 2)}, lambda _: 0.5)
    twice = replace(of, value_indices=np.zeros((2, 1), dtype=np.int64))
    assert not twice.is_full_grid


def test_values_are_written_as_a_study_would() -> None:
    values = [1e-5, 0.1, 3, True, (0.9, 0.98), "a_b & 50%"]
    expected = ["1e-05", "0.1", "3", "true", "0.9 and 0.98", "a_b & 50%"]
    assert [written(value) for value in values] == expected


def test_training_curves_are_of_the_best_trials_of_every_cell(study: Study, store: Store) -> None:
    """The seed with 102 is of a setting that lacks one: it comes after both of the other."""
    cells = read_cells(study.trials(), store)
    curves = read_training_curves(survey(study, store), cells, most=4)
    assert [(curve.method, curve.scores[-1]) for curve in curves] == [
        ("standard", 101 / 200),
        ("standard", 100 / 200),
        ("cat", 119 / 200),
        ("cat", 118 / 200),
    ]
    assert curves[2].setting == "lr=1e-05 norm=l2 lambda=0.1 seed=2"
    assert (curves[0].epochs, curves[0].losses) == ((1,), {"loss": (0.5,)})
    assert len(read_training_curves(survey(study, store), cells, most=1)) == 2
