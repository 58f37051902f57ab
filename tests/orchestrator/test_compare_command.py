"""`catsweep compare`: two files or trials in, text or JSON out; needs neither torch nor Ray."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli import main
from search_spaces.study import load_study
from tests.results import keep
from trainers.records.store import Store

HEAD = "id,gold,prediction\n"


def write(folder: Path) -> tuple[Path, Path]:
    one, other = folder / "a.csv", folder / "b.jsonl"
    one.write_text(HEAD + "1,0,0\n2,1,0\n3,1,1\n4,0,1\n")
    rows = [{"id": i, "gold": g, "prediction": g} for i, g in ((4, 0), (3, 1), (2, 1), (1, 0))]
    other.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return one, other


def compare(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["compare", *map(str, arguments)])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(*write(tmp_path)) == 0
    said = capsys.readouterr().out
    assert said.endswith(
        "Does b.jsonl beat a.csv?  not shown (+50.0 points of accuracy, p = 0.5)\n"
    )
    assert "gold" not in said
    assert compare(*write(tmp_path), "--quiet") == 0
    assert capsys.readouterr().out == said.splitlines(keepends=True)[-1]
    assert compare(*write(tmp_path), "--details") == 0
    said = capsys.readouterr().out
    (row,) = [line for line in said.splitlines() if line.startswith("accuracy")]
    assert row.split()[1:4] == ["50.00", "100.00", "+50.00"]
    assert "  2: gold 1, baseline 0, system 1" in said
    assert compare(*write(tmp_path), "--json", "--metrics", "f1, mcc", "--labels", "1,0") == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["metric"] for entry in found["metrics"]] == ["f1", "mcc"]
    assert found["labels"] == ["1", "0"]
    assert [entry["id"] for entry in found["differing"]] == ["2", "4"]


def test_a_label_with_a_comma_is_listed_in_quotes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = tmp_path / "a.csv", tmp_path / "b.csv"
    for path, second in zip(paths, ("yes, please", "no"), strict=True):
        path.write_text(f'{HEAD}1,no,no\n2,"yes, please","{second}"\n')
    assert compare(*paths, "--labels", 'no, "yes, please"', "--json") == 0
    assert json.loads(capsys.readouterr().out)["labels"] == ["no", "yes, please"]
    assert compare(*paths, "--labels", "no,yes, please") == 2
    assert "unknown gold label" in capsys.readouterr().err


def test_a_file_of_floats_and_one_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, _ = write(tmp_path)
    other = tmp_path / "b.csv"
    other.write_text(HEAD + "1.0,0.0,1.0\n2.0,1.0,1.0\n3.0,1.0,1.0\n4.0,0.0,1.0\n")
    assert compare(one, other) == 0
    said = capsys.readouterr().out
    assert "50.00   50.00" in said
    assert "\none class for every example: system\n" in said


def test_a_trial_and_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "store", create=True)
    trial = load_study("quickstart").trials()[0]
    keep(store, trial, {"dev": 100})
    path = tmp_path / "theirs.csv"
    path.write_text(HEAD + "".join(f"dev-{row},{row % 2},{row % 2}\n" for row in range(200)))
    assert compare(trial.signature, path, "--store", store.root, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["table"]["only_system_right"] == 100
    path.write_text(path.read_text().replace("dev-7,1,1", "dev-7,0,1"))
    assert compare(trial.signature, path, "--store", store.root) == 2
    assert f"but '0' in {path}: row 9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "1,0,0\n2,,0\n", "b.csv: row 3: gold is empty"),
        ("id,gold\n1,0\n", "b.csv: no column 'prediction'"),
        (HEAD + "1,0,0\n2,1,nan\n", "b.csv: row 3: prediction is 'nan', which means missing"),
        (HEAD + "1,0,0\n1,0,0\n", "b.csv: row 3: id '1' is also in row 2"),
        (HEAD + "1,0,0\n9,0,0\n", "a.csv: row 3: example '2' is not in "),
        (HEAD + "4,0,0\n3,0,0\n2,1,0\n1,0,0\n", "a.csv: row 4: example '3' has the gold label '1'"),
        (HEAD + "4,0,0\n3,1,0\n2,1,0\n1,0,x\n", "b.csv: row 5: example '1': unknown predicted"),
        (None, "b.csv: No such file or directory"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, message: str
) -> None:
    one, _ = write(tmp_path)
    other = tmp_path / "b.csv"
    if text is not None:
        other.write_text(text)
    assert compare(one, other) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert said.err.count("\n") == 1


def test_it_runs_where_torch_and_ray_are_not_installed(tmp_path: Path) -> None:
    """A finder before all others says of these packages what Python says of absent ones."""
    program = (
        "import sys\n"
        "class Absent:\n"
        "    names = {'torch', 'ray', 'transformers', 'datasets', 'safetensors', 'optuna'}\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in self.names:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from orchestrator.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "compare", *map(str, write(tmp_path)), "--details"],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "metric:accuracy|test:mcnemar-exact" in done.stdout
