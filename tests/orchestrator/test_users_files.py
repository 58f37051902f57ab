"""Files that a user brings, from the command line: one line each, and nobody waits for a pipe."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces.study import load_study
from search_spaces.trial import TrialConfig
from tests.fakes import INTENTS
from tests.orchestrator.commands import catsweep
from tests.results import keep
from trainers.encoders.encoder import tiny_model, tiny_tokenizer
from trainers.records.store import Store

HEAD = "id,gold,prediction\n"


def fill_study(store: Store, study: Path) -> list[TrialConfig]:
    """Put a result of each of a study's trials into a store."""
    trials = load_study(str(study)).trials()
    for trial in trials:
        keep(store, trial, {"dev": 100})
    return trials


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert catsweep(*arguments) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    return said.err


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = "import os, sys; os.chdir(sys.argv[1]); os.rmdir(sys.argv[1]); sys.path[:1] = []\n"
    code += "from orchestrator.cli import main; main(sys.argv[2:])"
    for command in (["plan", "quickstart"], ["compare", "a.csv", "b.csv"], ["status", "x.yaml"]):
        done = subprocess.run(
            [sys.executable, "-c", code, str(gone), *command],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr.startswith("catsweep: the current folder no longer exists")
        assert done.stderr.count("\n") == 1
        gone.mkdir()


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_an_export_replaces_nothing_but_an_export(
    to: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "store", create=True)
    study = tmp_path / "s.yaml"
    study.write_text(
        "{name: s, tasks: [library], encoders: [tiny], methods: [standard], axes: {lr: [1e-3]}}"
    )
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (trial,) = fill_study(store, study)
    record = store.folder(trial.signature) / "result.json"
    before = {path: path.read_bytes() for path in (study, record)}
    for out, message in (
        (study, f"is not a {to} file of trials: remove it"),
        (record, "is inside the store"),
        (store.trials / "new.csv", "is inside the store"),
        (pipe, "regular file"),
    ):
        told = complaint(capsys, "export", study, "--store", store.root, "--to", to, "--out", out)
        assert message in told
    assert {path: path.read_bytes() for path in before} == before
    assert pipe.is_fifo()
    for _ in range(2):  # Its own file it may replace.
        out = tmp_path / f"out.{to}"
        assert catsweep("export", study, "--store", store.root, "--to", to, "--out", out) == 0
    capsys.readouterr()
    for command in (["report", study], ["best", study, "--task", "library"]):
        told = complaint(capsys, *command, "--store", store.root, "--out", store.trials / "x")
        assert "is inside the store" in told


@pytest.mark.parametrize("name", ["pipe", "pipe.csv", "pipe.jsonl", "pipe.parquet"])
def test_compare_does_not_wait_for_a_pipe(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / name)
    said = complaint(capsys, "compare", tmp_path / name, tmp_path / name)
    assert f"{tmp_path / name}: " in said
    assert "is a pipe" in said or "expected a file that ends in .csv" in said


def test_compare_takes_no_device_and_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("/dev/null", "/dev/stdin"):
        said = complaint(capsys, "compare", name, name)
        assert f"{name}: expected a file that ends in .csv" in said
    (tmp_path / "rows.csv").mkdir()
    assert "is a folder" in complaint(capsys, "compare", tmp_path / "rows.csv", "b.csv")
    assert "is not a file of predictions" in complaint(
        capsys, "compare", tmp_path, tmp_path, "--store", tmp_path / "none"
    )


def test_a_study_and_a_task_s_file_may_be_no_pipe(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "study.yaml")
    assert "study.yaml: is a pipe" in complaint(capsys, "plan", tmp_path / "study.yaml")
    data = Path(shutil.copytree(data_folder, tmp_path / "data"))
    (data / "rte" / "train.csv").unlink()
    os.mkfifo(data / "rte" / "train.csv")
    study = tmp_path / "rte.yaml"
    study.write_text(
        "name: rte\ntasks: [rte]\nencoders: [tiny]\nmethods: [standard]\naxes: {lr: [1]}"
    )
    arguments = ("run", study, "--data", data, "--store", tmp_path / "store")
    assert "train.csv: is a pipe" in complaint(capsys, *arguments)


def test_a_file_that_is_no_data_is_named(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    assert "rows.csv: is a ZIP archive" in complaint(capsys, "compare", path, path)
    path.write_text(f"{'long,' * 20_000}x\n1,2\n")
    said = complaint(capsys, "compare", path, path)
    assert "no column 'id'" in said
    assert len(said) < 3_000
    path.write_text(f"{HEAD}1,{'x' * 100_000},1\n")
    said = complaint(capsys, "compare", path, path)
    assert "row 2: gold has 100,000 characters: is it a text?" in said


def test_a_data_folder_may_be_named_from_home(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(data_folder.parent))
    arguments = ("plan", "table3-mini", "--tasks", "cola", "--store", "~/no-store")
    assert catsweep(*arguments, "--data", f"~/{data_folder.name}") == 0
    assert "task cola is not as published: train has 12 rows" in capsys.readouterr().err


def test_labels_that_differ_in_case_are_told_and_kept_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"{HEAD}1,Card,card\n2,card,card\n3, card\u200b,card\n4,caf\u00e9,cafe\u0301\n")
    assert catsweep("compare", path, path) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "3 labels: Card, caf\u00e9, card" in said
    assert "warning: " in said
    assert "'Card' (1 rows), 'card' (2 rows)" in said


def test_what_needs_no_encoder_answers_where_its_folder_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = tmp_path / "encoder"
    tokenizer = tiny_tokenizer([text for texts in INTENTS.values() for text in texts])
    tiny_model(len(tokenizer)).save_pretrained(encoder)
    tokenizer.save_pretrained(encoder)
    study = tmp_path / "study.yaml"
    study.write_text(
        f"name: gone\ntasks: [library]\nencoders: ['{encoder}']\nmethods: [standard]\n"
        "axes: {lr: [1e-3]}\nepochs: 1\n"
    )
    store = Store(tmp_path / "store", create=True)
    keep(store, load_study(str(study)).trials()[0], {"dev": 100})
    shutil.rmtree(encoder)
    for command in (("status",), ("report",), ("export", "--to", "csv")):
        name, *options = command
        assert catsweep(name, study, "--store", store.root, *options) == 0
    capsys.readouterr()
    for name in ("plan", "run"):
        said = complaint(capsys, name, study, "--store", store.root)
        assert f"encoder '{encoder}': there is no such folder" in said
