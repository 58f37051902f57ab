"""Methods of a user's own through the commands: trained from the store's copy, told when edited."""

import re
import sys
from pathlib import Path

import pytest

from orchestrator import api
from orchestrator.own_code import keep_own_code
from search_spaces.errors import UserError
from search_spaces.method import OwnSettings
from search_spaces.study import load_study
from tests.orchestrator.commands import catsweep, train_all
from tests.search_spaces.test_own_methods import FOCAL, STUDY
from trainers.kept_code import load_kept
from trainers.store import Store

MARKED = (
    FOCAL
    + """
import os
from pathlib import Path
Path(os.environ["WHO_RAN_IT"]).touch()
"""
)
"""Leaves a mark whenever it is run."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHO_RAN_IT", str(tmp_path / "marks"))
    (tmp_path / "focal.py").write_text(MARKED)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


@pytest.fixture
def trained(folder: Path) -> Store:
    """The store of a finished sweep, whose file is gone from where it was."""
    store = Store(folder / "store", create=True)
    study = load_study(str(folder / "study.yaml"))
    keep_own_code(study, store)
    train_all(study, store)
    assert len(store.finished()) == 3
    (folder / "marks").unlink()
    return store


def told(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_reports_run_no_code_and_need_no_file(
    folder: Path, trained: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    study, store = folder / "study.yaml", ("--store", trained.root)
    for gone in (False, True):
        if gone:
            (folder / "focal.py").unlink()
        assert catsweep("status", study, *store) == 0
        assert "3/3 done" in told(capsys)
        assert catsweep("report", study, *store, "--html", "--figures") == 0
        assert "Focal" in told(capsys)
        assert catsweep("export", study, *store, "--to", "csv", "--out", folder / "t.csv") == 0
        assert "Focal" in (folder / "t.csv").read_text()
        (folder / "t.csv").unlink()
    page = (trained.root / "reports" / "own" / "own.html").read_text()
    assert "Focal" in page
    assert not (folder / "marks").exists(), "the code was run"


def test_a_kept_model_is_handed_out_without_its_code(
    folder: Path, trained: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "focal.py").unlink()
    command = ("best", folder / "study.yaml", "--store", trained.root, "--task", "library")
    out = folder / "model"
    assert catsweep(*command, "--method", "Focal", "--out", out, "--retrain") == 0, told(capsys)
    assert (out / "model.safetensors").exists()


def test_edited_code_is_told_before_anything_is_trained(
    folder: Path, trained: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "focal.py").write_text(MARKED + "# edited\n")
    for command in ("plan", "status"):
        assert catsweep(command, folder / "study.yaml", "--store", trained.root) == 0
        said = told(capsys)
        assert "1/3 done" in said
        assert "2 trials were trained with other code (./focal.py@Focal has changed" in said
    (folder / "focal.py").write_text(MARKED)
    assert catsweep("plan", folder / "study.yaml", "--store", trained.root) == 0
    said = told(capsys)
    assert "3/3 done" in said
    assert "other code" not in said


def test_a_store_that_knows_nothing_of_a_method_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Store(folder / "store", create=True)
    assert catsweep("status", folder / "study.yaml", "--store", folder / "store") == 2
    assert "method Focal: this store knows nothing of it" in told(capsys)


@pytest.mark.parametrize("what", ["focal.py", "method.json"])
def test_altered_code_is_not_run(
    folder: Path, trained: Store, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder_of_code,) = trained.code.iterdir()
    place = folder_of_code / what
    place.write_bytes(place.read_bytes() + b" ")
    with pytest.raises(UserError, match=f"remove {folder_of_code}, and run the study again"):
        load_kept(trained.code, OwnSettings(name="Focal", code=folder_of_code.name))
    assert not (folder / "marks").exists()


def test_check_tries_the_step(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert catsweep("check", f"{folder}/focal.py@Focal") == 0
    said = told(capsys)
    assert "Focal loss" in said
    assert "gamma=2.0, rounds=1" in said
    assert "its cost in forward passes: 3.0" in said
    assert catsweep("check", folder / "study.yaml") == 0
    assert "gamma=1.0" in told(capsys)
    (folder / "focal.py").write_text(FOCAL.replace(").mean()", ")"))
    assert catsweep("check", f"{folder}/focal.py@Focal") == 2
    assert "grad can be implicitly created only for scalar outputs" in told(capsys)


def test_the_readme_s_method_keeps_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    (code,) = (b for b in re.findall(r"```python\n(.*?)```", readme, re.S) if "class Focal" in b)
    monkeypatch.setitem(sys.modules, "catsweep", api)  # As a wheel has it.
    (tmp_path / "focal.py").write_text(code)
    assert catsweep("check", f"{tmp_path}/focal.py@Focal") == 0
    said = told(capsys)
    assert said.count(": yes") == 4
    assert "gamma=2.0" in said
