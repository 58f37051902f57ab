"""Methods of a user's own through the commands: trained from the store's copy, told when edited."""

import hashlib
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import api
from orchestrator.own_code import keep_own_code, make_method_finder
from search_spaces.errors import UserError
from search_spaces.method import OwnSettings
from search_spaces.sources import Source
from search_spaces.study import load_study
from tests.orchestrator.commands import catsweep, train_all
from tests.search_spaces.test_own_methods import FOCAL, STUDY
from trainers.records import kept_code
from trainers.records.kept_code import load_method_type, read_methods
from trainers.records.record import BODY, HEAD, decode_record, encode_record
from trainers.records.store import Store

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
    assert len(store.ended()) == 3
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
    assert "method Focal: it is not in this store" in told(capsys)


@pytest.mark.parametrize("what", ["focal.py", "method.json"])
def test_altered_code_is_not_run(
    folder: Path, trained: Store, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder_of_code,) = trained.code.iterdir()
    place = folder_of_code / what
    place.write_bytes(place.read_bytes() + b" ")
    kept_code._load_once.cache_clear()  # As in another process.
    with pytest.raises(UserError, match=f"remove {folder_of_code}, and run the study again"):
        load_method_type(trained.code, OwnSettings(name="Focal", code=folder_of_code.name))
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
    readme = (Path(__file__).parents[2] / "search_spaces/README.md").read_text("utf-8")
    (code,) = (b for b in re.findall(r"```python\n(.*?)```", readme, re.S) if "class Focal" in b)
    monkeypatch.setitem(sys.modules, "catsweep", api)  # As a wheel has it.
    (tmp_path / "focal.py").write_text(code)
    assert catsweep("check", f"{tmp_path}/focal.py@Focal") == 0
    said = told(capsys)
    assert said.count(": yes") == 4
    assert "gamma=2.0" in said


def test_other_files_under_one_version_are_told_and_the_store_s_count(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "focal.py").write_text('version = "1"\n' + FOCAL)
    store, study = Store(folder / "store", create=True), folder / "study.yaml"
    chosen = load_study(str(study))
    keep_own_code(chosen, store)
    train_all(chosen, store)
    (folder / "focal.py").write_text('version = "1"\n' + FOCAL + "# another thought\n")
    assert catsweep("plan", study, "--store", store.root) == 0
    said = told(capsys)
    assert "3/3 done" in said
    assert "differs from the store's copy of the same version (./focal.py@Focal)" in said
    (folder / "focal.py").write_text('version = "1"\n' + FOCAL.replace("rounds", "turns"))
    assert catsweep("plan", study, "--store", store.root) == 2
    assert "has other options than the store's trials of the same version" in told(capsys)


def test_a_path_that_was_mistyped_shows_no_other_file_s_trials(
    folder: Path, trained: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    study = folder / "study.yaml"
    study.write_text(STUDY.replace("./focal.py", "./none.py"))
    for command in ("status", "report"):
        assert catsweep(command, study, "--store", trained.root) == 2
        said = told(capsys)
        assert "method Focal: no file" in said
        assert "the store has that of ./focal.py@Focal" in said


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("return None", "must return a dict of losses, which are tensors; got NoneType"),
        ('return {"loss": "x"}', "must return a dict of losses, which are tensors; got dict"),
        ('return {"loss": log_p.mean().detach()}', "added no gradient"),
    ],
)
def test_a_step_that_does_not_train_is_a_failed_trial(
    folder: Path, end: str, expected: str
) -> None:
    step = FOCAL[: FOCAL.index("        return backward")] + f"        {end}\n"
    (folder / "focal.py").write_text(step)
    store, study = Store(folder / "store", create=True), load_study(str(folder / "study.yaml"))
    keep_own_code(study, store)
    train_all(study, store)
    _, first, _ = study.trials()
    assert expected in store.failure(first.signature).reason


@pytest.mark.parametrize(
    ("old", "new"),
    [('"real"', '"rael"'), ('"required": false', '"required": 0'), ('"hatch"', '"hatches"')],
)
def test_a_record_of_a_method_is_read_to_the_letter(
    folder: Path, trained: Store, old: str, new: str
) -> None:
    """Well-formed, but wrong: its checksum is right."""
    style = 'style = Style(light="#000000", dark="#ffffff", marker="d", dashes=(), hatch="x")'
    text = FOCAL.replace("title =", f"{style}\n    title =")
    (folder / "focal.py").write_text("from search_spaces.method import Style\n" + text)
    keep_own_code(load_study(str(folder / "study.yaml")), trained)
    *_, record = kept_code.read_methods(trained)
    data = encode_record(record)
    assert decode_record(kept_code.MethodRecord, data) == record
    body = data[BODY:]
    assert old.encode() in body
    wrong = body.replace(old.encode(), new.encode())
    told = HEAD + hashlib.sha256(wrong).hexdigest().encode() + wrong
    with pytest.raises(ValueError, match=r"options|style"):
        decode_record(kept_code.MethodRecord, told)


def test_a_package_that_is_gone_is_known_from_the_store(trained: Store) -> None:
    """As a file that is gone: reports run no method's code, and so need none."""
    find = make_method_finder(trained)
    gone = Source(noun="method", name="Focal", entry="losses/Focal", code=None)
    with pytest.raises(UserError, match="no installed package losses offers methods: pip install"):
        find(gone)
    (kept,) = read_methods(trained)
    same = replace(gone, entry=kept.said)
    assert find(same).name == "Focal"
