"""Captions: what is bold, what the marks mean, what was chosen from how many, on which data.

In: a table's split, cells and verdicts. Out: sentences, each true of exactly these.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from reports.results.cells import CellResult
from reports.statistics.best_vs_best import BestVsBest
from reports.tables.table import percent
from reports.verdicts.looks import Looks
from reports.verdicts.verdict import ALPHA, BASELINE, Verdict
from trainers.records.metrics import get_metric

SPLIT_TITLES = {
    "dev": "dev",
    "dev_mismatched": "mismatched dev",
    "test": "test",
    "test_difficult": "difficult test",
}
TEST_TITLES = {"mcnemar": "McNemar's exact test", "fisher": "the Fisher randomization test"}
METHOD_TEST = "a t-test over seeds and examples"
CHOSEN_BY = {
    "heldout": "score on training rows held out per class",
    "dev": "score on the dev set",
}
MOST_NAMED = 3
NEVER: Final[Looks] = {}
FEW = 50
"""Examples of a label; with fewer best against best is known to reject too often."""
# A line must not break inside: the spaces hold it together.
SIGNIFICANT = "p\u00a0<\u00a0.05"


def caption(
    study: str,
    split: str,
    cells: Sequence[CellResult],
    verdicts: Sequence[Verdict],
    *,
    flat: Sequence[CellResult] = (),
    tasks: Sequence[str] = (),
    beside: bool = True,
    looks: Looks = NEVER,
) -> str:
    """The caption of a table of chosen settings.

    `looks` says how often a test set was looked at, by task and split. `flat` are cells whose
    setting predicts the same class for every example; `tasks` the table's where it has more than
    the cells; `beside`: it has the metrics that are not tested, too.
    """
    sentences = [
        f"Study {study}, {SPLIT_TITLES.get(split, split)} set. {_each_number(cells)}",
        f"{_what_is_counted(cells)} to choose from: {budgets(cells)}.",
        "Bold: best of its column as printed.",
    ]
    if beside and any(cell.definition.beside for cell in cells):
        sentences.append("A second metric is that of the same trials, untested.")
    sentences += [*_sampled(split, cells), *_without(split, cells), *_fewer_seeds(cells)]
    sentences += [*_one_class(flat)]
    sentences += explain_marks(verdicts, split=split)
    if verdicts:
        sentences += _looked_at(split, cells, looks)
    return " ".join([*sentences, *gaps(cells), *_not_in_study(tasks, cells)])


def explain_marks(
    verdicts: Sequence[Verdict], baseline: str = BASELINE, split: str = ""
) -> list[str]:
    """Say what the marks of a table mean, how many numbers have them, and which cannot."""
    if not verdicts:
        return []
    return [
        *_marks(verdicts, baseline),
        *_double_dagger(verdicts, baseline),
        *_section(verdicts, baseline),
        *_few(verdicts),
        *_refused(verdicts),
        *_epochs(verdicts),
        *_no_better_than_constant(verdicts),
        *_cannot_show(split, verdicts),
        *_intervals(verdicts),
    ]


def _each_number(cells: Sequence[CellResult]) -> str:
    """Say what a number is: one trained model, or the mean over a setting's seeds."""
    seeds = {len(cell.chosen.trials) for cell in cells if cell.chosen}
    by = _chosen_by(cells)
    if seeds <= {1}:
        return (
            f"Each number is one trial: the best of its cell, chosen by its {by}. One seed: the"
            " tests are of these trained models, not of the methods."
        )
    some = " or one trial's score where there is one seed," if 1 in seeds else ""
    return (
        "Each number is a mean over the seeds of one setting, with its standard deviation,"
        f"{some} chosen by the highest mean {by}."
    )


def _what_is_counted(cells: Sequence[CellResult]) -> str:
    return "Settings x seeds" if any(cell.seeds > 1 for cell in cells) else "Trials"


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
    found = [cell for cell in cells if cell.chosen and not cell.chosen_on(split)]
    return [f"A dash: trained before there was this set, {_named(found)}."] if found else []


def _one_class(cells: Sequence[CellResult]) -> list[str]:
    return [f"One class for every example: {_named(cells)}."] if cells else []


def _named(cells: Sequence[CellResult]) -> str:
    return ", ".join(f"{cell.definition.title} {cell.encoder} {cell.method}" for cell in cells)


def _fewer_seeds(cells: Sequence[CellResult]) -> list[str]:
    """Name chosen settings that lack a seed, and how many could not be chosen for that reason."""
    short = [cell for cell in cells if cell.chosen and len(cell.chosen.trials) < cell.seeds]
    named = ", ".join(
        f"{_named([cell])} {len(cell.chosen.trials)} of {cell.seeds}"
        for cell in short
        if cell.chosen
    )
    left = sum(len(cell.begun) - len(cell.comparable) for cell in cells)
    lines = [f"Seeds are missing: {named}."] if named else []
    if left:
        lines.append(f"{_count(left, 'setting')} with fewer seeds than others could not be chosen.")
    return lines


def _chosen_by(cells: Sequence[CellResult]) -> str:
    chosen_on = {trial.record.selection for cell in cells for trial in cell.finished}
    return " or ".join(CHOSEN_BY[split] for split in sorted(chosen_on)) or "score"


def budgets(cells: Sequence[CellResult]) -> str:
    """How many settings, seeds or trials each method has to choose from, and how they came."""
    by_method: dict[str, list[CellResult]] = {}
    for cell in cells:
        by_method.setdefault(cell.method, []).append(cell)
    ways = {method: _ways(group) for method, group in by_method.items()}
    counts = {method: _budget(group) for method, group in by_method.items()}
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
    settings = _range(len(cell.begun) for cell in cells)
    return settings if seeds == 1 else f"{settings} x {_range(cell.seeds for cell in cells)}"


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
    if cell.failed:
        return f"{what} with failures"
    return "random draw" if cell.undrawn else "complete grid"


def _marks(verdicts: Sequence[Verdict], baseline: str) -> list[str]:
    """Explain the marks of the tests, before any correction."""
    models = [verdict for verdict in verdicts if verdict.comparison]
    methods = [verdict for verdict in verdicts if verdict.gain]
    names = sorted({TEST_TITLES[get_metric(v.definition.metric).test] for v in models})
    lines = []
    if models:
        lines += [
            f"Dagger (\u2020): better than {baseline}, {SIGNIFICANT} by {' or '.join(names)},"
            f" two-sided, {_seen(models)}.",
            *_after_holm(models),
        ]
    if methods:
        lines += [
            f"Asterisk (*): better than {baseline}, {SIGNIFICANT} by {METHOD_TEST}, two-sided,"
            f" {_seen(methods)}.",
            *_after_holm(methods),
        ]
    return lines


def _seen(verdicts: Sequence[Verdict]) -> str:
    """Say whether the examples that a number is tested on also chose its setting."""
    if not any(verdict.chosen_on for verdict in verdicts):
        return "without regard to any choice"
    if not any(verdict.selected for verdict in verdicts):
        but = " but that of the epoch" if any(v.epoch_selected for v in verdicts) else ""
        return f"on examples that took no part in the choice of trials{but}"
    if all(verdict.selected for verdict in verdicts):
        return "without regard to the choice among trials, which these examples made"
    return "without regard to the choice among trials, which for some numbers these examples made"


def _after_holm(verdicts: Sequence[Verdict]) -> list[str]:
    """Say what a correction alone would leave, where the double dagger asks for more."""
    marked = [verdict for verdict in verdicts if verdict.marked]
    if not marked:
        return [f"{_of(0, len(verdicts))}."]
    kept = sum(verdict.p_holm < ALPHA for verdict in marked)
    family = verdicts[0].family
    if family == 1 or not any(verdict.selected for verdict in verdicts):
        return [f"{_of(len(marked), len(verdicts))}."]
    over = _count(family, "comparison")
    return [f"{_of(len(marked), len(verdicts))}, {kept} after Holm's correction over {over}."]


def _double_dagger(verdicts: Sequence[Verdict], baseline: str) -> list[str]:
    """Say by which p a number has it: that of best against best, or the test's own."""
    able = [verdict for verdict in verdicts if verdict.p_after is not None]
    if not able:
        return []
    kept = [verdict for verdict in able if verdict.survives]
    return [
        f"Double dagger (\u2021): still better than {baseline} {_after_choice(able)}.",
        f"{_of(len(kept), len(verdicts))}.",
    ]


def _looked_at(split: str, cells: Sequence[CellResult], looks: Looks) -> list[str]:
    """Say how often a set that chose nothing was looked at, where that was more than once."""
    titles = {cell.task: cell.definition.title for cell in cells}
    counts = {titles[t]: n for (t, of), n in looks.items() if of == split and t in titles and n > 1}
    named = ", ".join(f"{title} {number} times" for title, number in counts.items())
    if not named:
        return []
    return [f"Looked at before, with other trials each time: {named}; no p allows for that."]


def _section(verdicts: Sequence[Verdict], baseline: str) -> list[str]:
    """Say what was confirmed on fresh seeds, where something was."""
    known = [verdict.confirmation for verdict in verdicts if verdict.confirmation]
    if not known:
        return []
    kept = sum(verdict.survives for verdict in known)
    seeds = sorted({len(side.trials) for v in known for side in (v.baseline, v.system)})
    family = known[0].family
    over = f", after Holm's correction over {family} comparisons" if family > 1 else ""
    return [
        f"Section (\u00a7): confirmed on {_range(seeds)} fresh seeds of the chosen settings:"
        f" better than {baseline}, {SIGNIFICANT} by {METHOD_TEST}{over};"
        f" {kept or 'none'} of {len(known)}."
    ]


def _after_choice(verdicts: Sequence[Verdict]) -> str:
    family = verdicts[0].family
    over = f", after Holm's correction over all {family} comparisons" if family > 1 else ""
    best = [v.best for v in verdicts if v.selected and v.best]
    if not best:
        return f"with {SIGNIFICANT} by the same test{over}"
    seeds = any(v.gain for v in verdicts if v.selected)
    what = "settings" if seeds else "trials"
    both = ", and by the asterisk's test" if seeds else ""
    how = (
        f"when the choice among the {what} of both is allowed for, {SIGNIFICANT} by"
        f" best-against-best randomization, two-sided, {_resampled(best)}{both}{over}"
    )
    if len(best) < len(verdicts):
        how += "; by the test above where these examples took no part in the choice"
    return how


def _resampled(best: Sequence[BestVsBest]) -> str:
    drawn_as = {"every swap" if b.resamples is None else f"R = {b.resamples:,}" for b in best}
    return " or ".join(sorted(drawn_as))


def _few(verdicts: Sequence[Verdict]) -> list[str]:
    """Warn where best against best does not keep its level."""
    rare = {
        verdict.definition.title: best.rare
        for verdict in verdicts
        if verdict.selected and (best := verdict.best) and best.rare is not None
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


def _refused(verdicts: Sequence[Verdict]) -> list[str]:
    """Say which cells cannot have a double dagger, and why."""
    refused = [verdict for verdict in verdicts if verdict.p_after is None]
    if not refused:
        return []
    reasons = list(dict.fromkeys(verdict.refused or "" for verdict in refused))
    more = f"; and {len(reasons) - MOST_NAMED} more" if len(reasons) > MOST_NAMED else ""
    return [
        f"{len(refused)} of {_count(len(verdicts), 'tested number')} cannot have a double dagger:"
        f" {'; '.join(reasons[:MOST_NAMED])}{more}."
    ]


def _epochs(verdicts: Sequence[Verdict]) -> list[str]:
    """Warn of the level of selection that no p accounts for."""
    if not any(verdict.epoch_selected for verdict in verdicts):
        return []
    return ["Epochs were chosen by the same examples: no p allows for that."]


def _no_better_than_constant(verdicts: Sequence[Verdict]) -> list[str]:
    """Name the numbers that lack a mark since naming one class for all scores as much."""
    found = [v for v in verdicts if v.side == "ahead" and not v.marked]
    named = ", ".join(v.name for v in found)
    return [f"Not marked, since naming one class for all scores as much: {named}."] if named else []


def _cannot_show(split: str, verdicts: Sequence[Verdict]) -> list[str]:
    """Name the gains that are smaller than the least that their examples can show."""
    small = [v for v in verdicts if v.p_value is not None and v.delta > 0 and not v.is_least_shown]
    if not small:
        return []
    named = "; ".join(_small(verdict) for verdict in small[:MOST_NAMED])
    more = f" and {len(small) - MOST_NAMED} more" if len(small) > MOST_NAMED else ""
    return [
        f"Too small for {_this(split)} to show at {SIGNIFICANT}, even"
        f" without the choice: the gains, in points, of {named}{more}."
    ]


def _this(split: str) -> str:
    return f"this {SPLIT_TITLES.get(split, split)} set" if split else "these examples"


def _small(verdict: Verdict) -> str:
    least = verdict.least
    shown = "none can be shown" if least is None else f"the least is {percent(least, 1)}"
    return f"{verdict.name}: {percent(verdict.delta, 1)}, {shown}"


def _intervals(verdicts: Sequence[Verdict]) -> list[str]:
    """Say what the intervals below a table are."""
    boot = [verdict.interval for verdict in verdicts if verdict.interval]
    crossed = [verdict.gain for verdict in verdicts if verdict.gain]
    choice = "; the choice among trials widens none" if any(v.selected for v in verdicts) else ""
    lines = []
    if boot:
        lines.append(
            f"Below: the gains in points with {boot[0].level:.0%} intervals, by paired bootstrap"
            f" over examples, {boot[0].resamples:,} samples{choice}."
        )
    if crossed:
        lines.append(
            f"Below: the gains in points with {crossed[0].level:.0%} intervals, over seeds and"
            f" examples{choice}."
        )
    return lines


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
