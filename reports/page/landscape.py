"""A cell's scores over its settings, for heatmaps, importances and parallel coordinates.

In: all trials of a cell, and the finished ones. Out: a frozen `Landscape`.

Shapes: M finished trials, A axes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from reports.results.cells import CellKey, CellResult
from search_spaces.trial import TrialConfig
from trainers.records.metrics import DECIMALS, Labels, Values


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A setting that varies in a cell, and its values: numbers sorted, others in study order."""

    name: str
    values: tuple[object, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The values as a study would write them."""
        return tuple(written(value) for value in self.values)


@dataclass(frozen=True, kw_only=True, eq=False)
class Landscape:
    """The finished trials of a cell: scores (M,) at `value_indices` (M, A) into the axes' values.

    `setting` (M,) is the index of each trial's setting. `split` is the split that chooses settings,
    `seconds` (M,) the duration of each trial, and `wanted` the number of trials in the study.
    """

    task: str
    encoder: str
    method: str
    metric: str
    split: str
    axes: tuple[Axis, ...]
    trials: tuple[str, ...]
    value_indices: Labels
    scores: Values
    setting: Labels
    seconds: Values
    wanted: int

    @property
    def title(self) -> str:
        """The name of the cell."""
        return f"{self.task}, {self.encoder}, {self.method}"

    @cached_property
    def seeds(self) -> Labels:
        """The number of finished seeds of each trial's setting (M,)."""
        counts: Labels = np.bincount(self.setting)[self.setting]
        return counts

    @cached_property
    def means(self) -> Values:
        """The mean score over the seeds of each trial's setting (M,)."""
        sums = np.bincount(self.setting, weights=self.scores)[self.setting]
        return np.asarray(sums / self.seeds)

    @property
    def comparable(self) -> Values:
        """The means of the settings with the largest number of finished seeds."""
        first = np.unique(self.setting, return_index=True)[1]
        return np.asarray(self.means[first[self.seeds[first] == self.seeds.max()]])

    @cached_property
    def ranking(self) -> Labels:
        """The trials (M,), the best seed of the best setting first, the first one if tied.

        Settings are ranked by the number of finished seeds, then by their mean.
        """
        return np.lexsort((-self.scores, self.setting, -self.means.round(DECIMALS), -self.seeds))

    @property
    def is_full_grid(self) -> bool:
        """Whether every combination of the axes' values has exactly one trial."""
        shape = tuple(len(axis.values) for axis in self.axes)
        if len(self.trials) != prod(shape):
            return False
        return len(np.unique(self.value_indices, axis=0)) == len(self.trials)


def written(value: object) -> str:
    """Write a value as a study file would: 1e-05, 0.1, true, 0.9 and 0.98."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " and ".join(written(part) for part in value)
    return f"{value:.12g}" if isinstance(value, int | float) else str(value)


def build_landscapes(
    wanted: Mapping[CellKey, Sequence[TrialConfig]], cells: Sequence[CellResult]
) -> tuple[Landscape, ...]:
    """Build the landscape of every cell with a finished trial; `wanted` has all trials by cell."""
    return tuple(_survey(wanted[cell.key], cell) for cell in cells if cell.finished)


def _survey(wanted: Sequence[TrialConfig], cell: CellResult) -> Landscape:
    axes = _axes([trial.settings for trial in wanted])
    index_by_value = [{value: index for index, value in enumerate(axis.values)} for axis in axes]
    settings = [trial.config.settings for trial in cell.finished]
    value_indices = [
        [index_by_value[column][point[axis.name]] for column, axis in enumerate(axes)]
        for point in settings
    ]
    first = cell.finished[0].record
    setting_index = {
        name: index
        for index, setting in enumerate(cell.trained_settings)
        for name in setting.signatures
    }
    return Landscape(
        task=cell.task,
        encoder=cell.encoder,
        method=cell.method,
        metric=first.metric,
        split=first.selection,
        axes=axes,
        trials=tuple(trial.record.signature for trial in cell.finished),
        value_indices=np.array(value_indices, dtype=np.int64).reshape(len(settings), len(axes)),
        scores=np.array([trial.record.selection_score for trial in cell.finished]),
        setting=np.array([setting_index[trial.record.signature] for trial in cell.finished]),
        seconds=np.array([trial.record.seconds for trial in cell.finished]),
        wanted=len(wanted),
    )


def _axes(points: Sequence[Mapping[str, object]]) -> tuple[Axis, ...]:
    found = []
    for name in sorted(points[0], key=lambda name: name != "lr"):  # The learning rate first.
        values = list(dict.fromkeys(point[name] for point in points))
        if len(values) > 1:
            found.append(Axis(name=name, values=tuple(_in_order(values))))
    return tuple(found)


def _in_order(values: list[object]) -> list[object]:
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return [*sorted(numbers)] if len(numbers) == len(values) else values
