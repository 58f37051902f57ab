"""Renderers print the same numbers, keep hostile names intact, and LaTeX compiles as it stands."""

import csv
import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from io import StringIO
from pathlib import Path

import pytest

from reports.tables import markdown
from reports.tables.html import to_html
from reports.tables.latex import to_latex
from reports.tables.latex_notes import to_latex_notes
from reports.tables.latex_text import escape
from reports.tables.markdown import to_markdown, to_markdown_notes
from reports.tables.plain import to_csv, to_json
from reports.tables.table import Cell, Column, ColumnGroup, Row, Table
from reports.tables.terminal import to_text
from reports.verdicts.verdict import Mark
from search_spaces.text import clean
from tests.reports.tex import check_compiles

HOSTILE = r"a_b & 50% #1 {x} \cmd ~ ^ ü 中 <script>"
TRICKY = (
    "[2pt] *star a--b --- ''q'' \"d\" `t` |p| ?` $5 é ñ ī Ź ß ø ł ő ç ḍ ế ε Ω × – “x” † ï µ\x00\n-"
)
RENDERERS: dict[str, Callable[[Table], str]] = {
    "latex": to_latex,
    "markdown": to_markdown,
    "html": to_html,
    "terminal": to_text,
    "csv": to_csv,
    "json": to_json,
}


def cell(value: Fraction | float | None, *marks: Mark) -> Cell:
    return Cell(value=value, marks=marks, n_trials=3)


def example(name: str = "cat", extra: tuple[Row, ...] = ()) -> Table:
    single = (
        Column(title="CoLA", subtitle="mcc"),
        Column(title="SST-2", subtitle="accuracy"),
    )
    groups = (
        ColumnGroup(title="Single", columns=single),
        ColumnGroup(title="Pair", columns=(Column(title="MRPC", subtitle="f1"),)),
        ColumnGroup(columns=(Column(title="Avg"),)),
    )
    base = (cell(0.6021), cell(Fraction(935, 1000)), cell(Fraction(8765, 10000)), cell(0.8))
    cat = (cell(0.65, "dagger"), cell(Fraction(9351, 10000)), cell(0.9, "dagger", "double-dagger"))
    published = (cell(0.694), cell(0.97), cell(0.93), Cell())
    rows = (
        Row(labels=("BERT", "standard"), cells=base),
        Row(labels=("BERT", name), cells=(*cat, Cell())),
        Row(labels=("BERT", "paper"), cells=published, starts_block=True, published=True),
        *extra,
    )
    return Table(
        name="glue_dev",
        caption=f"Dev sets; {name}",
        label_titles=("Encoder", "Method"),
        groups=groups,
        rows=rows,
        notes=(name,),
        signatures=("mcc|test:fisher-exact",),
    )


def hostile() -> Table:
    """A table in which every name is hostile."""
    row = Row(labels=(TRICKY, HOSTILE), cells=(Cell(value=-0.05),) * 4)
    table = replace(example(HOSTILE, (row,)), name=HOSTILE, label_titles=(HOSTILE, TRICKY))
    column = Column(title=HOSTILE, subtitle=TRICKY)
    return replace(table, groups=(ColumnGroup(title=HOSTILE, columns=(column,) * 4),))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_renderer_repeats_and_prints_nothing(
    renderer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    render = RENDERERS[renderer]
    assert render(hostile()) == render(hostile())
    assert render(example()).endswith("\n")
    assert capsys.readouterr() == ("", "")


def test_latex_as_a_whole() -> None:
    assert to_latex(example()) == "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}[t]",
            r"\centering",
            r"\footnotesize",
            r"\setlength{\tabcolsep}{3pt}",
            r"\begin{tabular}{llccc@{\hspace{10.5pt}}c}",
            r"\toprule",
            r" &  & \multicolumn{2}{c}{Single} & Pair &  \\",
            r"\cmidrule(lr){3-4}",
            r" &  & CoLA & SST-2 & MRPC & Avg \\",
            r"Encoder & Method & mcc & accuracy & f1 &  \\",
            r"\midrule",
            r"BERT & standard & 60.2 & \textbf{93.5} & 87.7 & \textbf{80.0} \\",
            r" & cat & \textbf{65.0}\rlap{$^{\dagger}$} & \textbf{93.5} & "
            r"\textbf{90.0}\rlap{$^{\dagger\ddagger}$} & -- \\",
            r"\midrule",
            r"\textit{BERT} & \textit{paper} & \textit{69.4} & \textit{97.0} & \textit{93.0} & "
            r"\textit{--} \\",
            r"\bottomrule",
            r"\end{tabular}",
            r"\caption{Dev sets; cat}",
            r"\label{tab:glue-dev}",
            r"\end{table}",
            r"% mcc|test:fisher-exact",
            "",
        ]
    )


def test_latex_spans_both_columns_only_where_one_is_too_narrow_or_on_request() -> None:
    rows = tuple(replace(row, cells=row.cells[:1]) for row in example().rows)
    narrow = replace(example(), groups=(ColumnGroup(columns=(Column(title="RTE"),)),), rows=rows)
    assert r"\begin{table}[t]" in to_latex(narrow)
    assert r"\begin{table*}[t]" in to_latex(narrow, wide=True)
    assert "graphicx" not in to_latex(narrow)
    many = ColumnGroup(columns=(Column(title="A long title of a task"),) * 7)
    wide = replace(narrow, groups=(many,), rows=tuple(replace(r, cells=r.cells * 7) for r in rows))
    assert r"\begin{table*}[t]" in to_latex(wide)
    assert r"\resizebox" in to_latex(wide)


def test_numbers_of_a_latex_column_are_as_wide_as_its_widest() -> None:
    column = (ColumnGroup(columns=(Column(title="RTE"),)),)
    cells = [
        Cell(value=-0.0525, deviation=0.1234, seeds=3),
        Cell(value=0.7, deviation=0.012, seeds=3),
        Cell(value=0.05),
        Cell(),
    ]
    rows = tuple(Row(labels=(str(place),), cells=(one,)) for place, one in enumerate(cells))
    table = Table(name="t", caption="c", label_titles=("M",), groups=column, rows=rows)
    lines = [line for line in to_latex(table).splitlines() if line[:1].isdigit()]
    pm = r"\ensuremath{\pm}"
    assert [line.partition(" & ")[2] for line in lines] == [
        rf"\phantom{{0}}$-$5.3 {pm} 12.3 \\",
        rf"\phantom{{$-$}}\textbf{{70.0}} {pm} \phantom{{0}}1.2 \\",
        rf"\phantom{{$-$0}}5.0\phantom{{ {pm} 12.3}} \\",
        r"-- \\",
    ]


def test_a_pair_of_metrics_has_a_common_head_and_one_encoder_no_column() -> None:
    pair = (Column(title="MRPC", subtitle="F1 (yes)"), Column(title="MRPC", subtitle="accuracy"))
    rows = tuple(
        Row(labels=("Tiny", name), cells=(cell(0.5), cell(0.6))) for name in ("Standard", "CAT")
    )
    table = Table(
        name="t",
        caption="MRPC dev set, Tiny.",
        label_titles=("Encoder", "Method"),
        groups=(ColumnGroup(columns=pair),),
        rows=rows,
    )
    text = to_latex(table)
    assert r" & \multicolumn{2}{c}{MRPC} \\" in text
    assert r"Method & F1 (yes) & accuracy \\" in text
    assert "\nStandard & " in text
    assert "Encoder" not in text
    assert "Encoder" in to_latex(replace(table, caption="MRPC dev set."))
    assert to_markdown(table).splitlines()[2] == "| Method | MRPC F1 (yes) | MRPC (accuracy) |"
    assert table.rows[0].labels == ("Tiny", "Standard"), "programs are told"


def test_transposed_latex_has_tasks_as_rows() -> None:
    lines = to_latex(example(), transpose=True).splitlines()
    assert r" &  &  & standard & cat & \textit{paper} \\" in lines
    (mrpc,) = [line for line in lines if "MRPC" in line]
    assert mrpc.endswith(r"87.7 & \textbf{90.0}\rlap{$^{\dagger\ddagger}$} & \textit{93.0} \\"), (
        "the best is still that of a task"
    )


def test_latex_leaves_out_empty_heading_lines() -> None:
    groups = (ColumnGroup(columns=(Column(title="Avg"),)),)
    table = Table(name="t", caption="c", label_titles=("M",), groups=groups, rows=())
    assert to_latex(table).split("\\toprule\n")[1].startswith("M & Avg \\\\\n\\midrule\n")


def test_notes_are_a_list_for_an_appendix(tmp_path: Path) -> None:
    notes = tuple(f"{HOSTILE} {place} " + "a/b_c:d " * 60 for place in range(20))
    text = to_latex_notes(replace(hostile(), notes=notes))
    assert text.count(r"\item ") == 20
    assert text.isascii()
    check_compiles(text, tmp_path)
    check_compiles(text, tmp_path, "[twocolumn]")
    assert "fisher" not in text
    assert to_latex_notes(replace(example(), notes=())) == "% no notes\n"


@pytest.mark.parametrize(("width", "pages"), [(1, 4), (100, 4)])
def test_a_long_latex_table_goes_on_on_the_next_page(
    width: int, pages: int, tmp_path: Path
) -> None:
    table = example()
    rows = tuple(
        replace(
            table.rows[0],
            labels=(f"system {number} " + "x" * width, ""),
            starts_block=number % 9 == 0,
        )
        for number in range(130)
    )
    long = replace(table, rows=rows, caption="words " * 60, notes=())
    text = to_latex(long)
    parts = text.split(r"\begin{table")[1:]
    assert [part.count("(continued)") for part in parts] == [0] + [1] * (pages - 1)
    found = re.findall(r"^system (\d+) ", text, flags=re.MULTILINE)
    assert found == [str(number) for number in range(130)]
    assert {part.split("\\midrule\n")[1].split()[1] for part in parts[1:]} <= {
        str(number) for number in range(0, 130, 9)
    }
    check_compiles(text, tmp_path)
    assert text.count(r"\label{") == 1


def test_latex_escapes_once() -> None:
    assert escape(HOSTILE) == (
        r"a\_b \& 50\% \#1 \{x\} \textbackslash{}cmd \textasciitilde{} \textasciicircum{} \"{u} "
        r"\texttt{U+4E2D} \textless{}script\textgreater{}"
    )
    assert escape("SST-2, u\u0308") == r"SST-2, \"{u}"
    assert escape("--- ''") == "-{}-{}- '{}'"
    assert escape("naïve ế") == r"na\"{\i}ve \texttt{U+1EBF}"


@pytest.mark.parametrize("text", [chr(c) for c in (*range(32, 127), 0x3B5, 0x142, 0x1F600)])
def test_latex_output_is_ascii_and_balanced(text: str) -> None:
    escaped = escape(text)
    assert escaped.isascii()
    bare = re.sub(r"\\.", "", escaped)
    assert bare.count("{") == bare.count("}")
    assert not set(bare) & set("&%#$^_")


@pytest.mark.parametrize("table", [example(), hostile()], ids=["example", "hostile"])
@pytest.mark.parametrize("options", ["", "[twocolumn]"])
def test_latex_compiles(table: Table, options: str, tmp_path: Path) -> None:
    check_compiles(to_latex(table), tmp_path, options)


def cells_of(line: str) -> list[str]:
    """Read a pipe table's line as GitHub does: split at bare pipes, then undo the escapes."""
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", line.strip())[1:-1]
    return [html.unescape(re.sub(r"\\(.)", r"\1", part.strip())) for part in parts]


def test_markdown_as_a_whole() -> None:
    assert to_markdown(example()) == (
        "Dev sets; cat\n\n"
        "| Encoder | Method | Single / CoLA (mcc) | Single / SST-2 (accuracy) | "
        "Pair / MRPC (f1) | Avg |\n"
        "| --- | --- | ---: | ---: | ---: | ---: |\n"
        "| BERT | standard | 60.2 | **93.5** | 87.7 | **80.0** |\n"
        "| BERT | cat | **65.0**† | **93.5** | **90.0**†‡ | -- |\n"
        "| <i>BERT</i> | <i>paper</i> | <i>69.4</i> | <i>97.0</i> | <i>93.0</i> | <i>--</i> |\n"
    )
    assert to_markdown_notes(example()) == (
        "Notes on `glue_dev`\n\n- cat\n\nHow each comparison was tested, for programs:\n\n"
        "    mcc|test:fisher-exact\n"
    )


def test_markdown_keeps_hostile_names() -> None:
    lines = to_markdown(hostile()).splitlines()
    assert "<script>" not in "".join(lines)
    rows = [cells_of(line) for line in lines if line.startswith("| ")]
    assert [len(row) for row in rows] == [6] * len(rows)
    assert rows[0][0] == HOSTILE
    assert rows[-1][:2] == [clean(TRICKY.replace("\n", " ")), HOSTILE]


WORDS = "393k_<b> | *"


def test_a_cell_may_say_words_or_a_mean_instead_of_a_score() -> None:
    row = Row(
        labels=("words", "m"),
        cells=(
            Cell(words=WORDS),
            Cell(value=Fraction(77, 2), kind="mean"),
            Cell(value=18_000, kind="count"),
            Cell(),
        ),
    )
    table = replace(example(), rows=(row,))
    assert cells_of(to_markdown(table).splitlines()[4])[2:] == [
        WORDS,
        "**38.5**",
        "**18,000**",
        "--",
    ]
    assert r"393k\_\textless{}b\textgreater{} \textbar\allowbreak{} {*}" in to_latex(table)
    assert "393k_&lt;b&gt; | *" in to_html(table)
    assert list(csv.reader(StringIO(to_csv(table))))[1][2::2] == [WORDS, "38.5", "18,000", "--"]
    first, second = json.loads(to_json(table))["rows"][0]["cells"][:2]
    assert (first["value"], first["printed"]) == (None, WORDS)
    assert (second["value"], second["kind"], second["printed"]) == (38.5, "mean", "38.5")


def test_markdown_never_starts_a_list() -> None:
    starts = ["- x", "+ x", "1. x", "12) x"]
    assert [markdown.escape(text) for text in starts] == ["\\- x", "\\+ x", "1\\. x", "12\\) x"]


def test_csv_reads_back() -> None:
    rows = list(csv.reader(StringIO(to_csv(hostile()))))
    heading = f"{HOSTILE} / {HOSTILE} ({TRICKY})"
    assert rows[0] == [HOSTILE, TRICKY, *[heading, f"{heading} marks"] * 4]
    assert rows[2][:8] == ["BERT", HOSTILE, "65.0", "dagger", "93.5", "", "90.0", rows[2][7]]
    assert rows[2][7:] == ["dagger double-dagger", "--", ""]
    assert rows[4][:3] == [TRICKY, HOSTILE, "-5.0"]


def test_json_reads_back_with_unrounded_numbers() -> None:
    whole = json.loads(to_json(hostile()))
    assert whole["name"] == HOSTILE
    assert whole["notes"] == [HOSTILE]
    assert whole["signatures"] == ["mcc|test:fisher-exact"]
    assert whole["columns"][0] == {"group": HOSTILE, "title": HOSTILE, "subtitle": TRICKY}
    assert whole["rows"][3]["labels"] == [TRICKY, HOSTILE]
    assert whole["rows"][2]["published"] is True
    first, last = whole["rows"][1]["cells"][1], whole["rows"][1]["cells"][3]
    assert first == {
        "value": 0.9351,
        "exact": "9351/10000",
        "printed": "93.5",
        "best": True,
        "marks": [],
        "deviation": None,
        "n_trials": 3,
        "settings": 0,
        "seeds": 1,
        "kind": "score",
    }
    assert (last["value"], last["exact"], last["printed"], last["best"]) == (
        None,
        None,
        "--",
        False,
    )
