"""The store: what is committed reads back; what is cut, altered or half-written is noticed."""

import errno
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import UserError
from search_spaces.trial import parse_trial
from tests.fakes import tiny_config
from tests.results import finished, stopped
from trainers.records import store as store_module
from trainers.records import store_mark
from trainers.records.files import (
    decode_predictions,
    encode_predictions,
    write_file,
    write_if_absent,
)
from trainers.records.outcome import (
    FailureRecord,
    Predictions,
    ProgressRecord,
    PrunedRecord,
    TrialResult,
)
from trainers.records.store import CorruptTrial, State, Store
from trainers.records.store_mark import STORE_VERSION

CONFIG = tiny_config()
SIGNATURE = CONFIG.signature
PARQUET = "predictions-test.parquet"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


@pytest.fixture
def result() -> TrialResult:
    return finished(CONFIG, {"dev": 30, "test": 120}, n_classes=14)


@pytest.fixture
def folder(store: Store, result: TrialResult) -> Path:
    """Of one finished trial, written by another Store object: nothing is remembered."""
    Store(store.root, create=False).commit(CONFIG, result)
    return store.folder(SIGNATURE)


def failure() -> FailureRecord:
    return FailureRecord(
        signature=SIGNATURE,
        kind="diverged",
        reason="no number",
        traceback="Traceback\n  ...",
        host="somewhere",
        failed_at="2026-01-01T00:00:00+00:00",
    )


def assert_same(found: Predictions, expected: Predictions) -> None:
    assert found.ids == expected.ids
    assert np.array_equal(found.gold, expected.gold)
    assert found.logits.dtype == np.float32
    assert found.logits.tobytes() == np.ascontiguousarray(expected.logits).tobytes()
    assert np.array_equal(found.predicted, expected.predicted)


def test_a_committed_trial_reads_back(store: Store, folder: Path, result: TrialResult) -> None:
    assert store.state(SIGNATURE) is State.DONE
    assert store.ended() == {SIGNATURE}
    record = store.record(SIGNATURE)
    assert record.model_copy(update={"files": {}}) == result.record
    assert set(record.files) == {"config.json", PARQUET, "predictions-dev.parquet"}
    for split, expected in result.predictions.items():
        assert_same(store.predictions(record, split), expected)
    assert parse_trial((folder / "config.json").read_text()) == CONFIG
    assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]


def test_an_unknown_trial_is_missing(store: Store) -> None:
    assert store.state("0" * 12) is State.MISSING
    assert store.ended() == set()
    assert store.progress("0" * 12) is None


def test_result_json_is_the_last_file_written(
    store: Store, result: TrialResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever file the power fails at, the trial is missing until the last one is there."""
    written: list[str] = []
    states: list[State] = []
    real = write_file

    def watched(path: Path, data: bytes, *, sync: bool = True) -> None:
        states.append(Store(store.root, create=False).state(SIGNATURE))
        written.append(path.name)
        real(path, data, sync=sync)

    monkeypatch.setattr(store_module, "write_file", watched)
    store.commit(CONFIG, result)
    assert written[-1] == "result.json"
    assert len(written) == 4
    assert states == [State.MISSING] * 4
    assert store.state(SIGNATURE) is State.DONE


def test_a_folder_without_result_json_is_missing_and_can_be_committed_again(
    store: Store, folder: Path, result: TrialResult
) -> None:
    (folder / "result.json").unlink()
    assert store.state(SIGNATURE) is State.MISSING
    assert store.ended() == set()
    store.commit(CONFIG, result)
    assert store.state(SIGNATURE) is State.DONE


@pytest.mark.parametrize("name", ["result.json", PARQUET, "config.json"])
@pytest.mark.parametrize("size", [0, 10, -1])
def test_a_truncated_file_makes_the_trial_corrupt(
    name: str, size: int, store: Store, folder: Path
) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:size])
    assert store.state(SIGNATURE) is State.CORRUPT
    assert store.ended() == {SIGNATURE}
    with pytest.raises(CorruptTrial) as caught:
        store.record(SIGNATURE)
    message = str(caught.value)
    assert "\n" not in message
    assert f"trial {SIGNATURE} is corrupt" in message
    assert "--retry" in message
    assert name in message or name == "result.json"


def test_a_file_that_is_gone_makes_the_trial_corrupt(store: Store, folder: Path) -> None:
    (folder / PARQUET).unlink()
    assert store.state(SIGNATURE) is State.CORRUPT


def test_a_single_flipped_bit_is_found_when_predictions_are_read(
    store: Store, folder: Path
) -> None:
    path = folder / PARQUET
    whole = path.read_bytes()
    for place in (0, 100, len(whole) // 2, len(whole) - 1):
        data = bytearray(whole)
        data[place] ^= 1
        path.write_bytes(data)
        with pytest.raises(CorruptTrial, match=f"{SIGNATURE} is corrupt .*{re.escape(PARQUET)}"):
            store.predictions(store.record(SIGNATURE), "test")
    path.write_bytes(whole)
    assert len(store.predictions(store.record(SIGNATURE), "test").ids) == 200


@pytest.mark.parametrize("field", ["signature", "scores", "files", "version"])
def test_a_record_with_a_field_of_another_kind_is_corrupt(
    field: str, store: Store, folder: Path
) -> None:
    path = folder / "result.json"
    fields = json.loads(path.read_text()) | {field: ["?"]}
    path.write_text(json.dumps(fields))
    assert store.state(SIGNATURE) is State.CORRUPT


def test_a_failure_is_kept_and_read_back(store: Store) -> None:
    store.commit_failure(CONFIG, failure())
    assert store.state(SIGNATURE) is State.FAILED
    assert store.ended() == {SIGNATURE}
    assert store.failure(SIGNATURE) == failure()
    assert parse_trial((store.folder(SIGNATURE) / "config.json").read_text()) == CONFIG
    (store.folder(SIGNATURE) / "failure.json").write_text("{")
    with pytest.raises(CorruptTrial, match="is corrupt"):
        store.failure(SIGNATURE)


def test_what_is_set_aside_is_missing_again_and_nothing_of_it_is_lost(store: Store) -> None:
    for number in (1, 2, 3):
        result = finished(CONFIG, {"dev": 30 + number}, n_classes=14)
        store.commit(CONFIG, result)
        assert store.record(SIGNATURE).scores == result.record.scores
        assert store.set_aside(SIGNATURE) is None, "it is whole"
        (store.folder(SIGNATURE) / PARQUET.replace("test", "dev")).write_bytes(b"damage")
        kept = {p.name: p.read_bytes() for p in store.folder(SIGNATURE).iterdir()}
        target = store.set_aside(SIGNATURE)
        assert target == store.root / "set-aside" / f"{SIGNATURE}-{number}"
        assert {p.name: p.read_bytes() for p in target.iterdir()} == kept
        assert store.state(SIGNATURE) is State.MISSING
        assert store.ended() == set()
        assert store.set_aside(SIGNATURE) is None, "another process was quicker"


def test_progress_reads_back_and_is_forgotten_with_the_running_folder(store: Store) -> None:
    progress = ProgressRecord(
        signature=SIGNATURE,
        launch="a",
        host="h",
        pid=1,
        step=2,
        steps=8,
        seconds=0.5,
        loss=None,
        updated_at=1.0,
    )
    store.running_folder(SIGNATURE).mkdir()
    store.write_progress(progress)
    assert store.progress(SIGNATURE) == progress
    (store.running_folder(SIGNATURE) / "progress.json").write_text("{")
    assert store.progress(SIGNATURE) is None
    store.remove_running(SIGNATURE)
    assert not store.running_folder(SIGNATURE).exists()
    store.remove_running(SIGNATURE)


def test_a_trial_killed_after_its_commit_leaves_nothing_for_good(
    store: Store, folder: Path
) -> None:
    for name in (folder.name, "0" * 12):
        with store.lock(name):
            pass
    with store.lock(folder.name):
        store.clear_running()
        assert store.running_folder(folder.name).is_dir()
    store.clear_running()
    assert [path.name for path in (store.root / "running").iterdir()] == ["0" * 12]


def test_a_store_keeps_its_identity_and_a_copy_has_the_same(store: Store, tmp_path: Path) -> None:
    assert Store(store.root, create=True).mark == store.mark
    assert store.mark.version == STORE_VERSION
    assert Store(tmp_path / "other", create=True).mark.identity != store.mark.identity
    copy = shutil.copytree(store.root, tmp_path / "copy")
    assert Store(copy, create=False).mark == store.mark
    assert store.free_bytes() > 0


def refusal(root: Path, *, create: bool) -> str:
    with pytest.raises(UserError) as caught:
        Store(root, create=create)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("create", [True, False])
def test_a_store_that_cannot_be_one_is_refused(tmp_path: Path, create: bool) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    assert "is a file" in refusal(path, create=create)
    if create:  # A folder below a file can be made by nobody, not even by root.
        assert "Not a directory" in refusal(path / "store", create=True)
    else:
        assert "no store in" in refusal(tmp_path / "nowhere", create=False)
        assert not (tmp_path / "nowhere").exists()


def test_a_mark_of_a_newer_version_or_of_no_kind_is_refused(store: Store) -> None:
    path = store.root / "store.json"
    mark = store.mark.model_copy(update={"version": STORE_VERSION + 1})
    path.write_text(mark.model_dump_json())
    assert "update catsweep" in refusal(store.root, create=True)
    for text in ("", "{", '{"version": 1}', "[]"):
        path.write_text(text)
        assert "is not a valid store mark" in refusal(store.root, create=False)


@pytest.mark.parametrize(("n", "n_classes"), [(1, 2), (5, 3), (700, 150)])
def test_predictions_survive_parquet_bit_for_bit(n: int, n_classes: int) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n_classes, n)).astype(np.float32).T
    logits[0, :2] = (-0.0, np.finfo(np.float32).tiny)
    ids = [f"{row}-é,\n\"'" for row in range(n)]
    kept = Predictions(ids=ids, gold=rng.integers(0, n_classes, n), logits=logits)
    data = encode_predictions(kept)
    found = decode_predictions(data, n_classes)
    assert_same(found, kept)
    assert encode_predictions(found) == data


def test_the_lower_class_wins_a_tie() -> None:
    logits = np.array([[1, 1, 0], [0, 2, 2]], dtype=np.float32)
    kept = Predictions(ids=["a", "b"], gold=np.array([0, 1]), logits=logits)
    assert kept.predicted.tolist() == [0, 1]


@pytest.mark.parametrize("how", ["finished", "failed", "pruned"])
def test_a_trial_s_folder_outlives_a_power_cut_before_its_mark_is_written(
    how: str, store: Store, result: TrialResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = {"result.json", "failure.json", "pruned.json"}
    synced: list[Path] = []

    def fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path == store.root / "trials":
            assert SIGNATURE in {entry.name for entry in path.iterdir()}
            assert not marks & {entry.name for entry in store.folder(SIGNATURE).iterdir()}
        synced.append(path)

    monkeypatch.setattr(os, "fsync", fsync)
    match how:
        case "finished":
            store.commit(CONFIG, result)
        case "failed":
            store.commit_failure(CONFIG, failure())
        case "pruned":
            record = stopped(CONFIG)
            store.commit_pruned(CONFIG, record)
    assert store.root / "trials" in synced


def test_two_that_create_a_store_at_once_have_one_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one creates it where the first has just seen that there is none."""
    others: list[Store] = []

    def write_late(path: Path, data: bytes) -> None:
        monkeypatch.setattr(store_mark, "write_if_absent", write_if_absent)
        others.append(Store(tmp_path, create=True))
        write_if_absent(path, data)

    monkeypatch.setattr(store_mark, "write_if_absent", write_late)
    assert Store(tmp_path, create=True).mark == others[0].mark
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "locks",
        "running",
        "store.json",
        "trials",
    ]


def test_a_store_can_be_made_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted", str(target))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    made = Store(tmp_path, create=True)
    assert Store(tmp_path, create=True).mark == made.mark


def test_a_pruned_trial_that_is_trained_to_its_end_just_then_is_done(
    store: Store, result: TrialResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Store(store.root, create=False)
    pruned = stopped(CONFIG)
    store.commit_pruned(CONFIG, pruned)

    def gone(signature: str) -> PrunedRecord:
        other.commit(CONFIG, result)
        return Store.pruned(store, signature)

    monkeypatch.setattr(store, "pruned", gone)
    assert store.state(CONFIG.signature) is State.DONE
