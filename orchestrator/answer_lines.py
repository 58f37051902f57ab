"""The answer for the terminal: a sentence for each method, and the numbers behind it.

In: verdicts, a width and a height. Out: lines of plain text, none wider than the width. If the
lines do not fit on the screen, rows of numbers are left out, never sentences.
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from reports.tables.marks import SPLIT_TITLES
from reports.tables.table import percent
from reports.verdicts.answer import SIGNS, Answer, find_answers, sign, task_display_name
from reports.verdicts.verdict import GIVEN, Chosen, Verdict
from search_spaces.text import clean

INDENT: Final = "  "
GAP: Final = "  "
SHORTEST_NAME: Final = 18
"""Least characters for a row's name; standard deviations are left out to make room for it."""
EXPLAINED: Final = {
    "†": "p < .05 before the corrections",
    "*": "p < .05 before the corrections, over seeds and examples",
    "‡": "p < .05 after all corrections",
    "§": "confirmed on fresh seeds",
}

Row = tuple[str, tuple[str, ...]]
"""A row's name, and its cells."""


def answer_lines(
    verdicts: Sequence[Verdict],
    labels: Mapping[str, str],
    width: int,
    height: int | None = None,
) -> list[str]:
    """Return the answer for each method, with as many rows of numbers as fit in `height` lines."""
    answers = find_answers(verdicts, labels)
    if not answers:
        line = "Nothing is compared yet: it takes a finished baseline and another method."
        return _wrapped(line, width)
    for choose in (_all_rows, _rows_of_answers, _no_rows):
        lines = _blocks(answers, verdicts, labels, width, choose)
        if height is None or len(lines) <= height:
            break
    return lines


def sentences(verdicts: Iterable[Verdict], labels: Mapping[str, str], width: int) -> list[str]:
    """Return only the answers, one for each method."""
    answers = find_answers(verdicts, labels)
    return [line for one in answers for line in _sentence(one, answers, width, indent="")]


Choose = Callable[[Answer, Sequence[Verdict]], list[Verdict]]


def _all_rows(answer: Answer, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts on every split of the answer's tasks, those of the answer first."""
    first = answer.verdicts[0]
    same = [v for v in verdicts if (v.encoder, v.method) == (first.encoder, first.method)]
    found: dict[tuple[str, str], Verdict] = {}
    for verdict in answer.verdicts:
        for one in (verdict, *(v for v in same if v.task == verdict.task)):
            found.setdefault((one.task, one.split), one)
    return list(found.values())


def _rows_of_answers(answer: Answer, verdicts: Sequence[Verdict]) -> list[Verdict]:  # noqa: ARG001
    return list(answer.verdicts)


def _no_rows(answer: Answer, verdicts: Sequence[Verdict]) -> list[Verdict]:  # noqa: ARG001
    return []


def _blocks(
    answers: Sequence[Answer],
    verdicts: Sequence[Verdict],
    labels: Mapping[str, str],
    width: int,
    choose: Choose,
) -> list[str]:
    lines, shown = list[str](), list[Verdict]()
    for answer in answers:
        rows = choose(answer, verdicts)
        lines += [""] if shown else []
        shown += rows
        lines += _sentence(answer, answers, width)
        lines += _table(answer, rows, labels, width) if rows else []
    if not shown:
        hidden = "The numbers do not fit on this screen: --details prints them."
        lines += _wrapped(hidden, width, INDENT)
    notes = [*_legend(answers, shown), *dict.fromkeys(one.remark for one in answers)]
    notes += [_constant(shown, labels), _least(answers, shown, labels)]
    return [
        *lines,
        *([""] if len(shown) > 2 else []),
        *(part for note in notes if note for part in _wrapped(note, width, INDENT)),
    ]


def _sentence(
    answer: Answer, answers: Sequence[Answer], width: int, indent: str = INDENT
) -> list[str]:
    """Put question and answer in one line, answers aligned; if too wide, the answer below."""
    column = max(len(one.question) for one in answers)
    question = f"{clean(answer.question):{column}}{GAP}"
    line = f"{indent}{question}{clean(answer.words)}"
    if len(line) <= width:
        return [line]
    if column <= width // 2:
        below = " " * (len(indent) + len(question))
        return textwrap.wrap(line, width, subsequent_indent=below, break_on_hyphens=False)
    return [
        *_wrapped(answer.question, width, indent),
        *_wrapped(answer.words, width, indent + INDENT),
    ]


def _table(
    answer: Answer, verdicts: Sequence[Verdict], labels: Mapping[str, str], width: int
) -> list[str]:
    """Return rows of scores, gain and p-values; standard deviations if there is room."""
    for deviations in (True, False):
        heads = ("", (clean(answer.against), clean(answer.method), "gain", "p", "p adj."))
        rows = [heads, *(row for one in verdicts for row in _rows(one, labels, deviations))]
        cells = [max(len(row[1][k]) for row in rows) for k in range(len(heads[1]))]
        room = width - len(INDENT) - sum(cells) - len(GAP) * len(cells)
        name = min(max(len(row[0]) for row in rows), room)
        if name >= min(SHORTEST_NAME, max(len(row[0]) for row in rows)):
            break
    return [line for row in rows for line in _lines(row, max(name, 8), cells)]


def _lines(row: Row, name: int, widths: Sequence[int]) -> list[str]:
    first, *rest = textwrap.wrap(row[0], name, break_on_hyphens=False) or [""]
    cells = [f"{text:>{width}}" for text, width in zip(row[1], widths, strict=True)]
    line = GAP.join([f"{INDENT}{first:{name}}", *cells]).rstrip()
    return [line, *(f"{INDENT}{INDENT}{part}" for part in rest)]


def _rows(verdict: Verdict, labels: Mapping[str, str], deviations: bool) -> list[Row]:
    """Return the row of a verdict, and that of its confirmation, if it has one."""
    fresh = verdict.confirmation
    found = [_row(verdict, labels, deviations)]
    if fresh is not None:
        seeds = min(len(fresh.baseline.trials), len(fresh.system.trials))
        found.append(_row(fresh, labels, deviations, f"{seeds} fresh seeds"))
    return found


def _row(verdict: Verdict, labels: Mapping[str, str], deviations: bool, seeds: str = "") -> Row:
    test = verdict.comparison or verdict.gain
    split = "" if verdict.split == GIVEN else SPLIT_TITLES.get(verdict.split, verdict.split)
    parts = (split, seeds or (f"n = {test.n:,}" if test else ""))
    details = ", ".join(part for part in parts if part)
    name = clean(f"{task_display_name(verdict, labels)} ({details})")
    gain = percent(verdict.delta, 1)
    mark = ("§" if verdict.survives else "") if seeds else _table_mark(verdict)
    return (
        name,
        (
            _score(verdict.baseline, deviations),
            _score(verdict.system, deviations),
            gain if gain.startswith("-") or not verdict.delta else f"+{gain}",
            p_text(verdict.p_value),
            f"{p_text(verdict.p_after_holm)}{mark}",
        ),
    )


def _table_mark(verdict: Verdict) -> str:
    """Return the mark of the row without fresh seeds; a confirmation's row has its own."""
    own = [mark for mark in verdict.marks if mark != "section"]
    return SIGNS[own[-1]] if own else ""


def _score(side: Chosen, deviations: bool) -> str:
    spread = f" ± {percent(side.deviation, 1)}" if deviations and side.deviation else ""
    return f"{percent(side.score, 1)}{spread}"


def p_text(p: float | None) -> str:
    """Format a p-value as in journals: `.59`, `.004`, `<.001`, `1.0`; `--` if there is none."""
    if p is None:
        return "--"
    if p < 0.001:
        return "<.001"
    if p >= 0.995:
        return "1.0"
    digits = 3 if p < 0.095 else 2
    return f"{p:.{digits}f}".removeprefix("0")


def _legend(answers: Sequence[Answer], shown: Sequence[Verdict]) -> list[str]:
    """Explain the marks and the adjusted p-values that are printed."""
    signs = {_table_mark(one) for one in shown} | {
        sign(one) for answer in answers for one in answer.verdicts
    }
    marks = [f"{mark} {text}" for mark, text in EXPLAINED.items() if mark in signs]
    lines = [f"{'; '.join(marks)}."] if marks else []
    if not shown:
        return lines
    family = shown[0].family
    steps = ["the choice among trials (where these examples made it)"]
    steps = steps if any(one.selected for one in shown) else []
    steps += [f"{family} comparisons (Holm)"] if family > 1 else []
    fresh = {one.confirmation.family for one in shown if one.confirmation}
    steps[-1:] = [f"{step}, {max(fresh)} of fresh seeds" if fresh else step for step in steps[-1:]]
    missing = " --: not available." if any(one.p_after_holm is None for one in shown) else ""
    return [*lines, f"p adj.: corrected for {' and '.join(steps)}.{missing}"] if steps else lines


def _constant(shown: Sequence[Verdict], labels: Mapping[str, str]) -> str:
    """Name the tasks on which a gain has no mark because one class for all scores as much."""
    tasks = [
        task_display_name(one, labels) for one in shown if one.side == "ahead" and not one.marked
    ]
    names = ", ".join(dict.fromkeys(tasks))
    return f"No mark on {names}: one class for all examples scores as much." if names else ""


def _least(answers: Sequence[Answer], shown: Sequence[Verdict], labels: Mapping[str, str]) -> str:
    """Describe the gains that are too small to be detected, on tasks without a clear answer."""
    open_tasks = {one.key for answer in answers for one in answer.with_outcome("even")}
    least = {
        (task_display_name(one, labels), SPLIT_TITLES.get(one.split, one.split)): one.least
        for one in shown
        if one.key in open_tasks and one.least is not None and abs(one.delta) < one.least
    }
    if not least:
        return ""
    if len({task for task, _ in least}) == 1:
        parts = [
            percent(gain, 1) + (f" ({split})" if split != GIVEN else "")
            for (_, split), gain in least.items()
        ]
        gains = " and ".join(parts)
    else:
        gains = f"{percent(min(least.values()), 1)} to {percent(max(least.values()), 1)}"
    return clean(f"Gains below {gains} points cannot show on so few examples.")


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        clean(text), width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
