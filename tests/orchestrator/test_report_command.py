"""`catsweep report`: the page, the figures, and what is said about them."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces.study import load_study
from tests.orchestrator.commands import catsweep
from tests.results import keep
from trainers.records.store import Store

MAIN = {"gains", "budget", "figures.tex"}
EVERY = MAIN | {"heatmap", "parallel", "importance", "curves"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("os.fsync", lambda _: None)
    store = Store(tmp_path / "a store", create=True)
    for place, trial in enumerate(load_study("quickstart").trials()):
        keep(store, trial, {"dev": 100 + place, "test": 120 + place % 4})
    return store


@pytest.mark.parametrize(("option", "kinds"), [("--figures", MAIN), ("--all-figures", EVERY)])
def test_the_page_and_figures_are_written_beside_the_tables(
    option: str,
    kinds: set[str],
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    command = ["report", "quickstart", "--store", store.root, "--out", out]
    assert catsweep(*command, "--html", option) == 0
    said = capsys.readouterr()
    assert "quickstart.html" in said.err
    drawn = list((out / "figures").iterdir())
    last = " ".join(said.err.split("figures  ")[-1].split())
    assert last == f"{out / 'figures'}/ ({len(drawn)} files)"
    assert "Does CAT beat standard?" in said.out
    page = (out / "quickstart.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    figures = sorted(file.name for file in (out / "figures").iterdir())
    assert {name.split("-")[0] for name in figures} == kinds
    assert {Path(name).suffix for name in figures} == {".pdf", ".png", ".tex"}
    assert "warning: examples without their texts: task library:" in said.err


def test_without_being_asked_there_are_tables_only(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert catsweep("report", "quickstart", "--store", store.root, "--out", out) == 0
    assert {file.suffix for file in out.iterdir()} == {".tex", ".md", ".csv", ".json"}


def test_json_stays_json(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert catsweep("report", "quickstart", "--store", store.root, "--html", "--json") == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)["comparisons"]) == 2
    assert (store.root / "reports" / "quickstart" / "quickstart.html").is_file()


def test_run_ends_with_the_command_that_writes_the_page(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert catsweep("run", "quickstart", "--store", store.root, "--tasks", "library") == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("next  ")
    words = shlex.split(last)[1:]
    assert words[:3] == ["catsweep", "report", "quickstart"]
    assert catsweep(*words[1:]) == 0
    folder = store.root / "reports" / "quickstart"
    assert (folder / "quickstart.html").is_file()
    assert (folder / "figures").is_dir()


def test_wrong_input_is_one_line(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_file = tmp_path / "file"
    a_file.write_text("mine")
    base = ["report", "quickstart", "--store", store.root]
    for options, message in (
        (["--data", tmp_path / "none"], "none does not exist"),
        (["--data", a_file, "--html"], "file is not a folder"),
        (["--out", a_file], f"cannot write reports to {a_file}"),
        (["--tasks", "libary"], "library"),
        (["--figure"], "No such option"),
    ):
        assert catsweep(*base, *options) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert catsweep("report", "quickstart", "--store", tmp_path / "no", "--html") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert a_file.read_text() == "mine"


@pytest.mark.parametrize("options", [[], ["--html"]])
def test_only_figures_load_matplotlib(store: Store, tmp_path: Path, options: list[str]) -> None:
    arguments = ["report", "quickstart", "--store", str(store.root), *options]
    code = (
        "import sys, atexit\n"
        "heavy = {'torch', 'ray', 'transformers', 'matplotlib', 'sklearn', 'optuna'}\n"
        "atexit.register(lambda: print('HEAVY', sorted(heavy & set(sys.modules))))\n"
        "from orchestrator.cli import main\n"
        f"main({arguments!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "HEAVY []" in done.stdout, done.stdout + done.stderr


def test_tables_of_the_data_are_written_without_a_trial(
    tmp_path: Path, data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the tasks that are there, and without training anything."""
    where = ["--store", tmp_path / "store"]
    assert catsweep("run", "table1", *where, "--data", data_folder) == 0
    told = capsys.readouterr()
    assert "table1: nothing to train, 0 trials are done" in told.err
    assert "MRPC" in told.out
    written = {file.name for file in (tmp_path / "store" / "reports" / "table1").iterdir()}
    assert written >= {"table1-table1.tex", "table1-table1.md"}
    assert not any("dev" in name or "selection" in name for name in written)
    for command in ("plan", "status"):
        assert catsweep(command, "table1", *where) == 0
    assert catsweep("run", "table1", *where, "--data", tmp_path / "none") == 2
    assert "does not exist" in capsys.readouterr().err
