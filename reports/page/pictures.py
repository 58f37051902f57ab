"""Everything that the page and the figures draw, as numbers.

In: a study's trials and cells. Out: frozen `Pictures`; `page.py` and `figures.py` render them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from reports.page.budget_curves import BudgetPicture, budget_picture
from reports.page.heatmap import Heatmap, heatmap
from reports.page.importance import Importance, importance
from reports.page.landscape import Landscape, landscapes
from reports.page.styles import styles_of
from reports.page.training_curves import Count, TrainingCurve, training_curves
from reports.results.cells import CellResult
from search_spaces.cells import Cell
from search_spaces.errors import UserError
from search_spaces.method import OwnSettings, Style
from search_spaces.trial import TrialConfig

MOST_CURVES: Final = 600


@dataclass(frozen=True, kw_only=True, eq=False)
class CellPictures:
    """One cell's: `importance` is the reason where there is none, `heatmap` None without axes."""

    landscape: Landscape
    heatmap: Heatmap | None
    importance: Importance | str


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """All pictures of a study: by cell, by task and encoder, and training curves by trial.

    `given` says that predictions were made elsewhere, so that no trial is known; `wanted` and
    `wanted_cells` count all that the study has, also where nothing is finished yet. `classes` are
    the labels of each task.
    """

    study: str
    wanted: int
    wanted_cells: int
    cells: tuple[CellPictures, ...]
    budgets: tuple[BudgetPicture, ...]
    curves: tuple[TrainingCurve, ...]
    styles: Mapping[str, Style] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    given: bool = False


Named = TypeVar("Named", Landscape, BudgetPicture, TrainingCurve)


def with_display_names(of: Named, labels: Mapping[str, str]) -> Named:
    """Call a picture's methods, encoder and task as the study wants to have them called."""
    names = [name for name in ("task", "encoder", "method") if hasattr(of, name)]
    changes: dict[str, Any] = {n: labels.get(getattr(of, n), getattr(of, n)) for n in names}
    if isinstance(of, BudgetPicture):
        changes["curves"] = tuple(
            replace(curve, method=labels.get(curve.method, curve.method)) for curve in of.curves
        )
    return replace(of, **changes)


def draw_up(
    study: str,
    wanted: Mapping[Cell, Sequence[TrialConfig]],
    cells: Sequence[CellResult],
    labels: Mapping[str, str] | None = None,
    count: Count | None = None,
) -> Pictures:
    """Compute the numbers of every picture of the cells that have a finished trial.

    `wanted` has all trials of each cell, `labels` what figures call methods, encoders and tasks;
    `count` counts a trial's predictions on a split.
    """
    shown = [cell for cell in cells if cell.finished]
    surveyed = landscapes(wanted, shown)
    return Pictures(
        study=study,
        wanted=sum(map(len, wanted.values())),
        wanted_cells=len(wanted),
        cells=tuple(
            CellPictures(landscape=one, heatmap=heatmap(one), importance=_importance(one))
            for one in surveyed
        ),
        budgets=_budgets(surveyed, shown),
        curves=training_curves(surveyed, shown, MOST_CURVES, count),
        styles=styles_of(dict.fromkeys(cell.method for cell in shown), _own_styles(shown)),
        labels=labels or {},
        classes={cell.task: cell.finished[0].record.labels for cell in shown},
    )


def _own_styles(cells: Sequence[CellResult]) -> dict[str, Style | None]:
    """Return the looks that users' own methods bring along."""
    settings = [cell.finished[0].config.method for cell in cells]
    own = [one.method for one in settings if isinstance(one, OwnSettings) and one.method]
    return {method.name: method.style for method in own}


def _importance(of: Landscape) -> Importance | str:
    try:
        return importance(of)
    except UserError as error:
        return str(error)


def _budgets(
    surveyed: Sequence[Landscape], cells: Sequence[CellResult]
) -> tuple[BudgetPicture, ...]:
    groups: dict[tuple[str, str], list[tuple[Landscape, CellResult]]] = {}
    for one, cell in zip(surveyed, cells, strict=True):
        groups.setdefault((one.task, one.encoder), []).append((one, cell))
    return tuple(
        budget_picture([one for one, _ in group], [cell for _, cell in group])
        for group in groups.values()
    )
