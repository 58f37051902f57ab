"""Averages of a laid-out table over its tasks: their columns, cells and notes.

In: a `Board`. Out: columns and cells, and note items on what the averages are over.
"""

from collections.abc import Sequence
from fractions import Fraction

from reports.statistics.across_tasks import AverageGain
from reports.tables.board import Board
from reports.tables.marks import say_replicated
from reports.tables.notes import gain_words
from reports.tables.table import Cell, Column
from reports.verdicts.verdict import BASELINE

NOT_BOLD = "No average is bold: of one seed nothing says how sure it is."


def average_columns(board: Board) -> tuple[Column, ...]:
    """Return the columns of the averages and of the average gain, where the table has them.

    Averages compete where the gain of every system on the baseline has an interval.
    """
    if not board.layout.average:
        return ()
    systems = [system for system in board.systems() if system[1] != BASELINE]
    ranked = bool(systems) and all(system in board.gains for system in systems)
    columns = [Column(title="Avg", ranked=ranked)]
    if few := len(board.common):
        columns.append(Column(title=f"Avg of {few}", ranked=ranked))
    if board.gains:
        columns.append(gain_column(next(iter(board.gains.values()))))
    return tuple(columns)


def gain_column(gain: AverageGain) -> Column:
    """The column of a gain and its interval."""
    return Column(title="Avg gain", subtitle=f"{gain.level:.0%} interval", ranked=False)


def averages_of(
    board: Board,
    scores: Sequence[Cell],
    average: Fraction | None = None,
    gain: AverageGain | None = None,
) -> tuple[Cell, ...]:
    """The mean over all tasks, as printed where it was, that over our tasks, and the gain."""
    if not board.layout.average:
        return ()
    cells = [_mean(scores) if average is None else Cell(value=average)]
    if common := board.common:
        cells.append(_mean([scores[place] for place in common]))
    if board.gains:
        cells.append(Cell(words=gain_words(gain)) if gain else Cell())
    return tuple(cells)


def _mean(scores: Sequence[Cell]) -> Cell:
    """The unrounded numbers' mean; missing where one of them is."""
    values = [cell.value for cell in scores if cell.value is not None]
    return Cell(value=sum(values) / len(values)) if len(values) == len(scores) else Cell()


def average_notes(board: Board) -> list[str]:
    """Say what the averages are over, and what may be said of their gains."""
    if not board.layout.average:
        return []
    shared = [board.layout.columns[place] for place in board.common]
    titles = [board.names.task(board.definitions[name]) for name in shared]
    items = ["Avg: over all tasks of the table; a dash where one is missing."]
    if titles:
        items.append(
            f"Avg of {len(titles)}: over those of which all our systems have a number"
            f" ({', '.join(titles)})."
        )
    gains = board.gains
    if not gains:
        return [*items, NOT_BOLD]
    baseline = board.names(BASELINE)
    items.append(
        f"Avg gain: on {baseline}, in points, with its {next(iter(gains.values())).level:.0%}"
        " interval over seeds and examples."
    )
    return [*items, *(_replicated(board, baseline, *system) for system in gains)]


def _replicated(board: Board, baseline: str, encoder: str, method: str) -> str:
    """Say on how many of the tasks a system is better at least."""
    own = [v for key, v in board.verdicts.items() if key[1:] == (encoder, method)]
    return say_replicated(f"{board.title(method)} with {board.names(encoder)}", baseline, own)
