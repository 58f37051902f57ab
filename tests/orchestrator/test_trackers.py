"""Trackers, each in its own program: what trials told them, read back by that program's reader."""

import json
import shutil
import socket
import sqlite3
import struct
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.proto import wandb_internal_pb2

from orchestrator import tracking
from orchestrator.job import TrackerTarget
from orchestrator.runner import TrialRunner
from orchestrator.tracker import TrackedTrial, Tracker
from orchestrator.trackers.tensorboard import TensorBoard, event_folder
from orchestrator.tracking import (
    check_trackers,
    list_trackers,
    load_tracker,
    parse_tracks,
    prepare_trackers,
)
from reports.exports.mlflow_runs import Written, tracking_uri, write_runs
from reports.exports.rows import read_rows, settings
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig
from tests.orchestrator.test_runner import config, finish, job
from trainers.records.store import State, Store

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
TOOLS = ("mlflow", "tensorboard", "trackio", "wandb")
Points = list[tuple[int, float]]


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    import_module("trackio")
    # It reads its folder when it is first imported: once for all tests of this process.
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "trackio" and hasattr(module, "TRACKIO_DIR"):
            monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio")


def runner_of(store: Store, *tools: str) -> TrialRunner:
    tracked, lines = prepare_trackers([(tool, None) for tool in tools], "study", store)
    assert lines == []
    told = {"trackers": tracked, "study": "study", "checkpoint_every": 0.0}
    return TrialRunner(job(store).model_copy(update=told))


def told(tool: str, store: Store, trial: TrialConfig, name: str) -> Points:
    """What the program has of one value of a trial's run, by its own reader."""
    match tool:
        case "tensorboard":
            found = EventAccumulator(str(event_folder(Path("runs"), trial)))
            found.Reload()
            return [(event.step, event.value) for event in found.Scalars(name)]
        case "mlflow":
            client, run = mlflow_run(store, trial)
            points = client.get_metric_history(run.info.run_id, name.replace("/", "."))
            return [(point.step, point.value) for point in points]
        case "trackio":
            with sqlite3.connect("trackio/study.db") as base:
                found_rows = base.execute(
                    "SELECT step, metrics FROM metrics WHERE run_name = ? ORDER BY id",
                    (trial.signature,),
                )
                values = [(step, json.loads(text)) for step, text in found_rows]
            return [(step, value[name]) for step, value in values if name in value]
        case _:
            lines = [line for file in wandb_files(trial) for line in wandb_records(file)]
            rows = [line.history for line in lines if line.WhichOneof("record_type") == "history"]
            items = [
                (row.step.num, {item.key or item.nested_key[0]: item for item in row.item})
                for row in rows
            ]
            return [(step, json.loads(item[name].value_json)) for step, item in items]


def mlflow_run(store: Store, trial: TrialConfig) -> tuple[Any, Any]:
    client = MlflowClient(tracking_uri=tracking_uri(str(store.exports / "study.mlflow.db")))
    experiment = client.get_experiment_by_name("study")
    assert experiment is not None
    (run,) = client.search_runs(
        [experiment.experiment_id],
        filter_string=f"tags.`catsweep.signature` = '{trial.signature}'",
    )
    return client, run


def wandb_files(trial: TrialConfig) -> list[Path]:
    return sorted(Path("wandb").glob(f"offline-run-*-{trial.signature}/*.wandb"))


def wandb_records(path: Path) -> Iterator[Any]:
    """Read a file of W&B: records in the log format of LevelDB, after a head of seven bytes."""
    data, place, whole = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in {1, 4}:  # Whole, or the last part.
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def expected(store: Store, trial: TrialConfig, name: str) -> Any:
    epochs = store.record(trial.signature).epochs
    values = [(e.epoch, e.score if name == "score" else e.losses["loss"]) for e in epochs]
    return [(epoch, pytest.approx(value, rel=1e-6)) for epoch, value in values]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_run_per_trial_with_every_epoch(tool: str, tmp_path: Path) -> None:
    store, trials = Store(tmp_path / "store", create=True), [config(5e-3, 3), config(1e-3, 2)]
    runner = runner_of(store, tool)
    for trial in trials:
        finish(runner, trial)
    assert runner.tracking.remarks() == {}
    for trial in trials:
        for name in ("score", "loss/loss"):
            assert told(tool, store, trial, name) == expected(store, trial, name)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_killed_trial_goes_on_in_its_run_and_doubles_nothing(tool: str, tmp_path: Path) -> None:
    store, trial = Store(tmp_path / "store", create=True), config(1e-3, 3)
    first = runner_of(store, tool)
    first.start(trial)
    assert not first.advance()
    assert not first.advance()
    first.tracking.wait()
    if tool in {"tensorboard", "mlflow"}:  # The others write from threads of their own.
        assert [step for step, _ in told(tool, store, trial, "score")] == [1, 2]
    if tool == "trackio":
        first.tracking.end()  # Else its thread, which a kill would end, writes behind our back.
    first._held.close()  # As a killed process does: its lock is free, its curve is half.
    finish(runner_of(store, tool), trial)
    assert store.record(trial.signature).resumed == 1
    if tool == "wandb":
        first.tracking.end()  # What its own process had not written yet, once ours was killed.
    assert told(tool, store, trial, "score") == expected(store, trial, "score")


@pytest.mark.parametrize("tool", ["mlflow", "trackio"])
def test_what_a_kill_kept_from_a_tracker_is_told_again(tool: str, tmp_path: Path) -> None:
    """Told by our count, and not written by theirs."""
    store, trial = Store(tmp_path / "store", create=True), config(1e-3, 3)
    first = runner_of(store, tool)
    first.start(trial)
    assert not first.advance()
    first.tracking.end()
    assert not first.advance()
    store.write_last_epoch_sent(trial.signature, tool, 2)
    first._held.close()
    finish(runner_of(store, tool), trial)
    assert told(tool, store, trial, "score") == expected(store, trial, "score")


@pytest.mark.parametrize("tool", ["mlflow", "tensorboard", "trackio"])
def test_another_attempt_takes_the_place_of_an_earlier_one(tool: str, tmp_path: Path) -> None:
    """A trial that is trained anew, not resumed: its epochs may be others."""
    trial, store = config(5e-3, 2), Store(tmp_path / "store", create=True)
    finish(runner_of(store, tool), trial)
    shutil.rmtree(store.folder(trial.signature))
    again = Store(store.root, create=False)
    finish(runner_of(again, tool), trial)
    assert told(tool, again, trial, "score") == expected(again, trial, "score")


def test_what_stands_in_a_run_beside_its_curves(tmp_path: Path) -> None:
    store, trial = Store(tmp_path / "store", create=True), config(5e-3, 2)
    finish(runner_of(store, *TOOLS), trial)
    record = store.record(trial.signature)
    _, run = mlflow_run(store, trial)
    assert run.info.status == "FINISHED"
    assert run.data.params == {key: str(value) for key, value in settings(trial).items()}
    assert run.data.metrics["dev.accuracy"] == record.scores["dev"]["accuracy"].value
    place = str(store.exports / "study.mlflow.db")
    assert write_runs("study", read_rows([trial], store), place) == Written(runs=1, new=0)
    found = EventAccumulator(str(event_folder(Path("runs"), trial)))
    found.Reload()
    assert [point.value for point in found.Scalars("test.accuracy")] == [
        pytest.approx(record.scores["test"]["accuracy"].value)
    ]
    (named,) = found.Tensors("trial/text_summary")
    assert named.tensor_proto.string_val[0].decode() == trial.describe()
    (file,) = wandb_files(trial)
    kinds = {line.WhichOneof("record_type"): line for line in wandb_records(file)}
    begun = kinds["run"].run
    assert (begun.project, begun.run_id) == ("study", trial.signature)
    given = {item.key: json.loads(item.value_json) for item in begun.config.update}
    assert {name: given[name] for name in settings(trial)} == settings(trial)
    assert told("trackio", store, trial, "dev.accuracy") == [
        (2, record.scores["dev"]["accuracy"].value)
    ]


def test_failed_and_interrupted_trials_end_their_runs_as_what_they_are(tmp_path: Path) -> None:
    store, broken, stopped = Store(tmp_path / "s", create=True), config(1e6, 2), config(1e-3, 3)
    runner = runner_of(store, "mlflow")
    finish(runner, broken)
    assert store.state(broken.signature) is State.FAILED
    runner.start(stopped)
    assert not runner.advance()
    runner.tracking.end()
    _, run = mlflow_run(store, broken)
    assert (run.info.status, run.data.tags["catsweep.state"]) == ("FAILED", "failed")
    assert run.data.tags["catsweep.reason"].startswith("diverged")
    _, run = mlflow_run(store, stopped)
    assert run.info.status == "KILLED"


class Broken(Tracker):
    """A tracker that fails where it is told to."""

    package = install = "json"
    fails = "log"

    @classmethod
    def locate(cls, given: str | None, study: str, store: Store) -> str:
        return ""

    def _call(self, name: str) -> None:
        if self.fails == name:
            raise RuntimeError(f"{name} of its own\nat length")

    def begin(self, trial: TrackedTrial, last_epoch: int | None) -> int:
        self._call("begin")
        return 0

    def log(self, epoch: int, values: Any) -> None:
        self._call("log")

    def end(self, row: Any) -> None:
        self._call("end")


@pytest.mark.parametrize("call", ["begin", "log", "end"])
def test_a_tracker_that_fails_costs_no_trial_and_is_one_warning(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broken, "fails", call)
    monkeypatch.setattr(tracking, "load_tracker", lambda tool: Broken)
    store = Store(tmp_path / "store", create=True)
    runner = runner_of(store, "broken")
    for trial in (config(5e-3, 2), config(1e-3, 2)):
        finish(runner, trial)
        assert store.state(trial.signature) is State.DONE
    (line,) = runner.tracking.remarks().values()
    assert "broken" in line
    assert f"({call} of its own at length)" in line
    assert runner.tracking.remarks() == {}


def test_a_tracker_that_does_not_answer_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck(Broken):
        def log(self, epoch: int, values: Any) -> None:
            threading.Event().wait()

    monkeypatch.setattr(tracking, "load_tracker", lambda tool: Stuck)
    monkeypatch.setattr(tracking, "ANSWER_SECONDS", 0.1)
    store = Store(tmp_path / "store", create=True)
    runner = runner_of(store, "stuck")
    began = time.monotonic()
    for trial in (config(5e-3, 2), config(1e-3, 2)):
        finish(runner, trial)
        assert store.state(trial.signature) is State.DONE
    assert "no answer in 0.1 s" in runner.tracking.remarks()["stuck"]
    assert time.monotonic() - began < 20


def test_what_does_not_answer_before_the_run_is_said_then_and_not_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    given = [("mlflow", "http://127.0.0.1:9"), ("tensorboard", None)]
    tracked, (line,) = prepare_trackers(given, "study", store)
    assert "mlflow failed (" in line
    assert len(line) < 300
    runner = TrialRunner(job(store).model_copy(update={"trackers": tracked, "study": "study"}))
    finish(runner, config(5e-3, 2))
    assert runner.tracking.remarks() == {}
    assert told("tensorboard", store, config(5e-3, 2), "score")


def test_a_server_that_takes_the_call_and_never_answers_holds_up_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"http://127.0.0.1:{server.getsockname()[1]}"
        store = Store(tmp_path / "store", create=True)
        (tracked,), (line,) = prepare_trackers([("mlflow", place)], "study", store)
    assert "no answer in 0.2 s" in line
    assert tracked.warned


def test_a_folder_that_cannot_be_written_costs_no_trial(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    store = Store(tmp_path / "store", create=True)
    tracked = (TrackerTarget(tool="tensorboard", location=str(tmp_path / "file" / "below")),)
    runner = TrialRunner(job(store).model_copy(update={"trackers": tracked}))
    finish(runner, config())
    assert store.state(config().signature) is State.DONE
    assert "Not a directory" in runner.tracking.remarks()["tensorboard"]


def test_without_trackers_nothing_is_written_and_no_thread_begins(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    runner = TrialRunner(job(store))
    finish(runner, config())
    assert runner.tracking.channels == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


def test_each_file_has_one_tracker_and_its_help() -> None:
    assert tuple(list_trackers()) == TOOLS
    assert load_tracker("tensorboard") is TensorBoard
    for tool in TOOLS:
        assert issubclass(load_tracker(tool), Tracker)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["tensorbord"], "tensorboard"),
        (["wandb", "wandb:x"], "given twice"),
        (["wandb:"], "empty"),
        (["tensorboard:file/below"], "cannot be written"),
        (["mlflow:."], "is a folder"),
    ],
)
def test_what_cannot_be_tracked_is_refused_before_anything(
    given: list[str], says: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match=says):
        check_trackers(parse_tracks(given))


def test_a_tracker_that_is_not_installed_is_told_with_the_line_for_pip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"--track wandb needs wandb: pip install 'catsweep\[wandb"):
        check_trackers(parse_tracks(["wandb"]))


def test_the_short_form_is_tensorboards_place(tmp_path: Path) -> None:
    assert parse_tracks(["mlflow"], tmp_path) == (("tensorboard", str(tmp_path)), ("mlflow", None))
    with pytest.raises(UserError, match="given twice"):
        parse_tracks(["tensorboard"], tmp_path)
