"""The top of the page: which methods beat the baseline, by how much, and how certain that is.

In: reports with their verdicts. Out: HTML, every name escaped. Splits that took no part in the
choice of the trials come first, because their p-values need not allow for it.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from reports.page.forest import FRESH, Forest, ForestRow, build_forests
from reports.page.forest_html import forest_html, row_class
from reports.tables.marks import METHOD_TEST, TEST_TITLES
from reports.tables.report import Report
from reports.tables.table import percent
from reports.verdicts.answer import (
    Answer,
    Outcome,
    conclusion,
    display_name,
    find_answers,
    task_display_name,
)
from reports.verdicts.verdict import GIVEN, Chosen, Verdict
from search_spaces.display_names import DisplayNames
from trainers.records.metrics import get_metric

IN_WORDS: Final = "Each comparison in words"
KINDS: Final[Mapping[Outcome, str]] = {
    "confirmed": "holds",
    "ahead": "holds",
    "marked": "marked",
    "behind": "worse",
    "doubtful": "worse",
    "even": "open",
    "unconfirmed": "open",
    "untested": "open",
}
"""The CSS class of an answer's colour, which its words repeat."""
NOTHING: Final = (
    "<p>No comparison yet: it needs finished trials of the baseline and of another method.</p>"
)


def write_headline(
    reports: Sequence[Report], labels: Mapping[str, str] | None = None, worth: float | None = None
) -> str:
    """Write the answers, then for each split a sentence per method and a forest plot.

    The answers use one split per task. Details of each comparison can be unfolded. `labels` are
    display names, `worth` is the smallest gain that matters (0 .. 1).
    """
    names = labels or {}
    found = build_forests(reports, names, worth)
    if not found:
        return NOTHING
    tests = [test for report in reports if report.split for test in report.verdicts]
    answers = "".join(_answer(one) for one in find_answers(tests, names))
    parts = "\n".join(_part(forest, names, worth) for forest in found)
    return f'<ul class="verdicts answers">{answers}</ul>\n{parts}'


def _answer(answer: Answer) -> str:
    remark = f" <small>{escape(answer.remark)}</small>" if answer.remark else ""
    words = f"<b>{escape(answer.question)}</b> {escape(answer.words)}.{remark}"
    return f'<li class="{KINDS[answer.outcome]}">{words}</li>'


def _part(forest: Forest, names: Mapping[str, str], worth: float | None) -> str:
    words = (
        ""
        if forest.name == FRESH
        else f"<details><summary>{IN_WORDS}</summary>{_list(forest.tests, names)}</details>"
    )
    return (
        f'<h3>{escape(forest.title)}</h3>\n<p class="note">{_role(forest.tests)}</p>\n'
        f"{_sentences(forest)}{forest_html(forest, worth)}{words}"
    )


def _list(tests: Sequence[Verdict], names: Mapping[str, str]) -> str:
    return f'<ul class="headline">\n{"".join(_item(test, names) for test in tests)}</ul>\n'


def _role(tests: Sequence[Verdict]) -> str:
    epochs = any(test.epoch_selected for test in tests)
    also = " They also chose epochs, which no p-value allows for." if epochs else ""
    if not any(test.chosen_on for test in tests):
        return (
            "How the systems were chosen is unknown: if these examples were used to choose them,"
            " the differences are too large."
        )
    if not any(test.selected for test in tests):
        return f"These examples took no part in the choice of the trials.{also}"
    every = "These examples" if all(test.selected for test in tests) else "Some of these examples"
    return f"{every} chose the trials, so differences on them tend to be too large.{also}"


def _sentences(forest: Forest) -> str:
    """Write a sentence per method: on how many tasks it is ahead, and with which marks."""
    methods = dict.fromkeys(row.method for row in forest.rows)
    groups = ([row for row in forest.rows if row.method == method] for method in methods)
    return f'<ul class="verdicts">{"".join(_sentence(forest, rows) for rows in groups)}</ul>\n'


def _sentence(forest: Forest, rows: Sequence[ForestRow]) -> str:
    ahead, behind = sum(row.gain > 0 for row in rows), sum(row.side == "behind" for row in rows)
    counts = {
        mark: sum(mark in row.marks for row in rows)
        for mark in dict.fromkeys(mark for row in forest.rows for mark in (*row.tested, *row.marks))
    }
    marks = "".join(f", {mark} on {count}" for mark, count in counts.items())
    worse = f"; significantly behind on {behind}" if behind else ""
    kinds = {row_class(row) for row in rows}
    kind = next((name for name in ("holds", "marked", "worse") if name in kinds), "open")
    what = (
        "task and encoder pairs" if forest.has_encoders else f"task{'s' if len(rows) > 1 else ''}"
    )
    return (
        f'<li class="{kind}"><b>{escape(rows[0].method)}</b>: ahead of {escape(forest.against)} on'
        f" {ahead} of {len(rows)} {what}{marks}{worse}.</li>"
    )


def _item(test: Verdict, names: Mapping[str, str]) -> str:
    """Write one comparison: the gain, the number of settings to choose from, and the tests."""
    task, method = test.definition, escape(display_name(test.method, names))
    against = escape(display_name(test.against, names))
    flat = f" {method} predicts one class for every example." if test.one_class else ""
    side = "above" if test.delta > 0 else "below" if test.delta < 0 else "level with"
    points = f"{percent(abs(test.delta), 1)} points " if test.delta else ""
    encoder = f" with {escape(DisplayNames(labels=names)(test.encoder))}" if test.encoder else ""
    kind = f"{test.side} holds" if test.survives else test.side
    return (
        f'<li class="{kind}"><p><b>{escape(task_display_name(test, names))}: {method} is'
        f" {points}{side} {against}.</b> {_score(test.system)} against"
        f" {_score(test.baseline)} {get_metric(task.metric).title}"
        f"{encoder}, {_source(test.system, test)} against {_source(test.baseline, test)}.</p>\n"
        f"<p>{escape(conclusion(test))}{flat} <small>{_evidence(test)}</small></p></li>\n"
    )


def _score(side: Chosen) -> str:
    spread = "" if side.deviation is None else f" ± {percent(side.deviation, 1)}"
    return f"{percent(side.score, 1)}{spread}"


def _source(side: Chosen, test: Verdict) -> str:
    if test.split == GIVEN:
        return f"{len(side.trials)} seed{'' if len(side.trials) == 1 else 's'}"
    if len(side.trials) == 1:
        return f"the best of {side.finished:,} trials" if side.finished > 1 else "the only trial"
    seeds = f"{len(side.trials)} seeds"
    if side.settings == 1:
        return f"{seeds} of the only setting"
    return f"{seeds} of the best of {side.settings:,} settings"


def _evidence(test: Verdict) -> str:
    """Write the p-values with their test, and the smallest difference that it can show."""
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
        parts.append(f"95 % interval {low} to {high} points")
    if test.family > 1:
        parts.append(f"after Holm's correction {p_text(test.p_holm)}")
    if test.selected and test.p_after is not None and test.p_after_holm is not None:
        after = f"after the choice among the trials p = {p_text(test.p_after)}"
        holm = f", {p_text(test.p_after_holm)} after Holm" if test.family > 1 else ""
        parts.append(f"{after}{holm}")
    if test.least is not None:
        parts.append(f"smallest significant difference {percent(test.least, 1)} points")
    text = "; ".join(parts)
    return f"{first_upper(text)}."


def first_upper(text: str) -> str:
    """Make the first letter upper case."""
    return text[:1].upper() + text[1:]


def p_text(p: float) -> str:
    """Write a p-value with two digits."""
    return f"{p:.2g}"
