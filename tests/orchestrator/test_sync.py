"""`catsweep sync`: trials of one store in another, whole and once."""

import shutil
from pathlib import Path

import pytest

from orchestrator.sync import sync_stores
from reports.results.results import read_results
from search_spaces.study import Study, parse_study
from search_spaces.trial import TrialConfig
from tests.orchestrator.commands import catsweep
from tests.results import MOMENT, keep
from trainers.records.outcome import FailureRecord, PrunedRecord
from trainers.records.store import State, Store

STUDY = """
name: two
tasks: [rte]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-3, 2e-3, 3e-3, 4e-3]}
"""


@pytest.fixture
def study() -> Study:
    return parse_study(STUDY, source="two")


@pytest.fixture
def source(study: Study, tmp_path: Path) -> Store:
    """A store with two finished trials, one that failed and one that was stopped early."""
    store = Store(tmp_path / "source", create=True)
    first, second, third, fourth = study.trials()
    keep(store, first, {"dev": 120})
    keep(store, second, {"dev": 130})
    fail(store, third)
    store.commit_pruned(fourth, pruned(fourth))
    return store


def fail(store: Store, trial: TrialConfig) -> None:
    record = FailureRecord(
        signature=trial.signature,
        kind="exception",
        reason="no",
        traceback="",
        host="a",
        failed_at=MOMENT,
    )
    store.commit_failure(trial, record)


def pruned(trial: TrialConfig) -> PrunedRecord:
    return PrunedRecord(signature=trial.signature, scheduler="asha", epochs=(), pruned_at=MOMENT)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_all_that_ended_is_there_with_equal_bytes(source: Store, tmp_path: Path) -> None:
    (source.code / "abc").mkdir(parents=True)
    (source.code / "abc" / "focal.py").write_text("x = 1")
    target = Store(tmp_path / "target", create=True)
    found = sync_stores(source, target)
    assert (found.copied, found.present) == (4, 0)
    assert files_of(target.trials) == files_of(source.trials)
    assert files_of(target.code) == files_of(source.code)
    again = sync_stores(source, target)
    assert (again.copied, again.present) == (0, 4)


def test_two_halves_make_one_study(study: Study, tmp_path: Path) -> None:
    halves = [Store(tmp_path / name, create=True) for name in ("a", "b")]
    for index, trial in enumerate(study.trials()):
        keep(halves[index % 2], trial, {"dev": 120 + index})
    assert sync_stores(halves[0], halves[1]).copied == 2
    assert sync_stores(halves[1], halves[0]).copied == 2
    for store in halves:
        (cell,) = read_results(study, Store(store.root, create=False)).cells
        assert len(cell.finished) == 4


def test_a_finished_trial_takes_the_place_of_one_that_failed_but_never_the_reverse(
    study: Study, source: Store, tmp_path: Path
) -> None:
    target = Store(tmp_path / "target", create=True)
    first, _, third, _ = study.trials()
    fail(target, first)
    keep(target, third, {"dev": 99})
    sync_stores(source, target)
    assert {target.state(trial.signature) for trial in (first, third)} == {State.DONE}
    assert target.record(first.signature).scores == source.record(first.signature).scores
    assert target.record(third.signature).scores["dev"]["accuracy"].value == pytest.approx(99 / 200)


def test_damaged_different_and_running_trials_are_named_and_left(
    study: Study,
    source: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second, third, _ = study.trials()
    target = Store(tmp_path / "target", create=True)
    path = source.folder(first.signature) / "predictions-dev.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    keep(target, second, {"dev": 7})
    before = files_of(target.folder(second.signature))
    with target.lock(third.signature) as mine:
        assert mine
        assert catsweep("sync", source.root, target.root) == 1
    said = " ".join(capsys.readouterr().err.split())
    for name, why in ((first, "damaged"), (second, "other results"), (third, "in training")):
        assert f"{why}" in said
        assert name.signature in said
    assert files_of(target.folder(second.signature)) == before
    assert not target.folder(first.signature).exists()


def test_the_command(source: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new"
    assert catsweep("sync", source.root, target) == 0
    assert f"copied 4 trials to {target}; 0 were there before" in capsys.readouterr().out
    assert catsweep("sync", source.root, source.root) == 2
    assert "both stores are the same folder" in capsys.readouterr().err
    assert catsweep("sync", tmp_path / "none", target) == 2
    shutil.rmtree(target)
    target.write_text("a file")
    assert catsweep("sync", source.root, target) == 2
    assert target.read_text() == "a file"
