"""Captions: what is bold, what the marks mean, what was chosen from how many, on which data.

In: a table's split, cells and tests. Out: sentences, each true of exactly these.
"""

from collections.abc import Iterable, Sequence

from reports.cells import CellResult
from reports.choice import BASELINE
from reports.table import percent
from reports.tested import Tested
from trainers.tasks import get_task

METRIC_TITLES = {"accuracy": "accuracy", "f1": "F1", "mcc": "MCC", "macro_f1": "macro-F1"}
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
MOST_NAMED = 6


def caption(
    study: str,
    split: str,
    cells: Sequence[CellResult],
    tests: Sequence[Tested],
    *,
    beside: bool = True,
) -> str:
    """The caption of a table of best trials; `beside`: with the metrics that are not tested."""
    sentences = [
        f"Study {study}, {SPLIT_TITLES.get(split, split)} set:"
        f" the trial of each method chosen by {_chosen_by(cells)}.",
        f"Trials to choose from: {budgets(cells)}.",
        "Bold: best of its column as printed.",
    ]
    if beside and any(get_task(cell.task).beside for cell in cells):
        sentences.append("A second metric is that of the same trials, untested.")
    if tests:
        sentences += [_dagger(tests), *_double_dagger(tests), *_refused(tests)]
        sentences += [*_epochs(cells, tests), *_cannot_show(split, tests)]
    return " ".join([*sentences, *gaps(cells)])


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


def _dagger(tests: Sequence[Tested]) -> str:
    names = sorted({TEST_TITLES[get_task(test.task).test] for test in tests})
    return (
        f"Dagger: better than {BASELINE}, p < .05 by {' or '.join(names)}, two-sided,"
        f" {_seen(tests)}; {_after_holm(tests)}."
    )


def _seen(tests: Sequence[Tested]) -> str:
    """Say whether the examples that a number is tested on also chose its trial."""
    if not any(test.selected for test in tests):
        return "on examples that took no part in the choice of trials"
    if all(test.selected for test in tests):
        return "not corrected for the choice among trials, which saw these examples"
    return "not corrected for the choice among trials, which for some saw these examples"


def _after_holm(tests: Sequence[Tested]) -> str:
    marked = [test for test in tests if test.marked]
    kept = sum(test.p_holm < 0.05 for test in marked)
    if len(tests) == 1:
        return "one comparison, so nothing to correct for"
    if not marked:
        return f"none of {len(tests)} comparisons reaches it"
    return f"{kept} of {len(marked)} keep it after Holm's correction over {len(tests)} comparisons"


def _double_dagger(tests: Sequence[Tested]) -> list[str]:
    """Say by which p a dagger is kept: that of best against best, or the naive one."""
    family = tests[0].family_after
    if not family:
        return []
    best = [test.choice.best for test in tests if test.selected and test.choice.best]
    over = f"Holm's correction over {_count(family, 'comparison')}"
    if not best:
        how = f"p < .05 by the same test after {over}"
    else:
        drawn_as = sorted(
            {"every swap" if b.resamples is None else f"R = {b.resamples:,}" for b in best}
        )
        how = (
            f"p < .05 as well after {over}, by best-against-best randomization, which allows for"
            f" the choice among the trials of both (two-sided, {' or '.join(drawn_as)})"
        )
        if len(best) < family:
            how += ", or by the dagger's test where these examples took no part in the choice"
    marked, kept = sum(t.marked for t in tests), sum(t.survives for t in tests)
    result = f"{kept} of {_count(marked, 'dagger')}" if marked else "there is no dagger to keep"
    return [f"Double dagger: {how}: {result}."]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _refused(tests: Sequence[Tested]) -> list[str]:
    """Say which cells cannot have a double dagger, and why."""
    refused = [test for test in tests if test.selected and test.p_after is None]
    if not refused:
        return []
    reasons = list(dict.fromkeys(test.choice.refused or "" for test in refused))
    more = f"; and {len(reasons) - MOST_NAMED} more" if len(reasons) > MOST_NAMED else ""
    return [
        f"No double dagger for {len(refused)} of {_count(len(tests), 'comparison')}, since best"
        " against best needs all trials of a grid or of a random draw, trained to their end:"
        f" {'; '.join(reasons[:MOST_NAMED])}{more}."
    ]


def _epochs(cells: Sequence[CellResult], tests: Sequence[Tested]) -> list[str]:
    """Warn of the level of selection that no p accounts for."""
    chosen = any(trial.config.select == "best_epoch" for c in cells for trial in c.finished)
    if not chosen or not any(test.selected for test in tests):
        return []
    return ["Each trial's epoch was chosen on the same examples as the trial: no p allows for it."]


def _cannot_show(split: str, tests: Sequence[Tested]) -> list[str]:
    """Name the gains that are smaller than the least that their examples can show."""
    small = [test for test in tests if test.comparison.delta > 0 and not test.gap.shown]
    if not small:
        return []
    named = ", ".join(_small(test) for test in small[:MOST_NAMED])
    more = f" and {len(small) - MOST_NAMED} more" if len(small) > MOST_NAMED else ""
    return [
        f"Gains below the least that this {SPLIT_TITLES.get(split, split)} set can show at p < .05,"
        f" in points, before any allowance for the choice: {named}{more}."
    ]


def _small(test: Tested) -> str:
    least = "no gain" if test.gap.smallest is None else percent(test.gap.smallest, 1)
    return (
        f"{get_task(test.task).title} {test.encoder} {test.method}"
        f" {percent(test.comparison.delta, 1)} (least {least})"
    )


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
    dashes = " (-- where none is finished)" if any(not cell.finished for cell in cells) else ""
    return [f"Of {_count(total, 'trial')} {', '.join(said)}{dashes}."]


def _verb(what: str, number: int) -> str:
    if what == "failed":
        return what
    return f"{'was' if number == 1 else 'were'} {what}"
