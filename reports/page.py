"""The page: one HTML file that needs no network, from the template and scripts in `assets/`.

In: the numbers of `pictures.py`, reports, examples and failures. Out: a string; the same input
gives the same bytes. The headline and the tables are plain HTML; the rest is JSON that the page's
scripts draw. A content security policy allows these scripts and this style, by their hashes, and
nothing else: no network, and nothing that a name might smuggle in.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib import resources
from importlib.metadata import version
from string import Template
from typing import Any, Final

from reports.examples import Discordant
from reports.failures import Failure
from reports.html_table import to_html
from reports.page_data import page_data
from reports.pictures import Pictures
from reports.table import percent
from reports.tables import ALPHA, BASELINE, METRIC_TITLES, SPLIT_TITLES, Report, Tested
from trainers.tasks import get_task

SCRIPTS: Final = ("base.js", "tables.js", "charts.js", "parallel.js", "main.js")
MOST_SENTENCES: Final = 20


def build_page(
    pictures: Pictures,
    reports: Sequence[Report],
    examples: Sequence[Discordant],
    failed: Sequence[Failure],
) -> str:
    """Fill the template in one pass, so that nothing filled in is itself read as a template."""
    style, script = asset("page.css"), "\n".join(asset(name) for name in SCRIPTS)
    return Template(asset("page.html")).substitute(
        study=escape(pictures.study),
        summary=_summary(pictures, failed),
        headline=_headline(reports),
        tables="\n".join(to_html(report.table) for report in reports),
        footer=f"Written by catsweep {escape(version('catsweep'))}.",
        data=embedded(page_data(pictures, reports, examples, failed)),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def asset(name: str) -> str:
    """Read a file of `assets/`, wherever the package is installed."""
    return (resources.files("reports") / "assets" / name).read_text("utf-8")


def embedded(data: dict[str, Any]) -> str:
    """Write JSON that may stand inside a script element, whatever its strings hold.

    No `<`, `>` or `&` is left that could end the element or open a comment; all else beyond ASCII
    is escaped, the line separators U+2028 and U+2029 and lone surrogates with it.
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _summary(pictures: Pictures, failed: Sequence[Failure]) -> str:
    finished = sum(len(cell.landscape.trials) for cell in pictures.cells)
    wanted = sum(cell.landscape.wanted for cell in pictures.cells)
    ended = f", {len(failed):,} failed or were stopped early" if failed else ""
    return (
        f"{finished:,} of {wanted:,} trials are finished in {len(pictures.cells)} cells"
        f" (task, encoder, method){ended}."
    )


def _headline(reports: Sequence[Report]) -> str:
    sentences = [
        _sentence(report.split, test) for report in reports if report.split for test in report.tests
    ]
    if not sentences:
        return "<p>Nothing is compared yet: it takes a finished baseline and another method.</p>"
    items = "".join(f"<li>{sentence}</li>\n" for sentence in sentences[:MOST_SENTENCES])
    rest = len(sentences) - MOST_SENTENCES
    more = f"<p>{rest} more are among the comparisons.</p>" if rest > 0 else ""
    return f'<ul class="headline">\n{items}</ul>{more}'


def _sentence(split: str, test: Tested) -> str:
    """Say who is ahead, and whether the test tells them apart."""
    found, task = test.comparison, get_task(test.task)
    points = percent(abs(found.delta), 1)
    side = "above" if found.delta > 0 else "below" if found.delta < 0 else "level with"
    verdict = "they differ" if found.p_value < ALPHA else "the test does not tell them apart"
    after = f", {test.p_holm:.2g} after Holm" if test.family > 1 else ""
    method, encoder = escape(test.method), escape(test.encoder)
    return (
        f"<b>{escape(task.title)}</b>, {escape(SPLIT_TITLES.get(split, split))}: {method} is"
        f" {f'{points} points ' if found.delta else ''}{side} {BASELINE}"
        f" ({percent(found.system_score, 1)} against {percent(found.baseline_score, 1)}"
        f" {METRIC_TITLES[found.metric]}, {encoder}); {verdict}: p = {found.p_value:.2g}{after},"
        f" {found.discordant:,} of {found.n:,} examples are discordant."
    )
