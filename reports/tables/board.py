"""A laid-out table in the making: its layout, the cells of a study, and the verdicts on them.

In: a `Layout`, the cells of a study and its verdicts. Out: a `Board`, which knows the table's
systems, their numbers, and over which tasks an average can be taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from reports.results.cells import CellKey, CellResult
from reports.results.results import CellGroup
from reports.statistics.across_tasks import AverageGain
from reports.tables.notes import average_of
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
    """A table in the making: its layout, and the cells and verdicts that fill it.

    `flat` are cells whose setting predicts one class for every example; `looks` are at test sets,
    `worth` is the smallest gain that matters.
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
        """Our numbers of a system, one for each of the table's tasks."""
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
        """The table's words for a system; a method that it does not list has its own title."""
        return self.names(bare(method))

    def systems(self) -> list[tuple[str, str]]:
        """Every (encoder, method): by encoder, then in the paper's order of methods."""
        places = {name: place for place, name in enumerate(self.layout.rows)}
        encoders = list(dict.fromkeys(encoder for _, encoder, _ in self.cells))
        found = dict.fromkeys((encoder, method) for _, encoder, method in self.cells)
        return sorted(
            found,
            key=lambda pair: (encoders.index(pair[0]), places.get(bare(pair[1]), len(places))),
        )

    @cached_property
    def gains(self) -> dict[tuple[str, str], AverageGain]:
        """The gains on the baseline averaged over the table's tasks, or those that all have.

        By system; one without a test over seeds on each of these tasks is left out.
        """
        places = self.common or range(len(self.layout.columns))
        tasks = [self.layout.columns[place] for place in places]
        found = {
            system: average_of([self.verdicts.get((task, *system)) for task in tasks])
            for system in self.systems()
        }
        return {system: gain for system, gain in found.items() if gain}

    @cached_property
    def common(self) -> tuple[int, ...]:
        """The tasks of which all our systems have a number, by place; none if that is all of them.

        A system without any number does not count.
        """
        rows = [self.scores(*system) for system in self.systems()]
        begun = [row for row in rows if any(cell.value is not None for cell in row)]
        tasks = range(len(self.layout.columns))
        shared = tuple(p for p in tasks if all(row[p].value is not None for row in begun))
        return shared if 1 < len(shared) < len(tasks) else ()


def lay_out(layout: Layout, cells: CellGroup, verdicts: Verdicts, study: Study) -> Board | None:
    """Fill a layout with the cells of a study that are its own, and the verdicts on them.

    None where none of the cells has a finished trial.
    """
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
    """What the table calls its rows comes before what the study calls them."""
    rows = {row: title for row, title in layout.rows.items() if title != row}
    return DisplayNames(labels=study.display_names | rows)


def bare(method: str) -> str:
    """Leave out of a cell's name how many training rows it has."""
    return method.split(" train_fraction=", maxsplit=1)[0]
