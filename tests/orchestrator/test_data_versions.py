"""Data that changed: told before anything is trained, set aside on request, never mixed."""

import shutil
from pathlib import Path

import pytest
import yaml

from orchestrator.data_versions import add_own_data, describe_other_data, find_other_versions
from orchestrator.plan import make_plan
from search_spaces.errors import UserError
from search_spaces.study import Study, load_study
from tests.orchestrator.commands import catsweep, train_all
from tests.trainers.owned import rows, tickets, write_rows
from trainers.data.identity import identify, keep_identity
from trainers.records.store import State, Store


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A study of one task of its own, two trials of a second."""
    tickets(tmp_path)
    task = {
        "name": "tickets",
        "files": {"train": "train.csv", "dev": "dev.csv", "test": "test.csv"},
        "text": "body",
        "label": "team",
        "id": "key",
        "metric": "macro_f1",
    }
    fields = {
        "name": "mine",
        "tasks": [task],
        "encoders": ["tiny"],
        "methods": ["standard"],
        "axes": {"lr": [1e-3, 2e-3]},
        "epochs": 1,
    }
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(fields))
    return path


def trained(path: Path) -> tuple[Study, Store]:
    """Train a study's trials in this process, as `run` would."""
    store = Store(path.parent / "store", create=True)
    study = add_own_data(load_study(str(path)), None, store)
    for task in study.own_tasks.values():
        keep_identity(store, identify(task, None))
    train_all(study, store)
    return study, store


def correct_a_label(folder: Path) -> None:
    found = rows(3, "dev")
    write_rows(folder / "dev.csv", [{**found[0], "team": "returns"}, *found[1:]])


def test_a_corrected_label_makes_new_trials_and_the_old_ones_are_told(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, store = trained(path)
    arguments = [str(path), "--store", str(store.root)]
    assert catsweep("plan", *arguments) == 0
    said = capsys.readouterr()
    assert "2/2 done" in said.out
    assert "warning" not in said.err
    correct_a_label(path.parent)
    for command in ("plan", "status"):
        assert catsweep(command, *arguments) == 0
        said = capsys.readouterr()
        assert "0/2 done" in said.out
        assert "task tickets: 2 trials were trained on other data (dev differs)" in said.err
    now = add_own_data(load_study(str(path)), None, store)
    assert {t.signature for t in now.trials()}.isdisjoint(t.signature for t in study.trials())
    assert len(store.ended()) == 2


def test_without_its_files_a_store_is_read_by_the_data_that_it_knows(path: Path) -> None:
    study, store = trained(path)
    for split in ("train", "dev", "test"):
        (path.parent / f"{split}.csv").unlink()
    known = add_own_data(load_study(str(path)), None, store)
    assert [trial.signature for trial in known.trials()] == [
        trial.signature for trial in study.trials()
    ]
    assert catsweep("report", str(path), "--store", str(store.root)) == 0
    with pytest.raises(UserError, match=r"no file .*\.csv"):
        add_own_data(load_study(str(path)), None, None)
    other = identify(tickets(path.parent / "other", metric="mcc"), None)
    keep_identity(store, other)
    with pytest.raises(UserError, match="trials on 2 versions of them"):
        add_own_data(load_study(str(path)), None, store)


def test_other_definitions_of_a_task_are_told_apart(path: Path) -> None:
    _, store = trained(path)
    path.write_text(path.read_text().replace("macro_f1", "mcc"))
    (line,) = find_other_versions(add_own_data(load_study(str(path)), None, store), None, store)
    assert "metric, dev or difficult differs" in line


def test_a_record_of_data_that_is_damaged_is_one_line(path: Path) -> None:
    study, store = trained(path)
    (record,) = store.tasks.rglob("*.json")
    record.write_bytes(record.read_bytes().replace(b"train", b"tr4in", 1))
    with pytest.raises(UserError, match="is not a valid record of a task's data"):
        find_other_versions(study, None, store)


@pytest.fixture
def shipped(data_folder: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A study of a shipped task whose rows are in a data folder; it and that folder."""
    data = Path(shutil.copytree(data_folder, tmp_path / "data"))
    path = tmp_path / "rte.yaml"
    path.write_text(
        "{name: rte, tasks: [rte], encoders: [tiny], methods: [standard],"
        " axes: {lr: [1e-3, 2e-3]}, epochs: 1}"
    )
    return path, data


def test_changed_rows_of_a_shipped_task_end_a_run_and_retry_sets_aside(
    shipped: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, data = shipped
    store = Store(tmp_path / "store", create=True)
    study = load_study(str(path))
    train_all(study, store, data)
    make_plan(study, store)  # It reads the records.
    assert describe_other_data(study, store, data) == []
    arguments = [str(path), "--store", str(store.root), "--data", str(data)]
    assert catsweep("run", *arguments) == 0
    changed = data / "rte" / "validation.csv"
    changed.write_text(changed.read_text().replace("number 0", "number O"))
    (line,) = describe_other_data(study, store, data)
    assert "2 trials were trained on other data" in line
    assert "(task rte: dev differs)" in line
    capsys.readouterr()
    assert catsweep("status", *arguments) == 0
    assert line in capsys.readouterr().err.replace("\n", " ")
    before = sorted(store.root.rglob("*"))
    assert catsweep("run", *arguments) == 2
    told = capsys.readouterr().err
    assert "add --retry to set them aside and train them again, or give another --store" in told
    assert sorted(store.root.rglob("*")) == before
    for trial in study.trials():
        record = store.record(trial.signature)
        assert store.set_aside(trial.signature, record)
        assert store.state(trial.signature) is State.MISSING
        assert store.set_aside(trial.signature, record) is None, "another process was quicker"
    train_all(study, store, data)
    assert store.set_aside(trial.signature, record) is None, "and has trained it again"
    assert store.state(trial.signature) is State.DONE
