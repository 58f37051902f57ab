"""Write reports in every format. In: reports and a folder. Out: the files written."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reports.tables.latex import to_latex
from reports.tables.latex_notes import to_latex_notes
from reports.tables.markdown import to_markdown, to_markdown_notes
from reports.tables.plain import to_csv, to_json
from reports.tables.report import Report
from reports.tables.table import Table
from reports.verdicts.verdict import Chosen, Verdict
from trainers.records.files import write_file

RENDERERS: dict[str, Callable[[Table], str]] = {
    ".md": to_markdown,
    ".csv": to_csv,
    ".json": to_json,
    "-notes.tex": to_latex_notes,
    "-notes.md": to_markdown_notes,
}


def write_reports(
    reports: Sequence[Report], folder: Path, *, wide: bool = False, transpose: bool = False
) -> list[Path]:
    """Write each table as LaTeX, Markdown, CSV and JSON with its notes, and all comparisons.

    `wide` and `transpose` are those of `to_latex`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents: dict[str, str] = {}
    for table in (report.table for report in reports):
        contents[f"{table.name}.tex"] = to_latex(table, wide=wide, transpose=transpose)
        for ending, render in RENDERERS.items():
            contents[f"{table.name}{ending}"] = render(table)
    comparisons = json.dumps(comparisons_of(reports), indent=1) + "\n"
    for name, text in (contents | {"comparisons.json": comparisons}).items():
        write_file(folder / name, text.encode(), sync=False)
    return [folder / name for name in (*contents, "comparisons.json")]


def comparisons_of(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Return every test behind the marks, unrounded, and what the tables derive from it."""
    return [
        {"table": report.table.name, **as_dict(verdict)}
        for report in reports
        for verdict in report.verdicts
    ]


def as_dict(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict, including its properties, as plain values."""
    names: tuple[str, ...] = (
        "task",
        "encoder",
        "method",
        "split",
        "data",
        "chosen_on",
        "delta",
        "p_value",
    )
    names += ("p_holm", "p_bh", "p_after", "p_after_holm", "family", "least", "is_least_shown")
    names += ("selected", "epoch_selected", "refused", "constant", "one_class")
    names += ("marked", "survives", "marks")
    parts = {
        "comparison": verdict.comparison,
        "gain": verdict.gain,
        "interval": verdict.interval,
        "best": verdict.best,
        "budget": verdict.budget,
        "wins": verdict.wins,
    }
    return {
        **{name: getattr(verdict, name) for name in names},
        "baseline": _chosen(verdict.baseline),
        "system": _chosen(verdict.system),
        **{name: asdict(part) if part else None for name, part in parts.items()},
        "low": verdict.bounds[0] if verdict.bounds else None,
        "high": verdict.bounds[1] if verdict.bounds else None,
        "p_after_choice": verdict.best.p_value if verdict.best else None,
        "p_after_choice_error": verdict.best.standard_error if verdict.best else None,
        "matched_delta": verdict.budget.matched_delta if verdict.budget else None,
        "signature": verdict.signature(),
    }


def _chosen(side: Chosen) -> dict[str, Any]:
    return {**asdict(side), "score": side.score, "deviation": side.deviation}
