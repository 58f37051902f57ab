"""The page: one self-contained HTML file, from the template and scripts in `assets/`.

In: `Pictures`, reports, examples and failures. Out: a string; the same input gives the same bytes.
The headline and the tables are plain HTML; everything else is JSON that the page's scripts draw. A
content security policy allows only these scripts and this style, by their hashes: no network access
and no injected code.
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

from reports.page.examples import Discordant
from reports.page.facts import Facts, facts_html
from reports.page.headline import write_headline
from reports.page.page_data import page_data
from reports.page.pictures import Pictures
from reports.results.failures import STOPPED, Failure
from reports.tables.html import to_html
from reports.tables.report import Report

SCRIPTS: Final = (
    "base.js",
    "cards.js",
    "downloads.js",
    "tables.js",
    "charts.js",
    "parallel.js",
    "slices.js",
    "trials.js",
    "main.js",
)
NO_FACTS: Final = Facts()


def build_page(
    pictures: Pictures,
    reports: Sequence[Report],
    examples: Sequence[Discordant],
    failed: Sequence[Failure],
    facts: Facts = NO_FACTS,
    worth: float | None = None,
) -> str:
    """Fill the template in one pass, so that inserted text is never read as a template."""
    style, script = asset("page.css"), "\n".join(asset(name) for name in SCRIPTS)
    return Template(asset("page.html")).substitute(
        study=escape(pictures.study),
        summary=_summary(pictures, failed),
        headline=write_headline(reports, pictures.labels, worth),
        facts=facts_html(facts),
        tables="\n".join(f'<div class="ready">{to_html(report.table)}</div>' for report in reports),
        footer=f"Written by catsweep {escape(version('catsweep'))}.",
        data=embedded(page_data(pictures, reports, examples, failed, worth)),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def asset(name: str) -> str:
    """Read a file of `assets/`, wherever the package is installed."""
    return (resources.files("reports") / "page" / "assets" / name).read_text("utf-8")


def embedded(data: dict[str, Any]) -> str:
    """Write JSON that is safe inside a script element, whatever its strings contain.

    `<`, `>` and `&`, which could end the element or open a comment, and all characters beyond ASCII
    are escaped, including the line separators U+2028 and U+2029 and lone surrogates.
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _summary(pictures: Pictures, failed: Sequence[Failure]) -> str:
    if pictures.given:
        return "Predictions of other programs."
    finished = sum(len(cell.landscape.trials) for cell in pictures.cells)
    stopped = sum(trial.kind == STOPPED for trial in failed)
    counts = {"failed": len(failed) - stopped, STOPPED: stopped}
    others = "".join(f", {number:,} {what}" for what, number in counts.items() if number)
    cells = f"{pictures.wanted_cells:,} cell{'' if pictures.wanted_cells == 1 else 's'}"
    return (
        f"{finished:,} of {pictures.wanted:,} trials are finished{others}, in {cells}"
        " (task, encoder, method)."
    )
