"""Names from outside print as themselves in every format, and LaTeX compiles."""

import csv
import html
import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import cast

import pytest

from reports.results.cells import CellResult, FinishedTrial
from reports.tables.html import to_html
from reports.tables.latex import to_latex
from reports.tables.latex_notes import to_latex_notes
from reports.tables.latex_text import escape
from reports.tables.markdown import to_markdown, to_markdown_notes
from reports.tables.plain import to_csv, to_json
from reports.tables.report import Report
from reports.tables.terminal import to_text
from reports.tables.write import comparisons_of
from search_spaces.shipped_tasks import TASKS
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig
from tests.reports.stores import build, trials, words_of
from tests.reports.tex import check_compiles
from tests.results import keep
from trainers.records.store import Store

HOSTILE = r"a_b & 50% #1 {x} \cmd ~ ^ ü 中 <script>"


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Report]:
    """A study, a task, an encoder and a method with that name; one trial was stopped early."""
    known = cast("dict[str, Task]", TASKS)
    monkeypatch.setitem(known, HOSTILE, TASKS["rte"].model_copy(update={"title": HOSTILE}))
    store = Store(tmp_path / "store", create=True)
    cells = [
        cell(store, trials(method, 2, HOSTILE, encoder=HOSTILE), name, right)
        for method, name, right in (
            ("standard", "standard", 100),
            ("at", "at", 110),
            ("cat", HOSTILE, 150),
        )
    ]
    cells[1] = replace(cells[1], pruned=1)
    return build(HOSTILE, cells, store, intervals=True)


def cell(store: Store, group: list[TrialConfig], method: str, right: int) -> CellResult:
    for place, trial in enumerate(group):
        keep(store, trial, {"dev": right + place})
    finished = tuple(
        FinishedTrial(config=trial, record=store.record(trial.signature)) for trial in group
    )
    return CellResult(
        task=HOSTILE,
        encoder=HOSTILE,
        method=method,
        definition=TASKS[HOSTILE],
        finished=finished,
        failed=0,
        missing=0,
        settings=len(finished),
        seeds=1,
        failed_settings=0,
        grid=method,
    )


def test_there_are_marks_refusals_and_intervals(reports: list[Report]) -> None:
    first, second = (report.table for report in reports)
    assert first.rows[2].labels == (HOSTILE, HOSTILE)
    assert first.rows[2].cells[0].marks == ("dagger", "double-dagger")
    assert f"Study {HOSTILE}, dev set." in words_of(first)
    assert f": {HOSTILE}/{HOSTILE}/at: 1 of its trials was pruned." in words_of(first)
    assert f"Gains over Standard, in points: {HOSTILE} {HOSTILE} AT 5.0 (" in first.notes[-1]
    assert any(HOSTILE in note and "refused" in note for note in second.notes)


def test_latex(reports: list[Report], tmp_path: Path) -> None:
    rendered = [to_latex(report.table) for report in reports]
    notes = [to_latex_notes(report.table) for report in reports]
    for text, report in zip(rendered, reports, strict=True):
        assert text.isascii() or any(not line.isascii() for line in report.table.signatures)
        assert text.count(escape(HOSTILE)) >= 1 + report.table.caption.count(HOSTILE)
    check_compiles("\n".join([*rendered, *notes]), tmp_path)
    check_compiles("\n".join(notes), tmp_path, "[twocolumn]")


def test_markdown(reports: list[Report]) -> None:
    for report in reports:
        text = to_markdown(report.table)
        assert "<" not in text
        plain = html.unescape(re.sub(r"\\(.)", r"\1", text))
        assert plain.startswith(report.table.caption)
        notes = to_markdown_notes(report.table)
        plain = html.unescape(re.sub(r"\\(.)", r"\1", notes))
        assert all(note in plain for note in report.table.notes)
        widths = {
            len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line[:1] == "|"
        }
        assert len(widths) == 1


def test_page(reports: list[Report]) -> None:
    for report in reports:
        text = to_html(report.table)
        assert "<script>" not in text
        bare = html.unescape(re.sub(r"<[^>]*>", "\n", text))
        assert {report.table.caption, *report.table.notes, HOSTILE} <= set(bare.split("\n"))


def test_terminal(reports: list[Report]) -> None:
    for report in reports:
        text = to_text(report.table)
        assert HOSTILE in text
        sentences = re.sub(r"\s+", " ", text)
        assert report.table.caption.replace("\u00a0", " ") in sentences.replace("\u00a0", " ")


def test_files_for_programs(reports: list[Report]) -> None:
    for report in reports:
        whole = json.loads(to_json(report.table))
        rows = list(csv.reader(StringIO(to_csv(report.table))))
        assert whole["caption"] == report.table.caption
        assert any(HOSTILE in row for row in rows[1:])
        assert [row["labels"] for row in whole["rows"]] == [
            list(r.labels) for r in report.table.rows
        ]
    found = json.loads(json.dumps(comparisons_of(reports)))
    assert [entry["method"] for entry in found] == ["at", HOSTILE]
