"""The numbers of everything that the page and the figures draw.

In: a study's trials and cells. Out: frozen `Pictures`, which `page.py` and `figures.py` render.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from reports.page.budget_curves import BudgetPicture, build_budget_picture
from reports.page.heatmap import Heatmap, build_heatmap
from reports.page.importance import Importance, compute_importance
from reports.page.landscape import Landscape, build_landscapes
from reports.page.styles import choose_styles
from reports.page.training_curves import Count, TrainingCurve, read_training_curves
from reports.results.cells import CellKey, CellResult
from search_spaces.errors import UserError
from search_spaces.method import OwnSettings, Style
from search_spaces.trial import TrialConfig

MOST_CURVES: Final = 600


@dataclass(frozen=True, kw_only=True, eq=False)
class CellPictures:
    """The pictures of one cell; `importance` may be the reason for none, `heatmap` may be None."""

    landscape: Landscape
    heatmap: Heatmap | None
    importance: Importance | str


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """All pictures of a study: by cell, by task and encoder, and training curves by trial.

    `study` is the study's name. `given` means that predictions of other programs are shown, so that
    there are no trials; `wanted` and `wanted_cells` count all trials and cells of the study,
    finished or not. `classes` are the labels of each task.
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


def with_display_names(picture: Named, labels: Mapping[str, str]) -> Named:
    """Replace the names of a picture's methods, encoder and task by their display names."""
    names = [name for name in ("task", "encoder", "method") if hasattr(picture, name)]
    changes: dict[str, Any] = {
        n: labels.get(getattr(picture, n), getattr(picture, n)) for n in names
    }
    if isinstance(picture, BudgetPicture):
        changes["curves"] = tuple(
            replace(curve, method=labels.get(curve.method, curve.method))
            for curve in picture.curves
        )
    return replace(picture, **changes)


def build_pictures(
    study_name: str,
    wanted: Mapping[CellKey, Sequence[TrialConfig]],
    cells: Sequence[CellResult],
    labels: Mapping[str, str] | None = None,
    count: Count | None = None,
) -> Pictures:
    """Compute the numbers of every picture of the cells that have a finished trial.

    `wanted` has all trials of each cell, `labels` the display names of methods, encoders and tasks;
    `count` counts a trial's predictions on a split.
    """
    shown = [cell for cell in cells if cell.finished]
    surveyed = build_landscapes(wanted, shown)
    return Pictures(
        study=study_name,
        wanted=sum(map(len, wanted.values())),
        wanted_cells=len(wanted),
        cells=tuple(
            CellPictures(landscape=one, heatmap=build_heatmap(one), importance=_importance(one))
            for one in surveyed
        ),
        budgets=_budgets(surveyed, shown),
        curves=read_training_curves(surveyed, shown, MOST_CURVES, count),
        styles=choose_styles(dict.fromkeys(cell.method for cell in shown), _own_styles(shown)),
        labels=labels or {},
        classes={cell.task: cell.finished[0].record.labels for cell in shown},
    )


def _own_styles(cells: Sequence[CellResult]) -> dict[str, Style | None]:
    """Return the styles that users' own methods define."""
    settings = [cell.finished[0].config.method for cell in cells]
    own = [one.method for one in settings if isinstance(one, OwnSettings) and one.method]
    return {method.name: method.style for method in own}


def _importance(landscape: Landscape) -> Importance | str:
    try:
        return compute_importance(landscape)
    except UserError as error:
        return str(error)


def _budgets(
    surveyed: Sequence[Landscape], cells: Sequence[CellResult]
) -> tuple[BudgetPicture, ...]:
    groups: dict[tuple[str, str], list[tuple[Landscape, CellResult]]] = {}
    for one, cell in zip(surveyed, cells, strict=True):
        groups.setdefault((one.task, one.encoder), []).append((one, cell))
    return tuple(
        build_budget_picture([one for one, _ in group], [cell for _, cell in group])
        for group in groups.values()
    )
