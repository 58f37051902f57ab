"""The notes of a table: the details that its caption has no room for, one item each.

In: a table's split, cells and verdicts. Out: items that describe exactly this table. `marks.py`
writes those on marks, `notes.py` those on gains.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from reports.results.cells import CellResult
from reports.tables.marks import SPLIT_TITLES, count, explain_marks, span
from reports.verdicts.looks import Looks
from reports.verdicts.verdict import Verdict
from search_spaces.display_names import DisplayNames
from search_spaces.tasks import Task
from trainers.records.metrics import get_metric

CHOSEN_BY = {
    "heldout": "score on training rows held out per class",
    "dev": "score on the dev set",
}
BOLD: Final = "Bold: best of its column as printed."
NEVER: Final[Looks] = {}


def fine_print(
    study_name: str,
    split: str,
    cells: Sequence[CellResult],
    verdicts: Sequence[Verdict],
    *,
    names: DisplayNames,
    flat: Sequence[CellResult] = (),
    tasks: Sequence[str] = (),
    beside: bool = True,
    looks: Looks = NEVER,
) -> list[str]:
    """Write the notes of a table of chosen settings.

    `looks` counts how often a test set was looked at, by task and split. `flat` are cells whose
    setting predicts one class for every example. `tasks` are the table's tasks if it has more than
    the cells. `beside` means that the table also shows metrics that are not tested.
    """
    items = [
        f"Study {study_name}, {SPLIT_TITLES.get(split, split)} set. {_each_number(cells)}",
        f"{_what_is_counted(cells)} to choose from: {budgets(cells, names)}.",
        BOLD,
    ]
    if beside and any(cell.definition.beside for cell in cells):
        items.append("A second metric is that of the same trials, untested.")
    items += name_positive_labels(cells, names)
    items += [f"Scored on a random sample of the dev rows: {s}." for s in sampled(split, cells)]
    items += [f"Trained on a part of the training rows: {s}." for s in subsampled(cells, names)]
    items += _without(split, cells, names)
    items += _fewer_seeds(cells, names)
    items += [f"One class for every example: {_named(flat, names)}."] if flat else []
    items += explain_marks(verdicts, names, split=split)
    if verdicts:
        items += _looked_at(split, cells, looks, names)
    return [*items, *gaps(cells), *_not_in_study(tasks, cells)]


def _each_number(cells: Sequence[CellResult]) -> str:
    """Return the note on what a number is: one trained model, or a mean over seeds."""
    seeds = {len(cell.chosen.trials) for cell in cells if cell.chosen}
    by = _chosen_by(cells)
    if seeds <= {1}:
        return (
            f"Each number is one trial: the best of its task and method, chosen by its {by}. One"
            " seed: the tests are of these trained models, not of the methods."
        )
    some = " or one trial's score where there is one seed," if 1 in seeds else ""
    return (
        "Each number is a mean over the seeds of one setting, with its standard deviation,"
        f"{some} chosen by the highest mean {by}."
    )


def _what_is_counted(cells: Sequence[CellResult]) -> str:
    return "Settings x seeds" if any(cell.seeds > 1 for cell in cells) else "Trials"


def name_positive_labels(cells: Sequence[CellResult], names: DisplayNames) -> list[str]:
    """`F1: of label equivalent (MRPC, QQP).`, where a task has F1."""
    tasks = {cell.task: cell.definition for cell in cells}.values()
    return list_positive_labels(
        {
            names.task(task): positive_label(task)
            for task in tasks
            if any(get_metric(name).needs_positive for name in (task.metric, *task.beside))
        }
    )


def list_positive_labels(labels: Mapping[str, str]) -> list[str]:
    """Name the label that F1 scores on each of these tasks."""
    known = {task: label for task, label in labels.items() if label}
    by_label = {
        label: ", ".join(task for task in known if known[task] == label) for label in known.values()
    }
    listed = ", ".join(f"{label} ({tasks})" for label, tasks in by_label.items())
    return [f"F1: of label {listed}."] if listed else []


def positive_label(task: Task) -> str:
    """Return the label that F1 scores, by its display name; empty if it is not known yet."""
    second = task.labels[1] if task.labels else ""
    return task.positive_title or task.positive or second


def sampled(split: str, cells: Sequence[CellResult]) -> list[str]:
    """List, in one string, the tasks that were scored on a part of the published dev rows."""
    found = {
        cell.definition.title: rows
        for cell in cells
        for trial in cell.finished
        if (rows := trial.config.max_eval_samples) is not None
        and split.startswith("dev")
        and rows < cell.definition.counts.get(split, 0)
    }
    named = ", ".join(f"{title} {rows:,}" for title, rows in found.items())
    return [named] if named else []


def subsampled(cells: Sequence[CellResult], names: DisplayNames) -> list[str]:
    """List, in one string, the tasks that were trained on a part of the training rows."""
    parts: dict[str, set[str]] = {}
    for cell in cells:
        for config in (trial.config for trial in cell.finished):
            if config.n_per_class is not None:
                part = f"{config.n_per_class} of each class"
            elif config.train_fraction < 1:
                part = f"{100 * config.train_fraction:g} %"
            else:
                continue
            parts.setdefault(names.task(cell.definition), set()).add(part)
    named = ", ".join(f"{title} {' or '.join(sorted(found))}" for title, found in parts.items())
    return [named] if named else []


def _without(split: str, cells: Sequence[CellResult], names: DisplayNames) -> list[str]:
    """Explain the dashes of chosen trials that ran before the split was added to the data."""
    found = [cell for cell in cells if cell.chosen and not cell.chosen_on(split)]
    return [f"A dash: trained before there was this set, {_named(found, names)}."] if found else []


def _named(cells: Sequence[CellResult], names: DisplayNames) -> str:
    return ", ".join(names.cell(cell.definition, cell.encoder, cell.method) for cell in cells)


def _fewer_seeds(cells: Sequence[CellResult], names: DisplayNames) -> list[str]:
    """List chosen settings with missing seeds, and count settings excluded for that reason."""
    short = [cell for cell in cells if cell.chosen and len(cell.chosen.trials) < cell.seeds]
    named = ", ".join(
        f"{_named([cell], names)} {len(cell.chosen.trials)} of {cell.seeds}"
        for cell in short
        if cell.chosen
    )
    left = sum(len(cell.trained_settings) - len(cell.comparable) for cell in cells)
    lines = [f"Seeds are missing: {named}."] if named else []
    if left:
        lines.append(f"{count(left, 'setting')} with fewer seeds than others could not be chosen.")
    return lines


def _chosen_by(cells: Sequence[CellResult]) -> str:
    chosen_on = {trial.record.selection for cell in cells for trial in cell.finished}
    return " or ".join(CHOSEN_BY[split] for split in sorted(chosen_on)) or "score"


def by_method(cells: Sequence[CellResult]) -> Mapping[str, list[CellResult]]:
    """Group a table's cells, in their order."""
    found: dict[str, list[CellResult]] = {}
    for cell in cells:
        found.setdefault(cell.method, []).append(cell)
    return found


def budgets(cells: Sequence[CellResult], names: DisplayNames) -> str:
    """Return how many settings, seeds or trials each method chose from, and the sampling."""
    groups = {names(method): group for method, group in by_method(cells).items()}
    ways = {method: _ways(group) for method, group in groups.items()}
    counts = {method: _budget(group) for method, group in groups.items()}
    if len(set(ways.values())) == 1:
        return ", ".join(f"{m} {n}" for m, n in counts.items()) + f" ({next(iter(ways.values()))})"
    return ", ".join(f"{m} {n} ({ways[m]})" for m, n in counts.items())


def _budget(cells: Sequence[CellResult]) -> str:
    """`3`, `3 x 5` for settings of five seeds, `1 of 3 (2 failed)`; ranges over several cells."""
    seeds = max(cell.seeds for cell in cells)
    failed = sum(cell.failed for cell in cells)
    if failed:
        total, done = sum(cell.total for cell in cells), sum(len(cell.finished) for cell in cells)
        trials = " trials" if seeds > 1 else ""
        return f"{done} of {total}{trials} ({failed} failed)"
    settings = span(len(cell.trained_settings) for cell in cells)
    return settings if seeds == 1 else f"{settings} x {span(cell.seeds for cell in cells)}"


def _ways(cells: Sequence[CellResult]) -> str:
    return " or ".join(sorted({describe_sampling(cell) for cell in cells}))


def describe_sampling(cell: CellResult) -> str:
    """Return in words how a cell's trials were chosen from the study's grid."""
    if cell.sampled == "adaptive":
        return "adaptive search"
    what = "random draw" if cell.sampled == "random" else "grid"
    if cell.missing:
        return f"unfinished {what}"
    if cell.pruned:
        return f"{what} with early stopping"
    if cell.failed:
        return f"{what} with failures"
    return "random draw" if cell.undrawn else "complete grid"


def _looked_at(
    split: str, cells: Sequence[CellResult], looks: Looks, names: DisplayNames
) -> list[str]:
    """Return a note on test sets that were looked at more than once."""
    titles = {cell.task: names.task(cell.definition) for cell in cells}
    counts = {titles[t]: n for (t, of), n in looks.items() if of == split and t in titles and n > 1}
    named = ", ".join(f"{title} {number} times" for title, number in counts.items())
    if not named:
        return []
    return [f"Looked at before, with other trials each time: {named}; no p allows for that."]


def gaps(cells: Sequence[CellResult]) -> list[str]:
    """Return a note with the counts of trials without a score, if there are any."""
    counts = {
        "stopped early": sum(cell.pruned for cell in cells),
        "failed": sum(cell.failed for cell in cells),
        "not drawn": sum(cell.undrawn for cell in cells),
        "not run to the end": sum(cell.missing for cell in cells),
    }
    parts = [f"{number} {_verb(what, number)}" for what, number in counts.items() if number]
    if not parts:
        return []
    total = count(sum(cell.total for cell in cells), "trial")
    dashes = " A dash: none is finished." if any(not cell.finished for cell in cells) else ""
    return [f"Of {total} {', '.join(parts)}.{dashes}"]


def _not_in_study(tasks: Sequence[str], cells: Sequence[CellResult]) -> list[str]:
    """Explain the dashes of cells that are not in the study."""
    keys = {cell.key for cell in cells}
    systems = {(encoder, method) for _, encoder, method in keys}
    columns = {*tasks, *(task for task, _, _ in keys)}
    return [] if len(keys) == len(systems) * len(columns) else ["Other dashes: not in the study."]


def _verb(what: str, number: int) -> str:
    if what == "failed":
        return what
    return f"{'was' if number == 1 else 'were'} {what}"
