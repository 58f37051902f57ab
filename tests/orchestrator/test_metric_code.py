"""Metrics of a user's own through the commands: scored by the store's copy, told when edited."""

from pathlib import Path

import pytest

from orchestrator.data_versions import keep_own_data
from orchestrator.options import read_study
from orchestrator.own_code import keep_own_code
from tests.orchestrator.commands import catsweep, train_all
from tests.trainers.test_own_metrics import KAPPA
from trainers.records.metrics import OWN_METRICS
from trainers.records.store import Store


def told(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


MEASURED = """
name: measured
tasks:
  - {name: cases, files: {train: train.csv, dev: dev.csv}, text: body, label: team,
     metric: ./agreement.py@kappa, beside: accuracy}
encoders: [tiny]
methods: [standard, at]
axes: {lr: [3e-3], epsilon: [5e-3]}
epochs: 2
"""


def write_rows(folder: Path) -> None:
    for split, n in (("train", 60), ("dev", 24)):
        rows = [f"{k} where is my {'ab'[k % 2]},{'ab'[k % 2]}\n" for k in range(n)]
        (folder / f"{split}.csv").write_text("body,team\n" + "".join(rows))


def test_a_metric_of_one_s_own_from_plan_to_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, folder = tmp_path / "study.yaml", tmp_path / "store"
    study.write_text(MEASURED)
    (tmp_path / "agreement.py").write_text(KAPPA)
    write_rows(tmp_path)
    store = Store(folder, create=True)
    chosen = read_study(str(study), None, store, to_train=True)
    keep_own_data(chosen, None, store)
    keep_own_code(chosen, store)
    OWN_METRICS.clear()
    train_all(chosen, store)
    OWN_METRICS.clear()
    (tmp_path / "agreement.py").unlink()
    assert catsweep("status", study, "--store", folder) == 0
    assert "2/2 done" in told(capsys)
    OWN_METRICS.clear()
    assert catsweep("report", study, "--store", folder, "--html", "--figures", "--details") == 0
    said = told(capsys)
    assert "Cohen's kappa" in said
    assert "accuracy" in said
    OWN_METRICS.clear()
    first, second = sorted(store.ended())
    assert catsweep("compare", first, second, "--store", folder) == 0
    assert "\nkappa " in told(capsys)
    (tmp_path / "agreement.py").write_text(KAPPA.replace("n**2", "n**2 + 0.1"))
    assert catsweep("plan", study, "--store", folder) == 0
    said = told(capsys)
    assert "0/2 done" in said
    assert "2 trials were trained on other data (metric, dev or difficult differs)" in said


def test_other_files_of_a_metric_under_one_version_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, code = tmp_path / "study.yaml", tmp_path / "agreement.py"
    study.write_text(MEASURED)
    code.write_text('version = "1"\n' + KAPPA)
    write_rows(tmp_path)
    store = Store(tmp_path / "store", create=True)
    keep_own_code(read_study(str(study), None, store, to_train=True), store)
    differs = "metric kappa: ./agreement.py@kappa differs from the store's copy of the same"
    for edit in ("", "# edited\n"):
        code.write_text(code.read_text() + edit)
        for command in ("plan", "status"):
            assert catsweep(command, study, "--store", store.root) == 0
            assert (differs in told(capsys)) is bool(edit)
