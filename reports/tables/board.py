"""A board: a table layout together with the cells and verdicts that fill it.

In: a `Layout`, the cells of a study and its verdicts. Out: a `Board`, which provides the table's
systems, their numbers, and the tasks over which they are averaged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from reports.results.cells import CellKey, CellResult
from reports.results.results import CellGroup
from reports.statistics.across_tasks import AverageGain
from reports.tables.notes import average_verdicts
from reports.tables.report import score_cell
from reports.tables.table import Cell
from reports.verdicts.judge import Verdicts
from reports.verdicts.looks import Looks
from reports.verdicts.verdict import Verdict
from search_spaces.display_names import DisplayNames
from search_spaces.layouts import Layout
from search_spaces.study import Study
from search_spaces.tasks import Task


@dataclass(frozen=True, kw_only=True)
class Board:
    """A table layout, and the cells and verdicts that fill it.

    `flat` are cells whose setting predicts one class for every example; `looks` counts looks at
    test sets; `worth` is the smallest gain that matters.
    """

    layout: Layout
    names: DisplayNames
    definitions: Mapping[str, Task]
    cells: Mapping[CellKey, CellResult]
    verdicts: Mapping[CellKey, Verdict]
    flat: Sequence[CellResult]
    looks: Looks
    worth: float | None

    def scores(self, encoder: str, method: str) -> tuple[Cell, ...]:
        """Return the scores of a system, one per task of the table."""
        return tuple(
            score_cell(
                self.cells.get((task, encoder, method)),
                self.definitions[task].metric,
                self.layout.split,
                self.verdicts.get((task, encoder, method)),
            )
            for task in self.layout.columns
        )

    def title(self, method: str) -> str:
        """Return the name of a method in the table."""
        return self.names(bare(method))

    def systems(self) -> list[tuple[str, str]]:
        """Return every (encoder, method): by encoder, then in the layout's order of methods."""
        order = {name: index for index, name in enumerate(self.layout.rows)}
        encoders = list(dict.fromkeys(encoder for _, encoder, _ in self.cells))
        found = dict.fromkeys((encoder, method) for _, encoder, method in self.cells)
        return sorted(
            found,
            key=lambda pair: (encoders.index(pair[0]), order.get(bare(pair[1]), len(order))),
        )

    @cached_property
    def gains(self) -> dict[tuple[str, str], AverageGain]:
        """The average gain of each system over the baseline, over all or the common tasks.

        A system without a test over seeds on each of these tasks is left out.
        """
        indices = self.common or range(len(self.layout.columns))
        tasks = [self.layout.columns[index] for index in indices]
        gains = {
            system: average_verdicts([self.verdicts.get((task, *system)) for task in tasks])
            for system in self.systems()
        }
        return {system: gain for system, gain in gains.items() if gain}

    @cached_property
    def common(self) -> tuple[int, ...]:
        """The indices of the tasks for which all systems have a score; empty if that is every task.

        Systems without any score are ignored.
        """
        rows = [self.scores(*system) for system in self.systems()]
        begun = [row for row in rows if any(cell.value is not None for cell in row)]
        tasks = range(len(self.layout.columns))
        shared = tuple(p for p in tasks if all(row[p].value is not None for row in begun))
        return shared if 1 < len(shared) < len(tasks) else ()


def lay_out(layout: Layout, cells: CellGroup, verdicts: Verdicts, study: Study) -> Board | None:
    """Fill a layout with its cells and the verdicts on them; None if no trial is finished."""
    shown = [c for c in cells if c.task in layout.columns and c.has_split(layout.split)]
    if layout.rows and not layout.others:
        shown = [cell for cell in shown if bare(cell.method) in layout.rows]
    if not any(cell.finished for cell in shown):
        return None
    keys = {cell.key for cell in shown}
    found = {verdict.key: verdict for verdict in verdicts.on_split(cells, layout.split)}
    return Board(
        layout=layout,
        names=_names(layout, study),
        definitions={name: study.known_tasks[name] for name in layout.columns},
        cells={cell.key: cell for cell in shown},
        verdicts={key: verdict for key, verdict in found.items() if key in keys},
        flat=verdicts.flat_cells(shown, layout.split),
        looks=verdicts.looks,
        worth=verdicts.worth,
    )


def _names(layout: Layout, study: Study) -> DisplayNames:
    """Return the display names; those of the table's rows override the study's."""
    rows = {row: title for row, title in layout.rows.items() if title != row}
    return DisplayNames(labels=study.display_names | rows)


def bare(method: str) -> str:
    """Return a cell's method without the fraction of training rows."""
    return method.split(" train_fraction=", maxsplit=1)[0]
