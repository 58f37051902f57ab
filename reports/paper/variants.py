"""Variants of a method: in a study that fills tables of the paper, each is a cell of its own.

In: a study. Out: its trials by cell, where a method's name has beside it what a table compares it
by: `cat perturb=embedding`, `cat norm=mix`, `cat train_fraction=0.5`. Elsewhere a cell is a
(task, encoder, method), and its best trial is the best of all variants.
"""

from collections.abc import Sequence
from typing import Final

from reports.cells import Key, grouped
from search_spaces.study import Study
from search_spaces.trial import TrialConfig

COMPARED: Final = {"perturb": "matrix", "norm": "max"}
"""Options of `cat` that Tables 9 and 10 compare, and the paper's own choice, which goes unnamed."""


def cells_of(study: Study, trials: Sequence[TrialConfig]) -> dict[Key, list[TrialConfig]]:
    """Group some of a study's trials into cells, all in the study's order."""
    if not study.tables:
        return grouped(trials, lambda trial: trial.cell)
    most: dict[str, float] = {}
    for trial in study.trials():
        most[trial.task] = max(most.get(trial.task, 0.0), trial.train_fraction)
    return grouped(trials, lambda trial: _key(trial, most[trial.task]))


def _key(trial: TrialConfig, most: float) -> Key:
    """Name the cell; fewer training rows than the task's other trials have are a variant, too."""
    said = [
        f"{name}={value}"
        for name, own in COMPARED.items()
        if trial.method.name == "cat" and (value := getattr(trial.method, name)) != own
    ]
    if trial.train_fraction < most:
        said.append(f"train_fraction={trial.train_fraction:.12g}")
    task, encoder, method = trial.cell
    return (task, encoder, " ".join([method, *said]))
