"""Notes on marks: what each means, by which test, and how many numbers have it or cannot have it.

In: verdicts. Out: items that describe exactly these verdicts.
"""

from collections.abc import Iterable, Sequence

from reports.statistics.across_tasks import replicability
from reports.statistics.best_vs_best import BestVsBest
from reports.tables.table import percent
from reports.verdicts.verdict import ALPHA, Verdict
from search_spaces.display_names import DisplayNames
from trainers.records.metrics import get_metric

SPLIT_TITLES = {
    "dev": "dev",
    "dev_mismatched": "mismatched dev",
    "test": "test",
    "test_difficult": "difficult test",
}
TEST_TITLES = {"mcnemar": "McNemar's exact test", "fisher": "the Fisher randomization test"}
METHOD_TEST = "a t-test over seeds and examples"
MOST_NAMED = 3
FEW = 50
"""With fewer examples of a label, best against best is known to reject too often."""
# The spaces are non-breaking.
SIGNIFICANT = "p\u00a0<\u00a0.05"


def explain_marks(verdicts: Sequence[Verdict], names: DisplayNames, split: str = "") -> list[str]:
    """Return the notes on a table's marks: their meaning, and how many numbers have them."""
    if not verdicts:
        return []
    baseline = names(verdicts[0].against)
    return [
        *_marks(verdicts, baseline),
        *_double_dagger(verdicts, baseline),
        *_section(verdicts, baseline),
        *_few(verdicts, names),
        *_refused(verdicts),
        *_epochs(verdicts),
        *_no_better_than_constant(verdicts, names),
        *_cannot_show(split, verdicts, names),
        *_intervals(verdicts),
    ]


def _marks(verdicts: Sequence[Verdict], baseline: str) -> list[str]:
    """Explain the marks of the tests, before any correction."""
    models = [verdict for verdict in verdicts if verdict.comparison]
    methods = [verdict for verdict in verdicts if verdict.gain]
    names = sorted({TEST_TITLES[get_metric(v.definition.metric).test] for v in models})
    lines = []
    if models:
        lines.append(
            f"Dagger (\u2020): better than {baseline}, {SIGNIFICANT} by {' or '.join(names)},"
            f" two-sided, {_seen(models)}. {_after_holm(models)}"
        )
    if methods:
        lines.append(
            f"Asterisk (*): better than {baseline}, {SIGNIFICANT} by {METHOD_TEST}, two-sided,"
            f" {_seen(methods)}. {_after_holm(methods)}"
        )
    return lines


def _seen(verdicts: Sequence[Verdict]) -> str:
    """Return in words whether the examples that a number is tested on also chose its setting."""
    if not any(verdict.chosen_on for verdict in verdicts):
        return "without regard to any choice"
    if not any(verdict.selected for verdict in verdicts):
        but = " but that of the epoch" if any(v.epoch_selected for v in verdicts) else ""
        return f"on examples that took no part in the choice of trials{but}"
    if all(verdict.selected for verdict in verdicts):
        return "without regard to the choice among trials, which these examples made"
    return "without regard to the choice among trials, which for some numbers these examples made"


def _after_holm(verdicts: Sequence[Verdict]) -> str:
    """Return how many numbers have the mark, and how many would after Holm's correction alone."""
    marked = [verdict for verdict in verdicts if verdict.marked]
    if not marked:
        return f"{_of(0, len(verdicts))}."
    kept = sum(verdict.p_holm < ALPHA for verdict in marked)
    family = verdicts[0].family
    if family == 1 or not any(verdict.selected for verdict in verdicts):
        return f"{_of(len(marked), len(verdicts))}."
    over = count(family, "comparison")
    return f"{_of(len(marked), len(verdicts))}, {kept} after Holm's correction over {over}."


def _double_dagger(verdicts: Sequence[Verdict], baseline: str) -> list[str]:
    """Return the note on the double dagger, by best against best or by the test itself."""
    able = [verdict for verdict in verdicts if verdict.p_after is not None]
    if not able:
        return []
    kept = [verdict for verdict in able if verdict.survives]
    return [
        f"Double dagger (\u2021): still better than {baseline} {_after_choice(able)}."
        f" {_of(len(kept), len(verdicts))}."
    ]


def _section(verdicts: Sequence[Verdict], baseline: str) -> list[str]:
    """Return the note on confirmations with fresh seeds, if there are any."""
    known = [verdict.confirmation for verdict in verdicts if verdict.confirmation]
    if not known:
        return []
    kept = sum(verdict.survives for verdict in known)
    seeds = sorted({len(side.trials) for v in known for side in (v.baseline, v.system)})
    family = known[0].family
    over = f", after Holm's correction over {family} comparisons" if family > 1 else ""
    return [
        f"Section (\u00a7): confirmed on {span(seeds)} fresh seeds of the chosen settings:"
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


def name_of(verdict: Verdict, names: DisplayNames) -> str:
    """Name a comparison: `RTE MiniLM CAT`."""
    return names.cell(verdict.definition, verdict.encoder, verdict.method)


def _few(verdicts: Sequence[Verdict], names: DisplayNames) -> list[str]:
    """Warn if best against best may not keep its level."""
    rare = {
        names.task(verdict.definition): best.rare
        for verdict in verdicts
        if verdict.selected and (best := verdict.best) and best.rare is not None
    }
    named = ", ".join(f"{title} {number}" for title, number in rare.items() if number < FEW)
    few = f"Best against best can be too lenient with fewer than {FEW} examples of a label"
    return [f"{few}: {named}."] if named else []


def _of(number: int, total: int) -> str:
    """`3 of 4 tested numbers have it`."""
    some = f"{number or 'None'} of {count(total, 'tested number')}"
    return f"{some} {'have' if number > 1 else 'has'} it"


def _refused(verdicts: Sequence[Verdict]) -> list[str]:
    """Return a note on numbers that cannot have a double dagger, with the reasons."""
    refused = [verdict for verdict in verdicts if verdict.p_after is None]
    if not refused:
        return []
    reasons = list(dict.fromkeys(verdict.refused or "" for verdict in refused))
    more = f"; and {len(reasons) - MOST_NAMED} more" if len(reasons) > MOST_NAMED else ""
    return [
        f"{len(refused)} of {count(len(verdicts), 'tested number')} cannot have a double dagger:"
        f" {'; '.join(reasons[:MOST_NAMED])}{more}."
    ]


def _epochs(verdicts: Sequence[Verdict]) -> list[str]:
    """Warn that no p-value allows for the choice of epochs."""
    if not any(verdict.epoch_selected for verdict in verdicts):
        return []
    return ["Epochs were chosen by the same examples: no p allows for that."]


def _no_better_than_constant(verdicts: Sequence[Verdict], names: DisplayNames) -> list[str]:
    """List significant numbers without a mark, because a constant prediction scores as high."""
    found = [v for v in verdicts if v.side == "ahead" and not v.marked]
    named = ", ".join(name_of(v, names) for v in found)
    return [f"Not marked, since naming one class for all scores as much: {named}."] if named else []


def _cannot_show(split: str, verdicts: Sequence[Verdict], names: DisplayNames) -> list[str]:
    """List gains that are smaller than the smallest that their examples can show."""
    small = [v for v in verdicts if v.p_value is not None and v.delta > 0 and not v.is_least_shown]
    if not small:
        return []
    named = "; ".join(_small(verdict, names) for verdict in small[:MOST_NAMED])
    more = f" and {len(small) - MOST_NAMED} more" if len(small) > MOST_NAMED else ""
    return [
        f"Too small for {_this(split)} to show at {SIGNIFICANT}, even"
        f" without the choice: the gains, in points, of {named}{more}."
    ]


def _this(split: str) -> str:
    return f"this {SPLIT_TITLES.get(split, split)} set" if split else "these examples"


def _small(verdict: Verdict, names: DisplayNames) -> str:
    least = verdict.least
    shown = "none can be shown" if least is None else f"the least is {percent(least, 1)}"
    return f"{name_of(verdict, names)}: {percent(verdict.delta, 1)}, {shown}"


def _intervals(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the note on how the intervals of gains were computed."""
    boot = [verdict.interval for verdict in verdicts if verdict.interval]
    crossed = [verdict.gain for verdict in verdicts if verdict.gain]
    choice = "; the choice among trials widens none" if any(v.selected for v in verdicts) else ""
    ways = []
    if boot:
        ways.append(
            f"{boot[0].level:.0%}, by paired bootstrap over examples, {boot[0].resamples:,} samples"
        )
    if crossed:
        ways.append(f"{crossed[0].level:.0%}, over seeds and examples")
    return [f"Intervals of gains: {' or '.join(ways)}{choice}."] if ways else []


def say_replicated(title: str, baseline: str, verdicts: Sequence[Verdict]) -> str:
    """Return a note on how many tasks a system is at least better on, by tests over seeds."""
    tests = [verdict.gain for verdict in verdicts if verdict.gain]
    one_sided = [test.p_value / 2 if test.delta > 0 else 1 - test.p_value / 2 for test in tests]
    return (
        f"{title}: better than {baseline} on {replicability(one_sided)} of {len(tests)} tasks at"
        " least (partial conjunction, .05)."
    )


def count(number: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def span(counts: Iterable[int]) -> str:
    """`3`, or `3-5` where they differ."""
    found = sorted(set(counts))
    return str(found[0]) if len(found) == 1 else f"{found[0]}-{found[-1]}"
