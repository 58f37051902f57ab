"""Cells: the trials among which a search, early stopping, a kept model and a table's number choose.

In: a study. Out: its trials by cell. A cell is a (task, encoder, method); in a study that fills
tables of the paper what a table compares is a cell of its own, and the method's name has it beside:
`cat perturb=embedding`, `cat norm=mix`, `cat train_fraction=0.5`.
"""

from collections.abc import Callable, Iterable
from typing import Final, Literal

from search_spaces.study import Study
from search_spaces.trial import TrialConfig

Cell = tuple[str, str, str]
Sampling = Literal["grid", "random", "adaptive"]
"""How a cell's trials were chosen from its grid."""

COMPARED: Final = {"perturb": "matrix", "norm": "max"}
"""Options of `cat` that Tables 9 and 10 compare, and the paper's own choice, which goes unnamed."""


def cells_of(
    study: Study, trials: Iterable[TrialConfig] | None = None
) -> dict[Cell, list[TrialConfig]]:
    """Group a study's trials, or some of them, into its cells, all in the study's order."""
    wanted = study.trials() if trials is None else trials
    if not study.tables:
        return grouped(wanted, lambda trial: trial.cell)
    most: dict[str, float] = {}
    for trial in study.trials():
        most[trial.task] = max(most.get(trial.task, 0.0), trial.train_fraction)
    return grouped(wanted, lambda trial: _variant(trial, most[trial.task]))


def grouped(
    trials: Iterable[TrialConfig], key: Callable[[TrialConfig], Cell]
) -> dict[Cell, list[TrialConfig]]:
    """Group trials by what `key` says, both in their order."""
    groups: dict[Cell, list[TrialConfig]] = {}
    for trial in trials:
        groups.setdefault(key(trial), []).append(trial)
    return groups


def _variant(trial: TrialConfig, most: float) -> Cell:
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
