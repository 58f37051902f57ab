"""`catsweep logs`: everything on one trial, in every state."""

from pathlib import Path

import pytest

from search_spaces.study import Study, load_study
from tests.orchestrator.commands import catsweep
from tests.results import MOMENT, begun, keep
from trainers.records.outcome import FailureRecord, PrunedRecord
from trainers.records.store import Store

TRACEBACK = "Traceback (most recent call last):\n  File 'x.py'\nValueError: no\n"


@pytest.fixture
def study() -> Study:
    return load_study("quickstart")


@pytest.fixture
def store(study: Study, tmp_path: Path) -> Store:
    store = Store(tmp_path / "store", create=True)
    first, second, third, *_ = study.trials()
    keep(store, first, {"dev": 120, "test": 140})
    failure = FailureRecord(
        signature=second.signature,
        kind="exception",
        reason="no",
        traceback=TRACEBACK,
        host="node7",
        failed_at=MOMENT,
    )
    store.commit_failure(second, failure)
    pruned = PrunedRecord(signature=third.signature, scheduler="asha", epochs=(), pruned_at=MOMENT)
    store.commit_pruned(third, pruned)
    return store


def test_a_finished_trial(study: Study, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    name = study.trials()[0].signature
    assert catsweep("logs", name, "--store", store.root) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"trial {name}: done\nmethod=standard ")
    for part in ("task=library", "lr=", "epoch 1: accuracy", "(selected)", "test: accuracy 0.7000"):
        assert part in printed


def test_a_failed_trial_has_its_traceback(
    study: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    name = study.trials()[1].signature
    assert catsweep("logs", name[:7], "--store", store.root) == 0
    printed = capsys.readouterr().out
    assert f"failed {MOMENT} on node7: exception: no\n" in printed
    assert printed.endswith(TRACEBACK)


def test_trials_that_are_stopped_and_running(
    study: Study, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, stopped, running, *_ = study.trials()
    assert catsweep("logs", stopped.signature, "--store", store.root) == 0
    assert "stopped early" in capsys.readouterr().out
    with store.lock(running.signature):
        store.write_progress(begun(running, "launch"))
        assert catsweep("logs", running.signature, "--store", store.root) == 0
    assert ": running\nstep " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("xyz", "'xyz' is not the beginning of a trial's signature"),
        ("", "'' is not the beginning"),
        ("0000000000ff", "has no trial whose signature begins 0000000000ff"),
    ],
)
def test_a_wrong_name_is_one_line(
    name: str, expected: str, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert catsweep("logs", name, "--store", store.root) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


def test_several_trials_are_listed(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(7):
        (store.root / "running" / f"abc{number:09}").mkdir()
    assert catsweep("logs", "abc", "--store", store.root) == 2
    line = capsys.readouterr().err
    assert "has 7 trials whose signature begins abc: abc000000000, " in line
    assert line.rstrip().endswith(", ...")
