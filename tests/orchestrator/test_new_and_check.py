"""`catsweep new` writes what runs as it is; `catsweep check` says what is in the rows."""

import csv
from pathlib import Path

import pytest
import yaml

from orchestrator.check import check_lines
from orchestrator.data_versions import add_own_data
from orchestrator.new_study import Columns, guess_columns, make_task_name
from search_spaces.errors import UserError
from search_spaces.study import load_study
from tests.orchestrator.commands import catsweep, train_all
from tests.trainers.owned import rows, write_rows
from trainers.records.store import Store


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_new_study_runs_as_it_is(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "Support tickets!"
    write_rows(folder / f"train{ending}", rows(20, "train"))
    assert catsweep("new", folder) == 0
    said = capsys.readouterr()
    assert [line.partition(": ")[0] for line in said.out.splitlines()] == ["written", "written"]
    task = yaml.safe_load((folder / "support-tickets.yaml").read_text())
    assert task["text"] == ["body"]
    assert task["label"] == "team"
    assert task["id"] == "key"
    assert task["dev"] == "10%"
    assert catsweep("check", folder / "study.yaml") == 0
    assert "labels of train: billing 20, delivery 20, returns 20" in capsys.readouterr().out
    assert catsweep("plan", folder / "study.yaml", "--store", tmp_path / "store") == 0
    if ending == ".csv":
        store = Store(tmp_path / "store", create=True)
        study = add_own_data(load_study(str(folder / "study.yaml")), None, store)
        train_all(study, store)
        assert len(store.ended()) == 6


def test_nothing_is_overwritten_and_nothing_is_written_of_wrong_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path / "train.csv", rows(20, "train"))
    for arguments, message in (
        ([tmp_path / "none"], "no train.csv, .tsv, .jsonl or .parquet: name one with --train"),
        ([tmp_path, "--label", "tema"], "no column 'tema' (it has: key, body, team)"),
        ([tmp_path, "--text", "body,other"], "no column 'other'"),
        ([tmp_path, "--name", "rte"], "rte is the name of a shipped task"),
        ([tmp_path, "--name", "!"], "no task name"),
        ([tmp_path, "--train", tmp_path / "train.xlsx"], "expected a file that ends in .csv"),
    ):
        assert catsweep("new", *arguments) == 2
        told = capsys.readouterr().err
        assert message in told
        assert told.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]
    assert catsweep("new", tmp_path, "--name", "one") == 0
    before = (tmp_path / "one.yaml").read_text()
    assert catsweep("new", tmp_path, "--name", "one") == 2
    assert "already exists" in capsys.readouterr().err
    assert (tmp_path / "one.yaml").read_text() == before


def write_table(path: Path, header: list[str], found: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *found])
    return path


def test_columns_are_guessed_by_their_names_and_values(tmp_path: Path) -> None:
    found = [[f"a longer text {n}", f"n{n}", "xy"[n % 2]] for n in range(12)]
    path = write_table(tmp_path / "a.csv", ["words", "name", "sort"], found)
    counts = {"x": 6, "y": 6}
    assert guess_columns(path, [], None) == Columns(
        text=("words",), label="sort", id=None, counts=counts
    )
    assert guess_columns(path, ["name"], None).text == ("name",)
    twice = [[*row, "pq"[n // 6]] for n, row in enumerate(found)]
    path = write_table(tmp_path / "b.csv", ["words", "name", "sort", "kind"], twice)
    with pytest.raises(UserError, match="several columns look like labels"):
        guess_columns(path, [], None)
    assert guess_columns(path, [], "kind").counts == {"p": 6, "q": 6}
    path = write_table(tmp_path / "c.csv", ["words", "Label"], [row[1:] for row in found])
    assert guess_columns(path, [], None).label == "Label"
    path = write_table(tmp_path / "d.csv", ["words"], [[row[0]] for row in found])
    with pytest.raises(UserError, match="no column looks like labels"):
        guess_columns(path, [], None)


def test_a_name_that_yaml_would_read_otherwise_is_quoted(tmp_path: Path) -> None:
    found = [[f"text number {n}", "ab"[n % 2]] for n in range(8)]
    write_table(tmp_path / "train.csv", ["on", "y: z"], found)
    assert catsweep("new", tmp_path, "--name", "odd", "--label", "y: z") == 0
    fields = yaml.safe_load((tmp_path / "odd.yaml").read_text())
    assert (fields["text"], fields["label"]) == (["on"], "y: z")


def test_names_of_tasks_are_made_of_folders() -> None:
    assert make_task_name("My Data (2)") == "my-data-2"


def test_a_check_names_duplicates_contradictions_and_what_leaks(tmp_path: Path) -> None:
    train = [["same text", "a"], ["same text", "b"], ["only once", "b"], ["again", "a"]]
    write_table(tmp_path / "train.csv", ["text", "label"], train)
    write_table(tmp_path / "dev.csv", ["text", "label"], [["again", "a"], ["new", "b"]])
    path = tmp_path / "leaky.yaml"
    path.write_text("{name: leaky, text: text, files: {train: train.csv, dev: dev.csv}}")
    told = list(check_lines(str(path), None, None))
    assert told[0] == "task leaky (leaky): accuracy"
    assert "  train: 4 rows, 2 labels, 1.8 words on average, 2 at most" in told[1]
    assert "  train: 1 text occurs more than once" in told
    assert "  warning: 1 of the dev examples is in train as well" in told
    assert "  warning: 1 text occurs with different labels, such as" in told
    assert "    'same text': a, b" in told


def test_a_check_counts_what_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "{name: s, tasks: [library], encoders: [tiny], methods: [standard], axes: {lr: [1e-3]},"
        " max_length: 16}"
    )
    told = "\n".join(check_lines(str(path), None, None))
    assert "tokens on average" in told
    assert "cut at 16" in told
    assert "0 cut at 500" in "\n".join(check_lines(str(path), None, 500))
    assert "task library (Library): accuracy" in "\n".join(check_lines("library", None, None))
