"""The page's first words: who is ahead of the baseline, by how much, and what of it holds.

In: reports with their verdicts. Out: HTML, every name escaped. Splits that took no part in the
choice of the trials come first: their p-values need no allowance for it.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from reports.tables.marks import METHOD_TEST, SPLIT_TITLES, TEST_TITLES
from reports.tables.report import Report
from reports.tables.table import MARKS, percent
from reports.verdicts.answer import conclusion
from reports.verdicts.verdict import GIVEN, Chosen, Verdict
from trainers.records.metrics import get_metric

AT_ONCE: Final = 6
NOTHING: Final = "<p>Nothing is compared yet: it takes a finished baseline and another method.</p>"


def headline(reports: Sequence[Report]) -> str:
    """Write a part per split: its first AT_ONCE comparisons in words, in study order, unfold more.

    None is preferred for its result. Tables that show a choice of a split's cells say nothing new.
    """
    tested = [(r.split, r.verdicts) for r in reports if r.verdicts and r.split]
    tested.sort(key=lambda part: any(test.selected for test in part[1]))
    if not tested:
        return NOTHING
    return "\n".join(_part(*part) for part in tested)


def _part(split: str, tests: Sequence[Verdict]) -> str:
    rest = tests[AT_ONCE:]
    summary = f"<summary>{len(rest)} more</summary>"
    return (
        f"<h3>{_heading(split)}</h3>\n"
        f'<p class="note">{_role(tests)}</p>\n{_tallies(tests)}{_list(tests[:AT_ONCE])}'
        + (f"<details>{summary}{_list(rest)}</details>" if rest else "")
    )


def _heading(split: str) -> str:
    if split == GIVEN:
        return "The examples given"
    return f"{escape(SPLIT_TITLES.get(split, split)).capitalize()} set"


def _list(tests: Sequence[Verdict]) -> str:
    return f'<ul class="headline">\n{"".join(_item(test) for test in tests)}</ul>\n'


def _role(tests: Sequence[Verdict]) -> str:
    epochs = any(test.epoch_selected for test in tests)
    also = " They chose epochs: no p-value allows for that." if epochs else ""
    if not any(test.chosen_on for test in tests):
        return (
            "How the systems were chosen is not known: if these examples chose among several,"
            " differences on them are too large."
        )
    if not any(test.selected for test in tests):
        return f"These examples took no part in the choice of the trials.{also}"
    every = "These examples" if all(test.selected for test in tests) else "Some of these examples"
    return f"{every} chose the trials, so differences on them tend to be too large.{also}"


def _tallies(tests: Sequence[Verdict]) -> str:
    """Count each method's comparisons, where it has several."""
    methods = dict.fromkeys(test.method for test in tests)
    groups = [[test for test in tests if test.method == method] for method in methods]
    return "".join(_tally(group) for group in groups if len(group) > 1)


def _tally(tests: Sequence[Verdict]) -> str:
    above = sum(test.delta > 0 for test in tests)
    marked, kept = sum(test.marked for test in tests), sum(test.survives for test in tests)
    worse = sum(test.side == "behind" for test in tests)
    first = "".join(dict.fromkeys(MARKS[mark] for test in tests for mark in test.marks[:1]))
    return (
        f"<p><b>{escape(tests[0].method)}</b> is above {escape(tests[0].against)} in {above} of"
        f" {len(tests)} comparisons, in {marked} significantly{f' ({first})' if first else ''}, of"
        f" which {kept} remain after all corrections (‡); before them it is significantly below in"
        f" {worse}.</p>\n"
    )


def _item(test: Verdict) -> str:
    """Say who is ahead by how much, chosen from how many, by which test, and what remains."""
    task = test.definition
    flat = f" {escape(test.method)} predicts one class for every example." if test.one_class else ""
    side = "above" if test.delta > 0 else "below" if test.delta < 0 else "level with"
    points = f"{percent(abs(test.delta), 1)} points " if test.delta else ""
    encoder = f" with {escape(test.encoder)}" if test.encoder else ""
    return (
        f'<li class="{test.side}"><p><b>{escape(task.title)}: {escape(test.method)} is'
        f" {points}{side} {escape(test.against)}.</b> {_score(test.system)} against"
        f" {_score(test.baseline)} {get_metric(task.metric).title}"
        f"{encoder}, {_of(test.system, test)} against {_of(test.baseline, test)}.</p>\n"
        f"<p>{escape(conclusion(test))}{flat} <small>{_evidence(test)}</small></p></li>\n"
    )


def _score(side: Chosen) -> str:
    spread = "" if side.deviation is None else f" ± {percent(side.deviation, 1)}"
    return f"{percent(side.score, 1)}{spread}"


def _of(side: Chosen, test: Verdict) -> str:
    if test.split == GIVEN:
        return f"{len(side.trials)} seed{'' if len(side.trials) == 1 else 's'}"
    if len(side.trials) == 1:
        return f"the best of {side.finished:,} trials" if side.finished > 1 else "the only trial"
    seeds = f"{len(side.trials)} seeds"
    if side.settings == 1:
        return f"{seeds} of the only setting"
    return f"{seeds} of the best of {side.settings:,} settings"


def _evidence(test: Verdict) -> str:
    """Write the p-values with their test, and what these examples can show."""
    if test.p_value is None:
        return ""
    if test.comparison:
        found = test.comparison
        parts = [
            f"{TEST_TITLES[get_metric(test.definition.metric).test]}: p = {p_text(found.p_value)}",
            f"{found.discordant:,} of {found.n:,} examples are discordant",
        ]
    else:
        parts = [f"{METHOD_TEST}: p = {p_text(test.p_value)}"]
    if test.bounds:
        low, high = (percent(value, 1) for value in test.bounds)
        parts.append(f"the difference is {low} to {high} points")
    if test.family > 1:
        parts.append(f"after Holm {p_text(test.p_holm)}")
    if test.selected and test.p_after is not None and test.p_after_holm is not None:
        after = f"after the choice among the trials p = {p_text(test.p_after)}"
        holm = f", {p_text(test.p_after_holm)} after Holm" if test.family > 1 else ""
        parts.append(f"{after}{holm}")
    if test.least is not None:
        parts.append(f"the least difference shown is {percent(test.least, 1)} points")
    text = "; ".join(parts)
    return f"{first_upper(text)}."


def first_upper(text: str) -> str:
    """Begin a sentence with a name."""
    return text[:1].upper() + text[1:]


def p_text(p: float) -> str:
    """Write a p-value with two digits."""
    return f"{p:.2g}"
