"""Cells: groups of trials within which searches, schedulers, kept models and tables choose.

In: a study. Out: its trials by cell. A cell is a (task, encoder, method). In a study whose tables
(the paper's or its own) compare variants of a method, each variant is a cell, with the variant in
the method's name: `cat perturb=embedding`, `cat train_fraction=0.5`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from search_spaces.layouts import compared_options, paper_layouts
from search_spaces.methods import METHODS
from search_spaces.study import Study
from search_spaces.trial import TrialConfig, format_value

Cell = tuple[str, str, str]
Sampling = Literal["grid", "random", "adaptive"]
"""How a cell's trials were chosen from its grid."""


def group_by_cell(
    study: Study, trials: Iterable[TrialConfig] | None = None
) -> dict[Cell, list[TrialConfig]]:
    """Group a study's trials, or some of them, by cell, in the study's order."""
    wanted = study.trials() if trials is None else trials
    layouts = [*(paper_layouts().values() if study.tables else ()), *study.own_tables]
    compared = compared_options(layouts)
    largest: dict[str, float] = {}
    if any(layout.training for layout in layouts):
        for trial in study.trials():
            largest[trial.task] = max(largest.get(trial.task, 0.0), trial.train_fraction)
    if not compared and not largest:
        return group_trials(wanted, lambda trial: trial.cell)
    known = {**METHODS, **study.own_methods}
    defaults = {
        method: {option: known[method].options[option].default for option in options}
        for method, options in compared.items()
        if method in known
    }
    return group_trials(
        wanted, lambda trial: _variant(trial, defaults, largest.get(trial.task, 0.0))
    )


def group_trials(
    trials: Iterable[TrialConfig], key: Callable[[TrialConfig], Cell]
) -> dict[Cell, list[TrialConfig]]:
    """Group trials by `key`; groups and trials keep their order."""
    groups: dict[Cell, list[TrialConfig]] = {}
    for trial in trials:
        groups.setdefault(key(trial), []).append(trial)
    return groups


def group_by_setting(trials: Iterable[TrialConfig]) -> list[list[TrialConfig]]:
    """Group the trials that differ only in the seed; groups and trials keep their order."""
    groups: dict[TrialConfig, list[TrialConfig]] = {}
    for trial in trials:
        groups.setdefault(trial.with_seed(0), []).append(trial)
    return list(groups.values())


def _variant(
    trial: TrialConfig, defaults: Mapping[str, Mapping[str, object]], largest: float
) -> Cell:
    """Name a trial's cell by the options that a table compares and that differ from their defaults.

    A smaller `train_fraction` than the `largest` of the task is a variant, too.
    """
    options = trial.method.options()
    differences = [
        f"{name}={format_value(value)}"
        for name, default in defaults.get(trial.method.name, {}).items()
        if (value := options[name]) != default
    ]
    if trial.train_fraction < largest:
        differences.append(f"train_fraction={trial.train_fraction:.12g}")
    task, encoder, method = trial.cell
    return (task, encoder, " ".join([method, *differences]))
