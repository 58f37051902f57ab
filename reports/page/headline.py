"""The page's first words: who is ahead of the baseline, by how much, and what of it holds.

In: reports with their tests. Out: HTML, every name escaped. Splits that took no part in the choice
of the trials come first: their p-values need no allowance for it.
"""

from collections.abc import Sequence
from html import escape
from typing import Final, Literal

from reports.tables.build import Report
from reports.tables.captions import SPLIT_TITLES, TEST_TITLES
from reports.tables.choice import ALPHA, BASELINE
from reports.tables.table import percent
from reports.tables.tested import Tested
from trainers.records.metrics import get_metric

AT_ONCE: Final = 6
NOTHING: Final = "<p>Nothing is compared yet: it takes a finished baseline and another method.</p>"

Side = Literal["ahead", "behind", "even"]


def headline(reports: Sequence[Report]) -> str:
    """Write a part per split: its first AT_ONCE comparisons in words, in study order, unfold more.

    None is preferred for its result. Tables that show a choice of a split's cells say nothing new.
    """
    tested = [(report.split, report.tests) for report in reports if report.tests and report.split]
    tested.sort(key=lambda part: any(test.selected for test in part[1]))
    if not tested:
        return NOTHING
    return "\n".join(_part(*part) for part in tested)


def _part(split: str, tests: Sequence[Tested]) -> str:
    rest = tests[AT_ONCE:]
    summary = f"<summary>{len(rest)} more</summary>"
    return (
        f"<h3>{escape(SPLIT_TITLES.get(split, split)).capitalize()} set</h3>\n"
        f'<p class="note">{_role(tests)}</p>\n{_tallies(tests)}{_list(tests[:AT_ONCE])}'
        + (f"<details>{summary}{_list(rest)}</details>" if rest else "")
    )


def _list(tests: Sequence[Tested]) -> str:
    return f'<ul class="headline">\n{"".join(_item(test) for test in tests)}</ul>\n'


def _role(tests: Sequence[Tested]) -> str:
    epochs = any(test.epoch_selected for test in tests)
    also = " They chose epochs: no p-value allows for that." if epochs else ""
    if not any(test.selected for test in tests):
        return f"These examples took no part in the choice of the trials.{also}"
    every = "These examples" if all(test.selected for test in tests) else "Some of these examples"
    return f"{every} chose the trials, so differences on them tend to be too large.{also}"


def _tallies(tests: Sequence[Tested]) -> str:
    """Count each method's comparisons, where it has several."""
    methods = dict.fromkeys(test.method for test in tests)
    groups = [[test for test in tests if test.method == method] for method in methods]
    return "".join(_tally(group) for group in groups if len(group) > 1)


def _tally(tests: Sequence[Tested]) -> str:
    above = sum(test.comparison.delta > 0 for test in tests)
    marked, kept = sum(test.marked for test in tests), sum(test.survives for test in tests)
    worse = sum(side_of(test) == "behind" for test in tests)
    return (
        f"<p><b>{escape(tests[0].method)}</b> is above {BASELINE} in {above} of {len(tests)}"
        f" comparisons, in {marked} significantly (†), of which {kept} remain after all"
        f" corrections (‡); before them it is significantly below in {worse}.</p>\n"
    )


def side_of(test: Tested) -> Side:
    """Say on which side of the baseline the dagger's test puts a method."""
    if test.comparison.p_value >= ALPHA or test.comparison.delta == 0:
        return "even"
    return "ahead" if test.comparison.delta > 0 else "behind"


def _item(test: Tested) -> str:
    """Say who is ahead by how much, chosen from how many, by which test, and what remains."""
    found, task = test.comparison, test.definition
    flat = f" {escape(test.method)} predicts one class for every example." if test.one_class else ""
    side = "above" if found.delta > 0 else "below" if found.delta < 0 else "level with"
    points = f"{percent(abs(found.delta), 1)} points " if found.delta else ""
    baseline, system = test.trials
    return (
        f'<li class="{side_of(test)}"><p><b>{escape(task.title)}: {escape(test.method)} is'
        f" {points}{side} {BASELINE}.</b> {percent(found.system_score, 1)} against"
        f" {percent(found.baseline_score, 1)} {get_metric(found.metric).title} with"
        f" {escape(test.encoder)}, {_of(system)} against {_of(baseline)}.</p>\n"
        f"<p>{verdict(test)}{flat} <small>{_evidence(test)}</small></p></li>\n"
    )


def _of(trials: int) -> str:
    return f"the best of {trials:,} trials" if trials > 1 else "the only trial"


def verdict(test: Tested) -> str:
    """Say in a sentence, with its mark, what may be concluded; the same of both sides."""
    side = side_of(test)
    if side == "even":
        return "The test does not tell them apart."
    mark = "‡ " if test.survives else "† "
    what = (
        f"{mark}Significant"
        if side == "ahead"
        else f"{BASELINE.capitalize()} is significantly better"
    )
    if test.p_after_holm is None:
        why = escape(test.choice.refused or "best against best was refused")
        return f"{what}, but not known to remain after the choice among the trials: {why}."
    remains = "and it remains" if test.remains else "but it does not remain"
    return f"{what}, {remains} after {_corrections(test)}."


def _corrections(test: Tested) -> str:
    held = {
        "the choice among the trials": test.selected,
        f"Holm's correction over {test.family_after} comparisons": test.family_after > 1,
    }
    return " and ".join(what for what, holds in held.items() if holds) or "all corrections"


def _evidence(test: Tested) -> str:
    """Write the p-values with their test, and what these examples can show."""
    found, best = test.comparison, test.choice.best
    parts = [
        f"{TEST_TITLES[get_metric(found.metric).test]}: p = {p_text(found.p_value)}",
        f"{found.discordant:,} of {found.n:,} examples are discordant",
    ]
    if test.family > 1:
        parts.append(f"after Holm {p_text(test.p_holm)}")
    if test.selected and best is not None and test.p_after_holm is not None:
        after = f"after the choice among the trials p = {p_text(best.p_value)}"
        holm = f", {p_text(test.p_after_holm)} after Holm" if test.family_after > 1 else ""
        parts.append(f"{after}{holm}")
    if test.gap.smallest is not None:
        parts.append(f"the least difference shown is {percent(test.gap.smallest, 1)} points")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def p_text(p: float) -> str:
    """Write a p-value with two digits."""
    return f"{p:.2g}"
