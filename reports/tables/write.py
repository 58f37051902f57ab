"""Writes reports in every format. In: reports and a folder. Out: the files written."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reports.tables.choice import Choice
from reports.tables.latex import to_latex
from reports.tables.markdown import to_markdown
from reports.tables.plain import to_csv, to_json
from reports.tables.report import Report, marks_of
from trainers.records.files import write_file

RENDERERS = {"tex": to_latex, "md": to_markdown, "csv": to_csv, "json": to_json}


def write_reports(reports: Sequence[Report], folder: Path) -> list[Path]:
    """Write each table as LaTeX, Markdown, CSV and JSON, and all comparisons as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        f"{report.table.name}.{ending}": render(report.table)
        for report in reports
        for ending, render in RENDERERS.items()
    }
    comparisons = json.dumps(comparisons_of(reports), indent=1) + "\n"
    for name, text in (contents | {"comparisons.json": comparisons}).items():
        write_file(folder / name, text.encode(), sync=False)
    return [folder / name for name in (*contents, "comparisons.json")]


def comparisons_of(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Every test behind the marks, unrounded, and whatever the tables derive from it."""
    return [
        {
            "table": report.table.name,
            **{name: value for name, value in asdict(test).items() if name != "definition"},
            "delta": test.comparison.delta,
            "marked": test.marked,
            "survives": test.survives,
            "marks": [mark for mark, holds in marks_of(test).items() if holds],
            "gap_shown": test.gap.shown,
            "delta_in_seed_deviations": test.seeds.ratio if test.seeds else None,
            "after_choice": _after_choice(test.choice),
            "signature": test.note(),
        }
        for report in reports
        for test in report.tests
    ]


def _after_choice(choice: Choice) -> dict[str, Any]:
    """What `Choice`'s parts say by their properties: `asdict` leaves these out."""
    best, budget, honest = choice.best, choice.budget, choice.honest
    return {
        "refused": choice.refused,
        "p_value": best.p_value if best else None,
        "standard_error": best.standard_error if best else None,
        "matched_delta": budget.matched_delta if budget else None,
        "optimism": honest.optimism if honest else None,
    }
