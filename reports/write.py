"""Writes reports in every format. In: reports and a folder. Out: the files written."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reports.latex import to_latex
from reports.markdown import to_markdown
from reports.plain import to_csv, to_json
from reports.tables import Report
from trainers.files import write_file

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
    """Every test behind the marks, unrounded."""
    return [
        {
            "table": report.table.name,
            **asdict(test),
            "delta": test.comparison.delta,
            "marked": test.marked,
            "signature": test.note(),
        }
        for report in reports
        for test in report.tests
    ]
