"""The comparison of two systems as text and as JSON.

In: a `PairReport`. Out: text, or what `json.dumps` takes.
"""

import textwrap
from dataclasses import asdict
from typing import Any, Final

from reports.compare import Differing, MetricReport, PairReport
from reports.tables.text_grid import grid_lines
from reports.verdicts.verdict import ALPHA
from search_spaces.text import one_line, unquoted
from trainers.records.metrics import short_name

LISTED: Final = 20  # differing examples that the text lists; JSON has all
TABLE: Final = {
    "both_right": (True, True),
    "only_baseline_right": (True, False),
    "only_system_right": (False, True),
    "both_wrong": (False, False),
}


def to_dict(report: PairReport) -> dict[str, Any]:
    """Return everything, unrounded, for JSON."""
    return {
        "baseline": report.baseline,
        "system": report.system,
        "split": report.split,
        "n": report.n,
        "labels": report.labels,
        "metrics": [
            {
                "metric": entry.metric,
                "baseline": entry.tests[0].baseline_score,
                "system": entry.tests[0].system_score,
                "delta": entry.tests[0].delta,
                "interval": {"method": "paired-bootstrap-percentile", **asdict(entry.interval)},
                "tests": [{**asdict(t), "signature": t.signature()} for t in entry.tests],
            }
            for entry in report.metrics
        ],
        "one_class": report.one_class,
        "warnings": report.warnings,
        "table": {name: report.table[key] for name, key in TABLE.items()},
        "differing": [asdict(entry) for entry in report.differing],
    }


def to_text(report: PairReport, width: int = 120, *, details: bool = True) -> str:
    """Write the comparison as text of at most `width` columns, with the answer at the end.

    It has scores, intervals and p-values; `details` adds each test, the counts of correct
    predictions, and the first differing examples.
    """
    labels = [unquoted(label) for label in report.labels]
    lines = [
        f"{report.n:,} examples{f' of {report.split}' if report.split else ''};"
        f" baseline {unquoted(report.baseline)}, system {unquoted(report.system)}",
        f"{len(labels)} labels: {one_line(', '.join(labels))}"
        + (f" (positive for f1: {labels[1]})" if len(labels) == 2 else ""),
    ]
    if report.one_class:
        lines += [f"one class for every example: {', '.join(report.one_class)}"]
    lines += [f"warning: {one_line(line)}" for line in report.warnings]
    below = _test_lines(report) if details else []
    wrapped = [part for line in lines for part in _wrap(line, width)]
    wrapped += ["", *_scores(report, width)]
    wrapped += [part for line in below for part in _wrap(line, width)]
    return "\n".join([*wrapped, "", to_answer(report, width)])


def _scores(report: PairReport, width: int) -> list[str]:
    """A row per metric: both scores, the gain and its interval in points, and p."""
    level = report.metrics[0].interval.level
    heads = ("baseline", "system", "gain", f"{level:.0%} interval", "p")
    rows = [(short_name(entry.metric), _score_row(entry)) for entry in report.metrics]
    lines = grid_lines(heads, rows, width)
    return [*lines, *_wrap("Gains in points; intervals by the paired bootstrap.", width)]


def _score_row(entry: MetricReport) -> tuple[str, ...]:
    test, interval = entry.tests[0], entry.interval
    return (
        f"{100 * test.baseline_score:.2f}",
        f"{100 * test.system_score:.2f}",
        f"{100 * test.delta:+.2f}",
        f"{100 * interval.low:+.2f} to {100 * interval.high:+.2f}",
        f"{test.p_value:.4g}",
    )


def _test_lines(report: PairReport) -> list[str]:
    """Each test of each metric, then how often which system is right."""
    tests = [test.signature() for entry in report.metrics for test in entry.tests]
    return ["", "tests", *(f"  {test}" for test in tests), *_detail_lines(report)]


def _detail_lines(report: PairReport) -> list[str]:
    width = max(len(name) for name in TABLE)
    lines = [
        "",
        *(f"{n.replace('_', ' '):{width}} {report.table[k]:>8,}" for n, k in TABLE.items()),
    ]
    lines += ["", f"labelled differently: {len(report.differing):,} of {report.n:,} examples"]
    lines += [f"  {_example_line(example)}" for example in report.differing[:LISTED]]
    more = len(report.differing) - LISTED
    return [*lines, *([f"  and {more:,} more (--json lists all)"] if more > 0 else [])]


def to_answer(report: PairReport, width: int) -> str:
    """Return whether the system beats the baseline, by the customary test of the first metric."""
    test = report.metrics[0].tests[0]
    points = f"{100 * test.delta:+.1f} points of {short_name(report.metrics[0].metric)}"
    if test.p_value >= ALPHA or test.delta == 0:
        words = "not shown"
    else:
        words = "yes, on these examples" if test.delta > 0 else "no, worse on these examples"
    pair = "Does {1} beat {0}?".format(*map(unquoted, _file_names(report.baseline, report.system)))
    return "\n".join(_wrap(f"{pair}  {words} ({points}, p = {test.p_value:.2g})", width))


def _file_names(*names: str) -> list[str]:
    """Drop the folders of paths, if the file names differ."""
    found = [name.replace("\\", "/").rsplit("/", 1)[-1] for name in names]
    return found if len(set(found)) == len(names) and all(found) else [*names]


def _wrap(line: str, width: int) -> list[str]:
    """Wrap a line at spaces, and a signature after its bars."""
    if len(line) <= width:
        return [line]
    parts = textwrap.wrap(
        line.replace("|", "|\u200b "),
        width,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [part.replace("|\u200b ", "|").replace("|\u200b", "|") for part in parts]


def _example_line(example: Differing) -> str:
    labels = {"gold": example.gold, "baseline": example.baseline, "system": example.system}
    listed = ", ".join(f"{name} {unquoted(label)}" for name, label in labels.items())
    return f"{unquoted(example.id)}: {listed}"
