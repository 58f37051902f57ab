"""How much is the choice worth: a table of every cell's choice among its trials.

In: cells and their `Choice`s. Out: a Table, on the split that chose the trials. In comparisons of
systems none of it shows: a best score says neither from how many it is the best, nor what remains
of it on other examples.
"""

from collections.abc import Mapping, Sequence

from reports.cells import CellResult, Key
from reports.tables.captions import SIGNIFICANT, SPLIT_TITLES, budgets, gaps
from reports.tables.choice import BASELINE, Choice
from reports.tables.table import Cell, Column, ColumnGroup, Kind, Row, Table, percent
from trainers.records.metrics import get_metric

GROUPS = {
    "": ("Trials",),
    "Best trial": ("score", "honest"),
    f"Gain on {BASELINE}": ("best", "matched", "least"),
    "p": ("naive", "after choice"),
}


def selection_table(
    study: str, cells: Sequence[CellResult], choices: Mapping[Key, Choice]
) -> Table:
    """Build the table; cells without a finished trial are left out."""
    shown = [cell for cell in cells if cell.key in choices]
    systems = [(cell.task, cell.encoder) for cell in shown]
    rows = tuple(
        Row(
            labels=_labels(cell),
            cells=_cells(cell, choices[cell.key]),
            starts_block=place > 0 and systems[place] != systems[place - 1],
        )
        for place, cell in enumerate(shown)
    )
    groups = tuple(
        ColumnGroup(title=title, columns=tuple(Column(title=t, ranked=False) for t in columns))
        for title, columns in GROUPS.items()
    )
    return Table(
        name=f"{study}-selection",
        caption=_caption(study, shown, choices),
        label_titles=("Task", "Encoder", "Method"),
        groups=groups,
        rows=rows,
        notes=tuple(_notes(shown, choices)),
    )


def _labels(cell: CellResult) -> tuple[str, str, str]:
    task = cell.definition
    return (f"{task.title} ({get_metric(task.metric).title})", cell.encoder, cell.method)


def _cells(cell: CellResult, choice: Choice) -> tuple[Cell, ...]:
    best = cell.best.record.selection_score if cell.best else None
    honest, pair, gap, budget = choice.honest, choice.comparison, choice.gap, choice.budget
    numbers: list[tuple[float | None, Kind]] = [
        (len(cell.finished), "count"),
        (best, "score"),
        (honest.honest if honest else None, "score"),
        (pair.delta if pair else None, "score"),
        (budget.matched_delta if budget else None, "score"),
        (gap.smallest if gap else None, "score"),
        (pair.p_value if pair else None, "p"),
        (choice.best.p_value if choice.best else None, "p"),
    ]
    return tuple(
        Cell(value=value, kind=kind, n_trials=len(cell.finished)) for value, kind in numbers
    )


def _caption(study: str, cells: Sequence[CellResult], choices: Mapping[Key, Choice]) -> str:
    splits = sorted({choices[cell.key].split for cell in cells})
    where = " or ".join(SPLIT_TITLES.get(split, "held-out") for split in splits)
    return " ".join(
        [
            f"Study {study}: what the choice of the best trial is worth, on the {where} set that"
            f" chose it. Trials: those finished, {budgets(cells)}.",
            "Honest: the mean score on examples left out, when bootstrap samples choose the trial.",
            f"Gain, in points: of the best trial on {BASELINE}'s best. Matched: the expected gain"
            f" of the best of as many random trials as {BASELINE} has. Least: the smallest gain"
            f" with {SIGNIFICANT} between two given trials that differ on as many examples.",
            "Naive p: of the two best trials as if they were the only ones, two-sided. After"
            " choice: of best against best, two-sided, not corrected for several comparisons.",
            "A dash: it needs all trials of a grid or of a random draw, trained to their end, as"
            f" many epochs to choose from as {BASELINE} has, or a {BASELINE} to compare with.",
            *gaps(cells),
        ]
    )


def _notes(cells: Sequence[CellResult], choices: Mapping[Key, Choice]) -> list[str]:
    """Each trial's better epochs; how each comparison's p was computed, what budgets would do."""
    lines = []
    for cell in cells:
        lines += _better_epoch(cell)
        choice = choices[cell.key]
        if choice.refused:
            lines.append(f"{cell.name}: refused: {choice.refused}")
        elif choice.best and choice.budget:
            budget = choice.budget
            lines.append(
                f"{cell.name}: {choice.best.signature()}"
                f"|expected_best_of_{budget.matched}:{budget.matched_score:.4f}"
                f"|beats_best_{BASELINE}:{budget.matched_beats:.3f}"
                f"|even_in_mean:{budget.break_even_mean or 'never'}"
                f"|even_in_half:{budget.break_even_half or 'never'}"
            )
    return lines


def _better_epoch(cell: CellResult) -> list[str]:
    """Name the best epoch of a cell's best trial where that is not the one whose weights count."""
    if cell.best is None:
        return []
    kept, epochs = cell.best.record.selection_score, cell.best.record.epochs
    best = max(epochs, key=lambda epoch: epoch.score)
    if best.score <= kept:
        return []
    return [
        f"{cell.name}: its score is that of the last epoch, {percent(kept, 1)};"
        f" after epoch {best.epoch} of {len(epochs)} it was {percent(best.score, 1)}"
    ]
