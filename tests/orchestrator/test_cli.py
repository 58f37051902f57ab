"""The command line from outside: what it prints, its exit codes, and how fast it answers."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from orchestrator.cli_run import set_trials_aside
from orchestrator.runner import make_failure
from search_spaces.study import load_study
from tests.orchestrator.commands import catsweep
from tests.results import keep
from trainers.records.store import Store

STUDY = """
name: small
tasks: [library]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-3]}
epochs: 1
"""


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert catsweep("--version") == 0
    assert capsys.readouterr().out == f"catsweep {version('catsweep')}\n"


def study_file(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text)
    return path


def bad_studies() -> dict[str, tuple[str, str]]:
    """Each: what is replaced in STUDY, and what the one line must say."""
    return {
        "unknown task": ("library|librry", "unknown task 'librry'; did you mean 'library'"),
        "unknown method": ("[standard]|[standart]", "unknown method 'standart'; did you mean"),
        "unknown encoder": ("[tiny]|['packaged:minlm']", "did you mean 'packaged:minilm'"),
        "unknown key": ("epochs: 1|epoch: 1", "unknown key 'epoch'; did you mean 'epochs'"),
        "unknown axis": ("lr: [1e-3]|lr: [1], epsilon: [1]", "unknown axis 'epsilon'"),
        "empty axis": ("[1e-3]|[]", "axis 'lr' is empty"),
        "lr out of range": ("1e-3|0", "lr: input should be greater than 0, got 0"),
        "epsilon": (
            "[standard]\naxes: {|[at]\naxes: {epsilon: [-1], ",
            "epsilon: input should be greater than or equal to 0, got -1",
        ),
        "tau": (
            "[standard]\naxes: {|[cat]\naxes: {epsilon: [1], tau: [0], lambda: [0], ",
            "tau: input should be greater than 0, got 0",
        ),
        "lambda": (
            "[standard]\naxes: {|[cat]\naxes: {epsilon: [1], tau: [1], lambda: [1.5], ",
            "lambda: input should be less than or equal to 1, got 1.5",
        ),
        "not YAML": ("name: small|name: [", "not YAML"),
        "table": ("epochs: 1|tables: [11]", "less than or equal to 10, got 11"),
        "table of others": ("epochs: 1|tables: [3]", "table 3 shows mnli, qqp, qnli, mrpc, rte"),
        "data of others": ("epochs: 1|tables: [2]", "2 shows clinc150, banking77, hwu64, and none"),
        "include": ("epochs: 1|includes: [table33]", "unknown study 'table33'; did you mean 't"),
        "file": ("epochs: 1|includes: [./gone.yaml]", "/gone.yaml"),
        "chain": ("epochs: 1|includes: [paper]", "study paper: it includes others and cannot be"),
    }


@pytest.mark.parametrize("name", bad_studies())
def test_a_bad_study_is_one_line_and_writes_nothing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replacement, message = bad_studies()[name]
    before, after = replacement.split("|")
    assert before in STUDY
    path = study_file(tmp_path, STUDY.replace(before, after))
    assert catsweep("run", path, "--store", tmp_path / "store") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "quickstrat"], "unknown study 'quickstrat'; did you mean 'quickstart'"),
        (["run", "no/such.yaml"], "no study file no/such.yaml"),
        (["run", "quickstart", "--tasks", "rte"], "unknown task of study quickstart 'rte'"),
        (["run", "quickstart", "--slots", "0"], "--slots"),
        (["run", "quickstart", "--checkpoint-every", "inf"], "at least 0.1 seconds, got inf"),
        (["run", "quickstart", "--checkpoint-every", "nan"], "--checkpoint-every"),
        (["run", "quickstart", "--nonsense"], "No such option"),
        (["rum", "quickstart"], "No such command 'rum'"),
        (["run", "quickstart", "--search-seed", "4294967296"], "--search-seed"),
        (["run", "quickstart", "--search", "tpe", "--budget", "4,5"], "--budget: expected 40"),
        (["plan", f"{'a' * 300}.yaml"], "cannot read study aaa"),
        (["run", "intents-minilm", "--data", "no-such-folder"], "no-such-folder does not exist"),
        (["plan", "table3", "--data", "no-such-folder"], "no-such-folder does not exist"),
        (["report", "quickstart", "--store", "no-such-store"], "no store in no-such-store"),
    ],
)
def test_bad_arguments_are_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert catsweep(*arguments) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_used_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_file = tmp_path / "file"
    a_file.write_text("mine")
    assert catsweep("run", "quickstart", "--store", a_file) == 2
    assert catsweep("run", "quickstart", "--store", a_file / "below") == 2
    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / "store.json").write_text('{"version": 99, "identity": "x"}')
    assert catsweep("run", "quickstart", "--store", newer) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "is a file" in lines[0]
    assert "Not a directory" in lines[1]
    assert "version 99" in lines[2]
    assert a_file.read_text() == "mine"


@pytest.mark.parametrize("command", ["plan", "status", "run", "report"])
def test_a_place_that_cannot_be_looked_at_is_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As below a folder of another user; root may read those, so the test's name is too long."""
    place = tmp_path / ("a" * 300)
    assert catsweep(command, "quickstart", "--store", place) == 2
    said = capsys.readouterr().err
    assert said.startswith("catsweep: --store /")
    assert said.endswith("aaa: File name too long\n")
    if command in {"plan", "run"}:
        assert catsweep(command, "table4", "--store", tmp_path / "s", "--data", place) == 2
        assert "catsweep: --data /" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_plan_answers_before_there_is_a_store_and_status_says_that_there_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As before there is a folder: a volume that is mounted, say."""
    assert catsweep("plan", "quickstart", "--store", tmp_path) == 0
    assert "0/15 done" in capsys.readouterr().out
    for folder in (tmp_path, tmp_path / "typo"):
        assert catsweep("status", "quickstart", "--store", folder) == 2
        assert f"nothing was trained in {folder}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine.txt").touch()
    assert catsweep("plan", "quickstart", "--store", tmp_path) == 2
    assert "no store in" in capsys.readouterr().err


def test_no_command_is_answered_with_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert catsweep() == 2
    assert capsys.readouterr().err.startswith("Usage: catsweep ")


def test_an_address_where_nothing_answers_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    store = tmp_path / "store"
    assert catsweep("run", "quickstart", "--store", store, "--address", address) == 2
    assert f"catsweep: no Ray cluster answers at {address}" in capsys.readouterr().err


def finished_quickstart(folder: Path) -> Store:
    store = Store(folder / "store", create=True)
    for place, trial in enumerate(load_study("quickstart").trials()):
        keep(store, trial, {"dev": 100 + place, "test": 120})
    return store


def test_a_finished_study_trains_nothing_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = finished_quickstart(tmp_path)
    assert catsweep("run", "quickstart", "--store", store.root) == 0
    said = capsys.readouterr()
    assert "nothing to train, 15 trials are done" in said.err
    assert "Does CAT beat standard?" in said.out
    assert (store.root / "reports" / "quickstart" / "quickstart-dev.tex").is_file()


def test_a_report_has_intervals_on_request_and_words_for_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = finished_quickstart(tmp_path)
    report = ("report", "quickstart", "--store", store.root)
    assert catsweep(*report) == 0
    assert "interval" not in capsys.readouterr().out
    assert catsweep(*report, "--intervals", "--json") == 0
    comparisons = json.loads(capsys.readouterr().out)["comparisons"]
    assert [set(found["interval"]) >= {"low", "high"} for found in comparisons] == [True, True]
    folder = store.root / "reports" / "quickstart"
    assert comparisons == json.loads((folder / "comparisons.json").read_text())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert catsweep(*report, "--intervals", "--details") == 0
    said = capsys.readouterr().out
    assert re.search(r"CAT +\*57\.0\*", said)
    assert "|" not in said.split("metric:")[0]
    assert "Gains over Standard, in points: Library Tiny CAT" in said


def test_a_corrupt_result_is_named_and_kept_until_retry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = finished_quickstart(tmp_path)
    name = load_study("quickstart").trials()[4].signature
    path = store.folder(name) / "result.json"
    path.write_bytes(path.read_bytes()[:100])
    for command in ("run", "report"):
        assert catsweep(command, "quickstart", "--store", store.root) == 2
        error = capsys.readouterr().err
        assert f"trial {name} is corrupt" in error
        assert "--retry" in error
        assert error.count("\n") == 1
    assert len(path.read_bytes()) == 100
    assert catsweep("status", "quickstart", "--store", store.root) == 0
    assert "1 corrupt" in capsys.readouterr().out


def test_a_corrupt_curve_of_a_pruned_trial_is_set_aside_by_retry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, study = finished_quickstart(tmp_path), load_study("quickstart")
    folder = store.folder(study.trials()[4].signature)
    (folder / "result.json").unlink()
    (folder / "pruned.json").write_text("{")
    assert catsweep("run", "quickstart", "--store", store.root) == 2
    error = capsys.readouterr().err
    assert f"trial {folder.name} is corrupt" in error
    assert "pruned.json" in error
    set_trials_aside(study, store, None, retry=True)
    assert not folder.exists()
    assert "set aside" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "status", "run", "report"])
def test_a_link_that_leads_nowhere_is_not_taken_for_a_new_store(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As to a disk that is not mounted: nothing of it would be found, and all be trained again."""
    link = tmp_path / "store"
    link.symlink_to(tmp_path / "disk" / "store")
    assert catsweep(command, "quickstart", "--store", link) == 2
    error = capsys.readouterr().err
    assert f"{link} cannot be read" in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_retry_finds_what_no_size_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flipped bit within predictions, or a score that is not theirs: reports advise --retry."""
    store, study = finished_quickstart(tmp_path), load_study("quickstart")
    folder = store.folder(study.trials()[4].signature)
    path = folder / "predictions-dev.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert catsweep("report", "quickstart", "--store", store.root) == 2
    assert "--retry" in capsys.readouterr().err
    set_trials_aside(study, Store(store.root, create=True), None, retry=True)
    assert "set aside" in capsys.readouterr().err
    assert not folder.exists()
    assert len(Store(store.root, create=False).ended()) == 14


def test_a_failed_trial_stays_in_sight(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = finished_quickstart(tmp_path)
    trial = load_study("quickstart").trials()[4]
    shutil.rmtree(store.folder(trial.signature))
    store.commit_failure(trial, make_failure(trial.signature, MemoryError("17 GiB")))
    assert catsweep("run", "quickstart", "--store", store.root) == 1
    error = capsys.readouterr().err
    assert "1 trial failed before" in error
    assert f"failed (out_of_memory): {trial.signature} {trial.describe()}: 17 GiB" in error
    assert catsweep("status", "quickstart", "--store", store.root) == 0
    assert "17 GiB" in capsys.readouterr().out


def test_json_of_every_reading_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = finished_quickstart(tmp_path)
    for command in ("plan", "status", "report"):
        assert catsweep(command, "quickstart", "--store", store.root, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert {"cells", "tables"} & set(found)
    assert catsweep("plan", "quickstart", "--store", tmp_path / "none", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["trials"], found["missing"], found["seconds_left"]) == (15, 15, None)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", [["export", "quickstart", "--to", "csv"], ["compare"]])
def test_tables_and_comparisons_need_neither_torch_nor_ray(
    command: list[str], tmp_path: Path
) -> None:
    store = finished_quickstart(tmp_path)
    if command == ["compare"]:
        command = [*command, *(trial.signature for trial in load_study("quickstart").trials()[:2])]
    code = (
        "import sys, atexit\n"
        "heavy = {'torch', 'ray', 'transformers', 'optuna', 'mlflow', 'safetensors'}\n"
        "atexit.register(lambda: print('HEAVY', sorted(heavy & set(sys.modules))))\n"
        "from orchestrator.cli import main\n"
        f"main({[*command, '--store', str(store.root)]!r})\n"
    )
    path = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "HEAVY []" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["run", "quickstrat"], ["plan", "quickstrat"]])
def test_help_and_errors_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys, atexit\n"
        "heavy = {'torch', 'ray', 'transformers', 'datasets', 'scipy', 'pandas', 'optuna'}\n"
        "heavy |= {'matplotlib', 'sklearn'}\n"
        "atexit.register(lambda: print('HEAVY', sorted(heavy & set(sys.modules))))\n"
        "from orchestrator.cli import main\n"
        f"main({arguments!r})\n"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "HEAVY []" in done.stdout, done.stdout + done.stderr
    assert time.monotonic() - start < 10  # A second on a free machine; this only catches imports.


def test_plan_says_gpu_hours_and_what_tables_share(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study_file(tmp_path, "name: intents\nincludes: [table4, table5, table8]\n")
    where = (path, "--store", tmp_path / "none", "--data", data_folder)
    assert catsweep("plan", *where) == 0
    said = capsys.readouterr()
    assert "1,125 instead of 3,303" in said.out
    assert "GPU-h" in said.out
    assert "warning: task hwu64 is not as published: train has 36 rows" in said.err
    assert catsweep("plan", "--json", *where) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert len(numbers["outlook"]["gpu_hours_of_cells"]) == len(numbers["cells"])


def test_report_writes_the_paper_s_tables_and_names_those_that_lack_numbers(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = (
        "parts: [{tasks: [rte], tables: [1, 3]}, {tasks: [hwu64], tables: [4], select_on: heldout}]"
    )
    path = study_file(tmp_path, STUDY.replace("tasks: [library]", parts))
    trial, _ = load_study(str(path)).trials()
    keep(Store(tmp_path / "store", create=True), trial, {"dev": 120})
    where = (path, "--store", tmp_path / "store", "--out", tmp_path / "out")
    assert catsweep("report", *where, "--data", data_folder) == 0
    said = capsys.readouterr()
    assert "no number yet for table 4 of the paper\n" in said.err
    assert "60.0" in (tmp_path / "out" / "small-table3.md").read_text("utf-8")
    assert (
        "\\caption{GLUE sequence classification datasets."
        in (tmp_path / "out" / "small-table1.tex").read_text()
    )
    (tmp_path / "no data").mkdir()
    assert catsweep("report", *where, "--data", tmp_path / "no data") == 0
    assert "table 1, 4 of the paper; set --data to" in capsys.readouterr().err
