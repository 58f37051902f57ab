"""What is known of two systems, for reading and for programs.

In: a `PairReport`. Out: text, or what `json.dumps` takes.
"""

from dataclasses import asdict
from typing import Any, Final

from reports.compare import Differing, MetricReport, PairReport
from search_spaces.text import one_line, shown
from trainers.records.metrics import short_name

LISTED: Final = 20  # discordant examples that the text lists; JSON has all
TABLE: Final = {
    "both_right": (True, True),
    "only_baseline_right": (True, False),
    "only_system_right": (False, True),
    "both_wrong": (False, False),
}


def to_dict(report: PairReport) -> dict[str, Any]:
    """Everything, unrounded, for JSON."""
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


def to_text(report: PairReport) -> str:
    """A page for reading: scores with intervals, tests, the table, the first differing examples."""
    labels = [shown(label) for label in report.labels]
    lines = [
        f"{report.n:,} examples{f' of {report.split}' if report.split else ''};"
        f" baseline {shown(report.baseline)}, system {shown(report.system)}",
        f"{len(labels)} labels: {one_line(', '.join(labels))}"
        + (f" (f1 is of {labels[1]})" if len(labels) == 2 else ""),
    ]
    if report.one_class:
        lines += [f"one class for every example: {', '.join(report.one_class)}"]
    lines += [f"warning: {one_line(line)}" for line in report.warnings]
    for entry in report.metrics:
        lines += ["", _headline(entry), *(f"  {test.signature()}" for test in entry.tests)]
    width = max(len(name) for name in TABLE)
    lines += [
        "",
        *(f"{n.replace('_', ' '):{width}} {report.table[k]:>8,}" for n, k in TABLE.items()),
    ]
    lines += ["", f"labelled differently: {len(report.differing):,} of {report.n:,} examples"]
    lines += [f"  {_in_words(example)}" for example in report.differing[:LISTED]]
    more = len(report.differing) - LISTED
    lines += [f"  and {more:,} more (--json lists all)"] if more > 0 else []
    return "\n".join(lines)


def _in_words(example: Differing) -> str:
    labels = {"gold": example.gold, "baseline": example.baseline, "system": example.system}
    said = ", ".join(f"{name} {shown(label)}" for name, label in labels.items())
    return f"{shown(example.id)}: {said}"


def _headline(entry: MetricReport) -> str:
    test, interval = entry.tests[0], entry.interval
    scores = f"{100 * test.baseline_score:.2f} -> {100 * test.system_score:.2f}"
    points = f"{100 * interval.low:+.2f} .. {100 * interval.high:+.2f}"
    return (
        f"{short_name(entry.metric)}: {scores}, difference {100 * test.delta:+.2f}"
        f" [{points}] ({interval.level:.0%} paired bootstrap), p = {test.p_value:.4g}"
    )
