"""Captions: what is bold, what the marks mean, what was chosen from how many, on which data.

In: a table's split, cells and tests. Out: sentences, each true of exactly these.
"""

from collections.abc import Iterable, Sequence

from reports.cells import CellResult
from reports.statistics.best_vs_best import BestVsBest
from reports.tables.choice import ALPHA, BASELINE
from reports.tables.table import percent
from reports.tables.tested import Tested
from trainers.records.metrics import get_metric

SPLIT_TITLES = {
    "dev": "dev",
    "dev_mismatched": "mismatched dev",
    "test": "test",
    "test_difficult": "difficult test",
}
TEST_TITLES = {"mcnemar": "McNemar's exact test", "fisher": "the Fisher randomization test"}
CHOSEN_BY = {
    "heldout": "its score on training rows held out per class",
    "dev": "its score on the dev set",
}
MOST_NAMED = 3
FEW = 50
"""Examples of a label; with fewer best against best is known to reject too often."""
# A line must not break inside: the spaces hold it together.
SIGNIFICANT = "p\u00a0<\u00a0.05"


def caption(
    study: str,
    split: str,
    cells: Sequence[CellResult],
    tests: Sequence[Tested],
    *,
    one_class: Sequence[CellResult] = (),
    tasks: Sequence[str] = (),
    beside: bool = True,
) -> str:
    """The caption of a table of best trials.

    `one_class` are cells whose trial predicts the same class for every example; `tasks` the table's
    where it has more than the cells; `beside`: it has the metrics that are not tested, too.
    """
    sentences = [
        f"Study {study}, {SPLIT_TITLES.get(split, split)} set. Each number is one trial: the best"
        f" of its cell, chosen by {_chosen_by(cells)}.",
        f"Trials to choose from: {budgets(cells)}.",
        "Bold: best of its column as printed.",
    ]
    if beside and any(cell.definition.beside for cell in cells):
        sentences.append("A second metric is that of the same trials, untested.")
    sentences += [*_sampled(split, cells), *_without(split, cells), *_one_class(one_class)]
    if tests:
        sentences += [*_dagger(tests), *_double_dagger(tests), *_few(tests), *_refused(tests)]
        sentences += [*_epochs(tests), *_cannot_show(split, tests), *_intervals(tests)]
    return " ".join([*sentences, *gaps(cells), *_not_in_study(tasks, cells)])


def _sampled(split: str, cells: Sequence[CellResult]) -> list[str]:
    """Say so where the trials were scored on a part of the published dev rows."""
    found = {
        cell.definition.title: rows
        for cell in cells
        for trial in cell.finished
        if (rows := trial.config.max_eval_samples) is not None
        and split.startswith("dev")
        and rows < cell.definition.counts.get(split, 0)
    }
    named = ", ".join(f"{title} {rows:,}" for title, rows in found.items())
    return [f"Scored on a random sample of the dev rows: {named}."] if found else []


def _without(split: str, cells: Sequence[CellResult]) -> list[str]:
    """Name the dashes of chosen trials that are from before the data had the split."""
    found = [cell for cell in cells if cell.best and not cell.best_on(split)]
    return [f"A dash: trained before there was this set, {_named(found)}."] if found else []


def _one_class(cells: Sequence[CellResult]) -> list[str]:
    return [f"One class for every example: {_named(cells)}."] if cells else []


def _named(cells: Sequence[CellResult]) -> str:
    return ", ".join(f"{cell.definition.title} {cell.encoder} {cell.method}" for cell in cells)


def _chosen_by(cells: Sequence[CellResult]) -> str:
    chosen_on = {trial.record.selection for cell in cells for trial in cell.finished}
    return " or ".join(CHOSEN_BY[split] for split in sorted(chosen_on)) or "its score"


def budgets(cells: Sequence[CellResult]) -> str:
    """How many finished trials each method has to choose from, and how they were chosen."""
    by_method: dict[str, list[CellResult]] = {}
    for cell in cells:
        by_method.setdefault(cell.method, []).append(cell)
    ways = {method: _ways(group) for method, group in by_method.items()}
    counts = {method: _range(len(c.finished) for c in by_method[method]) for method in by_method}
    if len(set(ways.values())) == 1:
        return ", ".join(f"{m} {n}" for m, n in counts.items()) + f" ({next(iter(ways.values()))})"
    return ", ".join(f"{m} {n} ({ways[m]})" for m, n in counts.items())


def _ways(cells: Sequence[CellResult]) -> str:
    return " or ".join(sorted({drawn(cell) for cell in cells}))


def _range(counts: Iterable[int]) -> str:
    found = sorted(set(counts))
    return str(found[0]) if len(found) == 1 else f"{found[0]}-{found[-1]}"


def drawn(cell: CellResult) -> str:
    """Say how a cell's trials were chosen from the study's grid."""
    if cell.sampled == "adaptive":
        return "adaptive search"
    what = "random draw" if cell.sampled == "random" else "grid"
    if cell.missing:
        return f"unfinished {what}"
    if cell.pruned:
        return f"{what} with early stopping"
    return "random draw" if cell.undrawn else "complete grid"


def _dagger(tests: Sequence[Tested]) -> list[str]:
    names = sorted({TEST_TITLES[get_metric(test.comparison.metric).test] for test in tests})
    return [
        f"Dagger (\u2020): better than {BASELINE}, {SIGNIFICANT} by {' or '.join(names)},"
        f" two-sided, {_seen(tests)}.",
        *_after_holm(tests),
    ]


def _seen(tests: Sequence[Tested]) -> str:
    """Say whether the examples that a number is tested on also chose its trial."""
    if not any(test.selected for test in tests):
        but = " but that of the epoch" if any(test.epoch_selected for test in tests) else ""
        return f"on examples that took no part in the choice of trials{but}"
    if all(test.selected for test in tests):
        return "without regard to the choice among trials, which these examples made"
    return "without regard to the choice among trials, which for some numbers these examples made"


def _after_holm(tests: Sequence[Tested]) -> list[str]:
    """Say what a correction alone would leave, where the double dagger asks for more."""
    marked = [test for test in tests if test.marked]
    if not marked:
        return [f"{_of(0, len(tests))}."]
    kept = sum(test.p_holm < ALPHA for test in marked)
    if len(tests) == 1 or not any(test.selected for test in tests):
        return [f"{_of(len(marked), len(tests))}."]
    over = _count(len(tests), "comparison")
    return [f"{_of(len(marked), len(tests))}, {kept} after Holm's correction over {over}."]


def _double_dagger(tests: Sequence[Tested]) -> list[str]:
    """Say by which p a number has it: that of best against best, or the naive one."""
    family = tests[0].family_after
    if not family:
        return []
    best = [test.choice.best for test in tests if test.selected and test.choice.best]
    kept = [test for test in tests if test.survives]
    return [
        f"Double dagger (\u2021): still better than {BASELINE} {_after_choice(best, family)}.",
        f"{_of(len(kept), len(tests))}.",
    ]


def _after_choice(best: Sequence[BestVsBest], family: int) -> str:
    over = f", after Holm's correction over {family} comparisons" if family > 1 else ""
    if not best:
        return f"with {SIGNIFICANT} by the same test{over}"
    drawn_as = sorted(
        {"every swap" if b.resamples is None else f"R = {b.resamples:,}" for b in best}
    )
    how = (
        "when the choice among the trials of both is allowed for,"
        f" {SIGNIFICANT} by best-against-best randomization, two-sided,"
        f" {' or '.join(drawn_as)}{over}"
    )
    if len(best) < family:
        how += "; by the dagger's test where these examples took no part in the choice"
    return how


def _few(tests: Sequence[Tested]) -> list[str]:
    """Warn where best against best does not keep its level."""
    rare = {
        test.definition.title: best.rare
        for test in tests
        if test.selected and (best := test.choice.best) and best.rare is not None
    }
    named = ", ".join(f"{title} {number}" for title, number in rare.items() if number < FEW)
    few = f"Best against best can be too lenient with fewer than {FEW} examples of a label"
    return [f"{few}: {named}."] if named else []


def _of(number: int, total: int) -> str:
    """`3 of 4 tested numbers have it`."""
    some = f"{number or 'None'} of {_count(total, 'tested number')}"
    return f"{some} {'have' if number > 1 else 'has'} it"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _refused(tests: Sequence[Tested]) -> list[str]:
    """Say which cells cannot have a double dagger, and why."""
    refused = [test for test in tests if test.p_after is None]
    if not refused:
        return []
    reasons = list(dict.fromkeys(test.choice.refused or "" for test in refused))
    more = f"; and {len(reasons) - MOST_NAMED} more" if len(reasons) > MOST_NAMED else ""
    return [
        f"{len(refused)} of {_count(len(tests), 'tested number')} cannot have a double dagger: it"
        " needs all trials of a grid or of a random draw, trained to their end, as many epochs to"
        f" choose from, and accuracy or two labels ({'; '.join(reasons[:MOST_NAMED])}{more})."
    ]


def _epochs(tests: Sequence[Tested]) -> list[str]:
    """Warn of the level of selection that no p accounts for."""
    if not any(test.epoch_selected for test in tests):
        return []
    return ["Epochs were chosen by the same examples: no p allows for that."]


def _cannot_show(split: str, tests: Sequence[Tested]) -> list[str]:
    """Name the gains that are smaller than the least that their examples can show."""
    small = [test for test in tests if test.comparison.delta > 0 and not test.gap.shown]
    if not small:
        return []
    named = "; ".join(_small(test) for test in small[:MOST_NAMED])
    more = f" and {len(small) - MOST_NAMED} more" if len(small) > MOST_NAMED else ""
    return [
        f"Too small for this {SPLIT_TITLES.get(split, split)} set to show at {SIGNIFICANT}, even"
        f" without the choice: the gains, in points, of {named}{more}."
    ]


def _small(test: Tested) -> str:
    smallest = test.gap.smallest
    least = "none can be shown" if smallest is None else f"the least is {percent(smallest, 1)}"
    return (
        f"{test.definition.title} {test.encoder} {test.method}:"
        f" {percent(test.comparison.delta, 1)}, {least}"
    )


def _intervals(tests: Sequence[Tested]) -> list[str]:
    """Say what the intervals below a table are, where they were asked for."""
    found = [test.interval for test in tests if test.interval]
    if not found:
        return []
    choice = "; the choice among trials widens none" if any(t.selected for t in tests) else ""
    return [
        f"Below: the gains in points with {found[0].level:.0%} intervals, by paired bootstrap"
        f" over examples, {found[0].resamples:,} samples{choice}."
    ]


def gaps(cells: Sequence[CellResult]) -> list[str]:
    """Count the trials that gave no number, if there are any."""
    total = sum(cell.total for cell in cells)
    counts = {
        "stopped early": sum(cell.pruned for cell in cells),
        "failed": sum(cell.failed for cell in cells),
        "not drawn": sum(cell.undrawn for cell in cells),
        "not run to the end": sum(cell.missing for cell in cells),
    }
    said = [f"{number} {_verb(what, number)}" for what, number in counts.items() if number]
    if not said:
        return []
    dashes = " A dash: none is finished." if any(not cell.finished for cell in cells) else ""
    return [f"Of {_count(total, 'trial')} {', '.join(said)}.{dashes}"]


def _not_in_study(tasks: Sequence[str], cells: Sequence[CellResult]) -> list[str]:
    """Say what the dashes are that no trial was to fill."""
    keys = {cell.key for cell in cells}
    systems = {(encoder, method) for _, encoder, method in keys}
    columns = {*tasks, *(task for task, _, _ in keys)}
    return [] if len(keys) == len(systems) * len(columns) else ["Other dashes: not in the study."]


def _verb(what: str, number: int) -> str:
    if what == "failed":
        return what
    return f"{'was' if number == 1 else 'were'} {what}"
