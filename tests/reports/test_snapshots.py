"""A table with everything in it, as every renderer prints it, against the files in `snapshots/`.

Where a change is meant, `CATSWEEP_RENEW=1 pytest tests/reports/test_snapshots.py` writes the files
anew; read their diff before it is committed.
"""

import os
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from reports.tables.html import to_html
from reports.tables.latex import to_latex
from reports.tables.latex_notes import to_latex_notes
from reports.tables.markdown import to_markdown, to_markdown_notes
from reports.tables.plain import to_csv, to_json
from reports.tables.table import Cell, Column, ColumnGroup, Row, Table
from reports.tables.terminal import to_text
from tests.reports.tex import check_compiles

FOLDER = Path(__file__).parent / "snapshots"
RENDERERS: dict[str, Callable[[Table], str]] = {
    "everything.tex": to_latex,
    "everything.md": to_markdown,
    "everything-notes.tex": to_latex_notes,
    "everything-notes.md": to_markdown_notes,
    "transposed.tex": partial(to_latex, transpose=True),
    "everything.html": to_html,
    "everything.txt": to_text,
    "everything.csv": to_csv,
    "everything.json": to_json,
}
GROUPS = (
    ColumnGroup(columns=(Column(title="Trials", ranked=False),)),
    ColumnGroup(
        title="Single sentence",
        columns=(Column(title="CoLA", subtitle="MCC"), Column(title="SST-2", subtitle="accuracy")),
    ),
    ColumnGroup(title="Pair", columns=(Column(title="MRPC", subtitle="F1"),)),
    ColumnGroup(columns=(Column(title="p", ranked=False),)),
)
EVERYTHING = Table(
    name="every_thing",
    caption="Study s, dev set: bold, marks (†, ‡), 5% of a & b, p\u00a0<\u00a0.05, λ = 0.1.",
    label_titles=("Encoder", "Method"),
    groups=GROUPS,
    rows=(
        Row(
            labels=("BERT-large", "standard"),
            cells=(
                Cell(value=3, kind="count"),
                Cell(value=-0.0204, n_trials=3),
                Cell(value=Fraction(935, 1000), n_trials=3),
                Cell(value=Fraction(8765, 10_000), n_trials=3),
                Cell(),
            ),
        ),
        Row(
            labels=("", "cat_v2"),
            cells=(
                Cell(value=1_080, kind="count"),
                Cell(value=0.651, marks=("dagger",), n_trials=1_080),
                Cell(value=Fraction(9351, 10_000), n_trials=1_080),
                Cell(
                    value=0.9,
                    deviation=0.012,
                    marks=("asterisk", "double-dagger", "section"),
                    n_trials=1_080,
                    settings=216,
                    seeds=5,
                ),
                Cell(value=1e-7, kind="p"),
            ),
        ),
        Row(
            labels=("naïve <tiny>", "at"),
            cells=(
                Cell(value=0, kind="count"),
                Cell(),
                Cell(words="n/a [1]"),
                Cell(value=0.85, marks=("double-dagger",), n_trials=12),
                Cell(value=0.04, kind="p"),
            ),
            starts_block=True,
        ),
        Row(
            labels=("BERT-large", "paper"),
            cells=(
                Cell(words="360"),
                Cell(value=0.694),
                Cell(value=Fraction(97, 100), marks=("dagger",)),
                Cell(words="91–92"),
                Cell(),
            ),
            starts_block=True,
            published=True,
        ),
        Row(
            labels=("one class for all", ""),
            cells=(Cell(words=" "), Cell(words=" "), Cell(value=0.95), Cell(words=" "), Cell()),
            starts_block=True,
            competes=False,
        ),
    ),
    notes=("RTE, Tiny, CAT: gain 1.2, 95% interval -0.3 to 2.6",),
    signatures=("metric:f1|tie:>=|undef:0|p:0.04",),
)


@pytest.mark.parametrize("name", RENDERERS)
def test_a_table_with_everything(name: str) -> None:
    """Newlines are compared as they are."""
    path, rendered = FOLDER / name, RENDERERS[name](EVERYTHING).encode()
    if os.environ.get("CATSWEEP_RENEW"):
        path.write_bytes(rendered)
        pytest.skip(f"renewed {path}: read the diff")
    assert rendered.decode() == path.read_bytes().decode()


def test_no_snapshot_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(RENDERERS)


@pytest.mark.parametrize("options", ["", "[twocolumn]"])
def test_the_snapshot_compiles(options: str, tmp_path: Path) -> None:
    names = ("everything.tex", "transposed.tex", "everything-notes.tex")
    check_compiles("".join((FOLDER / name).read_text("utf-8") for name in names), tmp_path, options)
