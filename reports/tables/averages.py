"""Averages over the tasks of a table: their columns, cells and notes.

In: a `Board`. Out: columns, cells, and notes on the averages.
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
    """Return the columns of the averages and of the average gain, if the table has them.

    The best average is bold only if every system's gain over the baseline has an interval.
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
    """Return the column of an average gain with its interval."""
    return Column(title="Avg gain", subtitle=f"{gain.level:.0%} interval", ranked=False)


def average_cells(
    board: Board,
    scores: Sequence[Cell],
    average: Fraction | None = None,
    gain: AverageGain | None = None,
) -> tuple[Cell, ...]:
    """Return the cells of the mean over all tasks, over the common tasks, and of the gain.

    `average` replaces the computed mean, for published rows.
    """
    if not board.layout.average:
        return ()
    cells = [_mean(scores) if average is None else Cell(value=average)]
    if common := board.common:
        cells.append(_mean([scores[index] for index in common]))
    if board.gains:
        cells.append(Cell(words=gain_words(gain)) if gain else Cell())
    return tuple(cells)


def _mean(scores: Sequence[Cell]) -> Cell:
    """Return the mean of the unrounded numbers; missing if one of them is missing."""
    values = [cell.value for cell in scores if cell.value is not None]
    return Cell(value=sum(values) / len(values)) if len(values) == len(scores) else Cell()


def average_notes(board: Board) -> list[str]:
    """Return notes on what the averages are over, and on their gains."""
    if not board.layout.average:
        return []
    shared = [board.layout.columns[index] for index in board.common]
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
    """Return on how many of the tasks a system is at least better."""
    own = [v for key, v in board.verdicts.items() if key[1:] == (encoder, method)]
    return say_replicated(f"{board.title(method)} with {board.names(encoder)}", baseline, own)
