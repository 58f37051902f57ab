"""Tables 3 to 10 of the paper: rows, columns and averages as there, numbers from the store."""

from pathlib import Path

import pytest

from reports.page.pictures import build_pictures
from reports.results.results import read_results
from reports.tables.latex import to_latex
from reports.tables.report import Report
from reports.tables.table import Row, Table, percent
from reports.tables.write import write_reports
from reports.verdicts.verdict import Verdict
from search_spaces.cells import group_by_cell
from search_spaces.layouts import paper_layouts
from search_spaces.shipped_tasks import TASKS
from search_spaces.study import Study, load_study, parse_study
from tests.reports.papers import fill, filled, right
from tests.reports.stores import whole_reports, words_of
from tests.reports.tex import check_compiles
from tests.results import keep
from trainers.records.metrics import METRICS
from trainers.records.store import Store

MINI = "MiniLM"
CAT_PAPER = "Pan et al. 2022"
GLUE = ["MNLI", "QQP", "QNLI", "MRPC", "RTE", "CoLA", "SST-2"]
INTENTS = ["CLINC150", "BANKING77", "HWU64"]
# Our rows from top to bottom, and of each its accuracy of RTE, or of CLINC150, in percent.
ROWS = {
    3: {
        "Standard": "50.5",
        "AT + CTR": "58.5",
        "SCL": "51.0",
        "PGD": "52.0",
        "FreeAT": "51.5",
        "FreeLB": "53.0",
    },
    4: {"Standard": "45.5", "AT + CTR": "53.5"},
    5: {"Standard": "30.5", "AT + CTR": "38.5"},
    6: {"Standard": "45.5", "AT + CTR": "49.0"},
    7: {"Standard": "50.5", "AT": "54.5", "AT + CTR": "58.5"},
    8: {"Standard": "30.5", "AT": "34.5", "AT + CTR": "38.5"},
    9: {"ATˣ + CTR": "56.0", "ATⱽ + CTR": "58.5"},
    10: {"AT + CTR (max norm/l2-norm)": "55.0", "AT + CTR (max norm)": "58.5"},
}
TITLES = {number: INTENTS if number in {4, 5, 6, 8} else GLUE for number in ROWS}
TITLES[10] = [title for title in GLUE if title != "QQP"]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    study, store = filled(tmp_path_factory.mktemp("mini"))
    return by_name(study, store)


def by_name(study: Study, store: Store) -> dict[str, Report]:
    found = whole_reports(study, store, store.root / "no-data")
    return {report.table.name.removeprefix(f"{study.name}-"): report for report in found}


FAMILY = 59
"""Comparisons of the miniature: every method with `standard`, on every split, in every table."""


def ours(table: Table) -> list[Row]:
    return [row for row in table.rows if not row.published and row.competes]


def test_a_study_of_the_paper_has_its_tables_and_those_of_every_study(
    reports: dict[str, Report],
) -> None:
    general = ["dev", "test", "test_difficult", "selection"]
    assert list(reports) == [*(f"table{number}" for number in ROWS), *general]
    splits = {name: report.split for name, report in reports.items() if report.split}
    assert splits == {name: name for name in general[:3]}


@pytest.mark.parametrize("number", ROWS)
def test_rows_and_columns_are_the_paper_s(number: int, reports: dict[str, Report]) -> None:
    table = reports[f"table{number}"].table
    few = len(TITLES[number]) - 1  # SST-2 and HWU64 are not of the miniature.
    titles = [column.title for column in table.columns]
    assert titles == [*TITLES[number], "Avg", f"Avg of {few}"]
    metrics = [METRICS[TASKS[name].metric].title for name in paper_layouts()[number].columns]
    assert [column.subtitle for column in table.columns] == [*metrics, "", ""]
    extra = ["Training rows"] if number == 6 else []
    assert list(table.label_titles) == ["Encoder", "System", *extra, "Source"]
    rows = ours(table)
    assert table.rows[: len(rows)] == tuple(rows), "published rows stand below"
    place = titles.index("RTE" if "RTE" in titles else "CLINC150")
    found = {row.labels[1]: table.text(row.cells[place]) for row in rows}
    assert list(found.items()) == list(ROWS[number].items())
    assert {(row.labels[0], row.labels[-1]) for row in rows} == {(MINI, "this study")}


@pytest.mark.parametrize("number", ROWS)
def test_published_rows_stand_apart_as_printed(number: int, reports: dict[str, Report]) -> None:
    table = reports[f"table{number}"].table
    rows = [row for row in table.rows if row.published]
    assert [row.starts_block for row in rows] == [True] + [False] * (len(rows) - 1)
    tasks = len(paper_layouts()[number].columns)
    for row, published in zip(rows, paper_layouts()[number].published, strict=True):
        marks = ["†" * len(cell.marks) for cell in row.cells[:tasks]]
        printed = [table.text(cell) for cell in row.cells[:tasks]]
        joined = tuple("".join(pair) for pair in zip(printed, marks, strict=True))
        assert joined == tuple(text.replace("-", "--") for text in published.scores)
        assert published.average in {None, table.text(row.cells[tasks])}
        assert row.labels[-1] == published.source
    best = [top for row, top in zip(table.rows, table.best(), strict=True) if row.published]
    assert not any(any(row) for row in best)


def test_sources_and_rules_are_said(reports: dict[str, Report]) -> None:
    rows = [row for row in reports["table3"].table.rows if row.published]
    assert [row.labels[-1] for row in rows[:6]] == [
        *(CAT_PAPER, CAT_PAPER, "Liu et al. 2019b", CAT_PAPER, CAT_PAPER),
        "Gunel et al. 2021",
    ]
    assert rows[-1].labels[1:] == ("R4F", "Aghajanyan et al. 2021")
    assert "R4F, Aghajanyan et al. 2021 (max of 10)" in words_of(reports["table3"].table)


def test_averages_are_over_the_tasks_that_they_say(reports: dict[str, Report]) -> None:
    table = reports["table3"].table
    cat = ours(table)[1]
    values = [float(cell.value) for cell in cat.cells[:6] if cell.value is not None]
    assert table.text(cat.cells[7]) == "--"
    assert table.text(cat.cells[8]) == percent(sum(values) / 6, 1) == "51.5"
    freelb = next(row for row in table.rows if row.labels[1] == "FreeLB" and row.published)
    assert [table.text(cell) for cell in freelb.cells[7:]] == ["89.4", "88.1"]
    scl = next(row for row in table.rows if row.labels[1] == "SCL" and row.published)
    assert [table.text(cell) for cell in scl.cells[7:]] == ["--", "--"]
    stdpp = next(row for row in table.rows if row.labels[1] == "STD++")
    assert table.text(stdpp.cells[7]) == "89.0"
    assert "Avg of 6: over those of which all our systems have a number (MNLI" in words_of(table)


def test_a_comparison_has_one_verdict_in_all_tables_of_a_study(reports: dict[str, Report]) -> None:
    for number, comparisons in {3: 30, 4: 2, 5: 2, 6: 2, 7: 12, 8: 4, 9: 0, 10: 0}.items():
        report = reports[f"table{number}"]
        assert len(report.verdicts) == comparisons
        assert len(report.table.signatures) == comparisons
        assert all(f"adj:holm({FAMILY})" in line for line in report.table.signatures)
    marks = [cell.marks for cell in ours(reports["table7"].table)[2].cells[:6]]
    both = ("dagger", "double-dagger")
    assert marks == [both, both, both, (), both, both], "F1 of MRPC: all positive scores more"
    assert not any(cell.marks for row in ours(reports["table9"].table) for cell in row.cells)
    known: dict[tuple[str, ...], Verdict] = {}
    for verdict in (v for report in reports.values() for v in report.verdicts):
        name = (verdict.task, verdict.encoder, verdict.method, verdict.split)
        trials = (*verdict.baseline.trials, *verdict.system.trials)
        assert known.setdefault((*name, *trials), verdict) is verdict
    assert len(known) <= FAMILY
    shared = [
        {(v.task, v.split): v.marks for v in reports[name].verdicts if v.method == "cat"}
        for name in ("table3", "table7", "dev")
    ]
    assert shared[0].items() <= shared[2].items()
    assert shared[0] == shared[1]


def test_intervals_stand_under_the_paper_s_tables_too(tmp_path: Path) -> None:
    study, store = filled(tmp_path)
    with_them = whole_reports(study, store, store.root / "no-data", intervals=True)
    notes = {report.table.name: report.table.notes for report in with_them}
    for number in (3, 4, 5, 6, 7, 8):
        (gains,) = [n for n in notes[f"paper-mini-table{number}"] if n.startswith("Gains over")]
        assert "MiniLM AT + CTR" in gains
    assert not any(note.startswith("Gains over") for note in notes["paper-mini-table9"])


def test_table_6_says_how_many_rows_each_system_has(reports: dict[str, Report]) -> None:
    table = reports["table6"].table
    assert [row.labels[2] for row in table.rows if row.competes or row.published] == [
        "5 %",
        "2.5 %",
        "full",
        "half",
    ]
    assert "BANKING77 2.5 % or 5 %" in words_of(table)


def test_captions_say_what_a_miniature_is_trained_on(reports: dict[str, Report]) -> None:
    caption = words_of(reports["table3"].table)
    assert "MRPC 64 of each class, RTE 64 of each class, CoLA 200 of each class" in caption
    assert caption.startswith("Results on the dev sets of GLUE. Best of")
    assert "Laid out as Table 3 of the paper." in caption
    assert "Daggers there are the source's." in caption
    assert "Other dashes: not in the study." in caption
    assert "Daggers there" not in words_of(reports["table10"].table)


def test_variants_stand_apart_in_the_general_tables_too(reports: dict[str, Report]) -> None:
    table = reports["dev"].table
    place = [column.title for column in table.columns].index("RTE")
    accuracy = {row.labels[1]: table.text(row.cells[place]) for row in table.rows}
    assert accuracy["CAT"] == "58.5"
    assert accuracy["CAT perturb=embedding"] == "56.0"
    assert accuracy["CAT norm=mix"] == "55.0"


def test_pictures_are_of_the_cells_that_tables_compare(tmp_path: Path) -> None:
    """A budget curve ends at the table's number, and from as many trials."""
    study, store = filled(tmp_path)
    cells = {cell.key: cell for cell in read_results(study, store).cells}
    drawn = build_pictures(study.name, group_by_cell(study), list(cells.values()))
    assert [(c.landscape.task, c.landscape.encoder, c.landscape.method) for c in drawn.cells] == [
        *cells
    ]
    (picture,) = [budget for budget in drawn.budgets if budget.task == "rte"]
    ends = {c.method: (int(c.n[-1]), round(float(c.expected[-1]), 3)) for c in picture.curves}
    assert ends["cat"] == (2, 0.585)
    assert ends["cat norm=mix"] == (2, 0.55)


def test_a_table_that_the_study_has_nothing_of_is_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    study = load_study("paper-mini")
    keep(store, next(t for t in study.of_table(9) if "embedding" in t.describe()), {"dev": 120})
    assert list(by_name(study, store)) == ["table9", "dev", "selection"]
    assert list(by_name(study, Store(tmp_path / "empty", create=True))) == ["dev"]


def test_what_is_missing_is_dashed_and_does_not_count_for_averages(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    study = load_study("paper-mini")
    for trial in study.of_table(7):
        if trial.method.name == "cat" and trial.task != "cola":
            keep(store, trial, {"dev": right(trial)})
    table = by_name(study, store)["table7"].table
    assert [table.text(cell) for cell in ours(table)[0].cells] == ["--"] * 9
    assert [table.text(cell) for cell in ours(table)[2].cells[3:]] == [
        *("58.3", "58.5", "--", "--"),
        *("--", "58.5"),
    ]
    assert "12 were not run to the end" not in words_of(table)
    assert "Of 36 trials 26 were not run to the end. A dash: none is finished." in words_of(table)


def test_two_encoders_are_two_blocks_and_full_rows_have_an_average(tmp_path: Path) -> None:
    text = """
name: two
tables: [4]
tasks: [clinc150, banking77, hwu64]
encoders: [big, small]
methods: [cat, standard, rdrop]
select_on: heldout
axes: {lr: [1e-3], epsilon: [0.1], tau: [0.1], lambda: [0.1]}
"""
    study = parse_study(text, source="two")
    store = Store(tmp_path / "store", create=True)
    for trial in study.trials():
        hits = 140 if trial.encoder == "big" else 120
        keep(store, trial, {"heldout": hits, "test": hits})
    table = by_name(study, store)["table4"].table
    assert [(row.labels[0], row.labels[1], row.starts_block) for row in ours(table)] == [
        ("big", "Standard", False),
        ("big", "AT + CTR", False),
        ("big", "R-Drop", False),
        ("small", "Standard", True),
        ("small", "AT + CTR", False),
        ("small", "R-Drop", False),
    ]
    assert [column.title for column in table.columns] == [*INTENTS, "Avg"]
    assert [table.text(row.cells[3]) for row in ours(table)] == ["70.0"] * 3 + ["60.0"] * 3
    assert "Trained on a part" not in words_of(table)
    assert "Other dashes" not in words_of(table)


def test_a_table_s_cells_have_its_own_trials_alone(tmp_path: Path) -> None:
    """Where another table's grid is larger, its better trial is not this table's."""
    text = """
name: grids
tasks: [rte]
encoders: [tiny]
methods: [standard]
parts:
  - {tables: [3], axes: {lr: [1e-3]}}
  - {tables: [7], axes: {lr: [1e-3, 2e-3]}}
"""
    study = parse_study(text, source="grids")
    store = Store(tmp_path / "store", create=True)
    for trial in study.trials():
        keep(store, trial, {"dev": 100 if trial.lr == 1e-3 else 150})
    found = by_name(study, store)
    scores = {
        name: found[name].table.text(found[name].table.rows[0].cells[4])
        for name in found
        if name.startswith("table")
    }
    assert scores == {"table3": "50.0", "table7": "75.0"}


def test_all_ten_are_written_and_compile(tmp_path: Path, data_folder: Path) -> None:
    study, store = filled(tmp_path)
    found = whole_reports(study, store, data_folder)
    names = [report.table.name for report in found]
    assert names[:10] == [f"paper-mini-table{number}" for number in range(1, 11)]
    files = write_reports(found, tmp_path / "out")
    assert {f"paper-mini-table{n}.{e}" for n in range(1, 11) for e in ("tex", "md", "json")} <= {
        file.name for file in files
    }
    again = write_reports(whole_reports(study, store, data_folder), tmp_path / "again")
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in again]
    check_compiles("\n\\clearpage\n".join(to_latex(report.table) for report in found), tmp_path)


def test_the_filled_store_is_what_the_tests_think(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    study = load_study("table9-mini")
    fill(store, study)
    assert len(store.ended()) == len(study.trials()) == 24
