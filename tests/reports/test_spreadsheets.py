"""No cell of a CSV file is a formula that we did not write; Parquet and JSON keep every text."""

import csv
import json
import os
import stat
from io import StringIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from reports.exports.targets import export
from reports.spreadsheets import BEGINS, for_spreadsheets
from reports.tables.plain import to_csv, to_json
from search_spaces.study import Study, parse_study
from tests.reports.exported import study
from tests.reports.stores import build, read_cells, trials
from tests.results import finished, keep
from trainers.records.outcome import TrialResult
from trainers.records.store import Store

FORMULAS = ['=cmd|"/c calc"!A1', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1"]
HARMLESS = ["a=1", "", "-1", "+1.5e-3", "1", "'=1", " =1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_behind_an_apostrophe(text: str) -> None:
    assert for_spreadsheets(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_stay(text: str) -> None:
    assert for_spreadsheets(text) == text


def hostile(encoder: str) -> Study:
    text = "name: s\ntasks: [mrpc]\nencoders: [{}]\nmethods: [standard]\naxes: {{lr: [1e-3]}}\n"
    return parse_study(text.format(json.dumps(encoder)), "s")


@pytest.mark.parametrize("encoder", FORMULAS)
def test_an_export_of_trials(encoder: str, tmp_path: Path) -> None:
    of, store = hostile(encoder), Store(tmp_path / "store", create=True)
    keep(store, of.trials()[0], {"dev": 120})
    for kind in ("csv", "parquet"):
        export(of, store, kind, str(tmp_path / f"t.{kind}"), predictions=True)
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert f"'{encoder}" in rows[1]
    assert not [cell for row in rows for cell in row if cell != for_spreadsheets(cell)]
    assert pq.read_table(tmp_path / "t.parquet")["encoder"].to_pylist() == [encoder]


def test_an_export_of_predictions(tmp_path: Path) -> None:
    """Ids and labels come from data files; a label that is a number stays one."""
    store, trial = Store(tmp_path / "store", create=True), study().trials()[0]
    made = finished(trial, {"dev": 3}, n=6)
    record = made.record.model_copy(update={"labels": ("-1", "=1+1")})
    (split,) = made.predictions
    kept = made.predictions[split]
    ids = [*FORMULAS[:5], "id"]
    store.commit(
        trial,
        TrialResult(
            record=record,
            predictions={split: type(kept)(ids=ids, gold=kept.gold, logits=kept.logits)},
        ),
    )
    for kind in ("csv", "parquet"):
        export(study(), store, kind, str(tmp_path / f"t.{kind}"), predictions=True)
    with (tmp_path / "t-predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [*(f"'{name}" for name in FORMULAS[:5]), "id"]
    assert {row["gold"] for row in rows} == {"-1", "'=1+1"}
    whole = pq.read_table(tmp_path / "t-predictions.parquet")
    assert whole["id"].to_pylist() == ids
    assert set(whole["gold"].to_pylist()) == {"-1", "=1+1"}


def test_a_table(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    cells = [*trials("standard", 1, encoder="=1+1"), *trials("at", 2, encoder="=1+1")]
    for trial in cells:
        keep(store, trial, {"dev": 120})
    for report in build("s", read_cells(cells, store), store):
        rows = list(csv.reader(StringIO(to_csv(report.table))))
        assert any(cell.startswith("'=1+1") for row in rows for cell in row)
        assert not [cell for row in rows for cell in row if cell.startswith(tuple("=+@"))]
        assert "'=1+1" not in to_json(report.table)
    assert set("=+-@") < set(BEGINS)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_export_is_an_ordinary_file_and_follows_no_link(kind: str, tmp_path: Path) -> None:
    """A link at the temporary name, which could be foreseen, had its target overwritten."""
    store, mine = Store(tmp_path / "store", create=True), tmp_path / "mine"
    keep(store, study().trials()[0], {"dev": 120})
    mine.write_text("mine")
    out = tmp_path / "out" / f"t.{kind}"
    out.parent.mkdir()
    (out.parent / f".t.{kind}.tmp").symlink_to(mine)
    (out.parent / f".t.{kind}.{os.getpid()}.tmp").symlink_to(mine)
    before = os.umask(0o022)
    try:
        export(study(), store, kind, str(out), predictions=False)
    finally:
        os.umask(before)
    assert mine.read_text() == "mine"
    assert stat.S_IMODE(out.stat().st_mode) == 0o644
    assert len(list(out.parent.iterdir())) == 3
