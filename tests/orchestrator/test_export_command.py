"""`catsweep export`: every target, from outside."""

from pathlib import Path

import pytest

from reports.exports.targets import TARGETS
from tests.orchestrator.commands import catsweep
from tests.orchestrator.test_cli import finished_quickstart
from trainers.records.store import Store

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_writes_one_file_once(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = finished_quickstart(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    said, sizes = [], []
    for _ in range(2):
        assert catsweep("export", "quickstart", "--to", target, "--store", store.root) == 0
        found = capsys.readouterr()
        assert found.err.strip() == ""  # An old Rich ends its bar with a line feed, seen or not.
        said.append(found.out)
        (file,) = (store.root / "exports").iterdir()
        sizes.append(file.stat().st_size)
    assert file.name == f"quickstart{TARGETS[target].ending}"
    assert all(line.count("\n") == 1 and str(file) in line and "15 " in line for line in said)
    assert sizes[0] == sizes[1]
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_study_of_which_nothing_has_ended_is_one_line(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, out = Store(tmp_path / "store", create=True), tmp_path / "deep" / "out"
    arguments = ["--to", target, "--store", store.root, "--out", out]
    assert catsweep("export", "quickstart", *map(str, arguments)) == 2
    error = capsys.readouterr().err
    assert f"no trial of study quickstart has ended in {store.root}" in error
    assert error.count("\n") == 1
    assert not out.parent.exists()


def test_wrong_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, a_file = finished_quickstart(tmp_path), tmp_path / "file"
    a_file.touch()
    for arguments, message in (
        (["--to", "optna"], "unknown target 'optna'; did you mean 'optuna'"),
        (["--to", "optuna", "--predictions"], "--predictions is only available with"),
        (["--to", "csv", "--out", str(a_file / "x")], "cannot write"),
        (["--to", "csv", "--tasks", "rte"], "unknown task of study quickstart 'rte'"),
        ([], "--to"),
    ):
        assert catsweep("export", "quickstart", "--store", store.root, *arguments) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not (store.root / "exports").exists()
