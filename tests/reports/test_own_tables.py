"""Tables that a study describes: its rows and columns, its names, in every format and figure."""

import json
from pathlib import Path

import pytest

from orchestrator.cli_print import Output, print_report
from reports.page.publish import Extras
from reports.study_reports import left_out
from search_spaces.study import load_study
from tests.orchestrator.commands import train_all
from tests.reports.stores import whole_reports
from trainers.records.store import Store

STUDY = """
name: tabled
tasks:
  - library
  - {name: cases, title: Cases, files: {train: train.csv, dev: dev.csv, test: test.csv}, text: body,
     label: team, metric: macro_f1}
encoders: [tiny]
methods: [standard, at, rdrop]
axes: {lr: [3e-3], epsilon: [5e-3]}
epochs: 2
n_per_class: 4
tables:
  - {name: main, title: What counts., rows: [rdrop, standard], columns: [cases, library],
     split: test, average: true}
  - {name: narrow, columns: [library]}
  - {name: later, columns: [cases], split: test_difficult}
labels: {standard: Fine-tuning, rdrop: R-Drop, tiny: Tiny & small, cases: Our cases}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tabled")
    (place / "study.yaml").write_text(STUDY)
    for split, n in (("train", 40), ("dev", 20), ("test", 20)):
        rows = [f"{split} {k} where is my {'ab'[k % 2]},{'ab'[k % 2]}\n" for k in range(n)]
        (place / f"{split}.csv").write_text("body,team\n" + "".join(rows))
    return place


def test_rows_columns_names_and_averages(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from orchestrator.data_versions import add_own_data

    study = add_own_data(load_study(str(folder / "study.yaml")), None, None)
    store = Store(folder / "store", create=True)
    train_all(study, store)
    reports = whole_reports(study, store)
    assert [found.table.name for found in reports][:3] == [
        "tabled-main",
        "tabled-narrow",
        "tabled-dev",
    ]
    main, narrow, dev = (found.table for found in reports[:3])
    assert main.caption.startswith("What counts. Library and Our cases test sets, Tiny & small.")
    assert [column.title for column in main.columns] == ["Our cases", "Library", "Avg"]
    assert [column.subtitle for column in main.columns] == ["macro-F1", "accuracy", ""]
    ours = [row for row in main.rows if row.competes]
    assert [row.labels for row in ours] == [
        ("Tiny & small", "R-Drop"),
        ("Tiny & small", "Fine-tuning"),
    ]
    for row in ours:
        *scores, average = (float(cell.value or 0) for cell in row.cells)
        assert average == pytest.approx(sum(scores) / 2)
    assert [row.labels[1] for row in narrow.rows if row.competes] == ["Fine-tuning", "AT", "R-Drop"]
    assert [column.title for column in narrow.columns] == ["Library"]
    by_row = {row.labels[1]: row.cells[0].value for row in narrow.rows}
    place = [column.title for column in dev.columns].index("Library")
    assert by_row == {row.labels[1]: row.cells[place].value for row in dev.rows}
    assert left_out(study, reports) == ["no number yet for table later"]
    typo = study.own_tables[0].model_copy(update={"rows": {"at norm=l2": "AT"}})
    (_, line) = left_out(study.model_copy(update={"own_tables": (typo,)}), [])
    assert "table main: no trial of the study belongs to row 'at norm=l2'" in line

    extras = Extras(html=True, figures=True, all_figures=True, data=None)
    print_report(study, store, folder / "out", None, extras, Output(details=True))
    said = capsys.readouterr()
    assert "Our cases" in said.out
    assert "no number yet for table later" in said.err
    tex = (folder / "out" / "tabled-main.tex").read_text()
    assert r"\caption{What counts. Library and Our cases test sets, Tiny \& small." in tex
    names = {file.name.rpartition(".")[2] for file in (folder / "out").glob("tabled-main.*")}
    assert names == {"tex", "md", "csv", "json"}
    page = (folder / "out" / "tabled.html").read_text()
    assert "Our cases" in page
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert set(data["styles"]) == {"Fine-tuning", "AT", "R-Drop"}
    for part in ("cells", "curves", "comparisons", "budgets"):
        text = json.dumps(data[part])
        assert ("Our cases" in text, '"cases"' in text, '"tiny"' in text) == (True, False, False)
    assert list((folder / "out" / "figures").glob("curves-*.pdf"))
