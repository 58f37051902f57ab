"""The selection table: how much of each gain comes from choosing the best of many settings.

In: a study's results and verdicts. Out: a Table, on the split that chose the settings. A best score
alone shows neither how many settings it was chosen from nor what is left on other examples.
"""

from collections.abc import Sequence
from statistics import fmean

from reports.results.cells import CellResult, spread
from reports.results.results import Results
from reports.tables.captions import missing, only_encoder
from reports.tables.fine_print import budgets, gaps
from reports.tables.marks import SIGNIFICANT, SPLIT_TITLES
from reports.tables.report import metric_title
from reports.tables.table import Cell, Column, ColumnGroup, Kind, Row, Table, percent, with_metric
from reports.verdicts.judge import Verdicts
from reports.verdicts.verdict import BASELINE, Verdict
from search_spaces.display_names import DisplayNames
from trainers.records.metrics import DECIMALS


def selection_table(results: Results, verdicts: Verdicts) -> Table:
    """Build the table; cells without a finished trial are left out."""
    study_name, names = results.study.name, results.study.names
    shown = [cell for cell in results.cells if cell.finished]
    found = verdicts.on_selection_split(results.cells)
    systems = [(cell.task, cell.encoder) for cell in shown]
    rows = tuple(
        Row(
            labels=_labels(cell, names),
            cells=_cells(cell, verdicts, found.get(cell.id)),
            starts_block=index > 0 and systems[index] != systems[index - 1],
        )
        for index, cell in enumerate(shown)
    )
    groups = tuple(
        ColumnGroup(title=title, columns=tuple(Column(title=t, ranked=False) for t in columns))
        for title, columns in _groups(names(BASELINE)).items()
    )
    return Table(
        name=f"{study_name}-selection",
        title="Choice of settings",
        caption=_caption(shown, names),
        label_titles=("Task", "Encoder", "Method"),
        groups=groups,
        rows=rows,
        notes=(
            *_fine_print(study_name, shown, names),
            *(line for cell in shown for line in _notes(cell, found.get(cell.id), names)),
        ),
        signatures=tuple(line for cell in shown for line in _signature(cell, found.get(cell.id))),
    )


def _groups(baseline: str) -> dict[str, tuple[str, ...]]:
    """The columns under the titles of their groups."""
    return {
        "": ("Settings", "Seeds", "Trials"),
        "Best setting": ("score", "honest"),
        f"Gain on {baseline}": ("best", "matched", "least"),
        "p": ("naive", "after choice"),
    }


def _labels(cell: CellResult, names: DisplayNames) -> tuple[str, str, str]:
    task = cell.definition
    title = with_metric(names.task(task), metric_title(task, task.metric))
    return (title, names(cell.encoder), names(cell.method))


def _cells(cell: CellResult, verdicts: Verdicts, found: Verdict | None) -> tuple[Cell, ...]:
    chosen, honest = cell.chosen, verdicts.honest.get(cell.id)
    assert chosen is not None
    budget = found.budget if found else None
    numbers: list[tuple[float | None, Kind]] = [
        (len(cell.comparable), "count"),
        (len(chosen.trials), "count"),
        (len(cell.finished), "count"),
        (chosen.selection_score, "score"),
        (honest.honest if honest else None, "score"),
        (found.delta if found else None, "score"),
        (budget.matched_delta if budget else None, "score"),
        (found.least if found else None, "score"),
        (found.p_value if found else None, "p"),
        (found.p_after if found else None, "p"),
    ]
    deviation = spread([trial.record.selection_score for trial in chosen.trials])
    return tuple(
        Cell(
            value=value,
            kind=kind,
            n_trials=len(cell.finished),
            settings=len(cell.comparable),
            seeds=len(chosen.trials),
            deviation=deviation if index == SCORE else None,
        )
        for index, (value, kind) in enumerate(numbers)
    )


SCORE = 3
"""The index of the best setting's score in a row."""


def _where(cells: Sequence[CellResult]) -> str:
    splits = sorted({cell.finished[0].record.selection for cell in cells})
    sets = "sets" if len({cell.task for cell in cells}) > 1 else "set"
    return f"{' or '.join(SPLIT_TITLES.get(split, 'held-out') for split in splits)} {sets}"


def _caption(cells: Sequence[CellResult], names: DisplayNames) -> str:
    """Explain each column briefly."""
    baseline = names(BASELINE)
    columns = (
        f"What choosing the best setting adds, on the {_where(cells)} that chose"
        f"{only_encoder(cells, names)}. Honest: mean score on examples that did not choose. Gains,"
        f" in points, on {baseline}'s best; matched: from as many settings; least: the smallest"
        f" with {SIGNIFICANT}. p: before and after allowing for the choice, uncorrected."
    )
    return " ".join([columns, *missing(cells)])


def _fine_print(study_name: str, cells: Sequence[CellResult], names: DisplayNames) -> list[str]:
    """Explain each column in full."""
    baseline = names(BASELINE)
    return [
        f"Study {study_name}: how much of each gain comes from choosing the best setting, on the"
        f" {_where(cells)} that chose it. Settings to choose from and finished trials:"
        f" {budgets(cells, names)}.",
        "Honest: the mean score on left-out examples when bootstrap samples choose the setting.",
        f"Gain, in points: of the best setting over {baseline}'s best. Matched: the expected gain"
        f" of the best of as many random settings as {baseline} has. Least: the smallest gain with"
        f" {SIGNIFICANT} that these examples can show for two settings fixed in advance.",
        "Naive p: of the two best settings as if there were no others, two-sided. After choice:"
        " allowing for the choice, not corrected for multiple comparisons.",
        "--: not available (search unfinished, pruned or adaptive, other epochs to choose from than"
        f" {baseline}, or no {baseline} to compare with).",
        *gaps(cells),
    ]


def _notes(cell: CellResult, found: Verdict | None, names: DisplayNames) -> list[str]:
    """Return a note on a better epoch, and why the choice cannot be allowed for."""
    lines = _better_epoch(cell, names.cell(cell.definition, cell.encoder, cell.method))
    if found and found.selected and found.refused:
        lines.append(f"{cell.name}: refused: {found.refused}")
    return lines


def _signature(cell: CellResult, found: Verdict | None) -> list[str]:
    """Return the line on how the p-value and the budgets were computed."""
    if found is None or (found.selected and found.refused) or not (found.best and found.budget):
        return []
    budget = found.budget
    return [
        f"{cell.name}: {found.best.signature()}"
        f"|expected_best_of_{budget.matched}:{budget.matched_score:.4f}"
        f"|beats_best_{BASELINE}:{budget.matched_beats:.3f}"
        f"|even_in_mean:{budget.break_even_mean or 'never'}"
        f"|even_in_half:{budget.break_even_half or 'never'}"
    ]


def _better_epoch(cell: CellResult, name: str) -> list[str]:
    """Return a note if another epoch of the chosen setting scored higher than the one that counts.

    With several seeds the scores are means over seeds.
    """
    assert cell.chosen is not None
    curves = [[epoch.score for epoch in trial.record.epochs] for trial in cell.chosen.trials]
    means = [round(fmean(scores), DECIMALS) for scores in zip(*curves, strict=True)]
    kept, best = round(cell.chosen.selection_score, DECIMALS), max(means)
    if best <= kept:
        return []
    return [
        f"{name}: its score is that of the last epoch, {percent(kept, 1)};"
        f" after epoch {means.index(best) + 1} of {len(means)} it was {percent(best, 1)}."
    ]
