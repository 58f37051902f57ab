"""Curves for TensorBoard, read back with TensorBoard's own reader."""

from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from orchestrator.curves import curve_folder
from orchestrator.places import check_writable
from orchestrator.runner import TrialRunner
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig
from tests.orchestrator.test_runner import config, finish, job
from trainers.store import State, Store


def runner_of(store: Store, folder: Path) -> TrialRunner:
    told = job(store).model_copy(update={"tensorboard": folder, "checkpoint_every": 0.0})
    return TrialRunner(told)


def read(folder: Path, trial: TrialConfig) -> EventAccumulator:
    found = EventAccumulator(str(curve_folder(folder, trial)))
    found.Reload()
    return found


def points(found: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in found.Scalars(tag)]


def expected(store: Store, trial: TrialConfig, value: Any) -> list[Any]:
    record = store.record(trial.signature)
    return [(epoch.epoch, pytest.approx(value(epoch), rel=1e-6)) for epoch in record.epochs]


def test_tensorboard_reads_every_epochs_losses_and_score(tmp_path: Path) -> None:
    store, folder = Store(tmp_path / "store", create=True), tmp_path / "runs"
    trials = [config(5e-3, 3), config(1e-3, 2)]
    runner = runner_of(store, folder)
    for trial in trials:
        finish(runner, trial)
    for trial in trials:
        found = read(folder, trial)
        assert points(found, "score") == expected(store, trial, lambda epoch: epoch.score)
        losses = expected(store, trial, lambda epoch: epoch.losses["loss"])
        assert points(found, "loss/loss") == losses
        (named,) = found.Tensors("trial/text_summary")
        assert named.tensor_proto.string_val[0].decode() == trial.describe()
    assert curve_folder(folder, trials[0]).parts[-4:-1] == ("library", "tiny", "standard")


def test_curves_are_there_while_the_trial_runs_and_once_after_a_resume(tmp_path: Path) -> None:
    store, folder, trial = (
        Store(tmp_path / "store", create=True),
        tmp_path / "runs",
        config(1e-3, 3),
    )
    first = runner_of(store, folder)
    first.start(trial)
    assert not first.advance()
    assert [step for step, _ in points(read(folder, trial), "score")] == [1]
    assert not first.advance()
    first._owned.close()  # As a killed process does: its lock is free, its curve is half.
    finish(runner_of(store, folder), trial)
    assert store.record(trial.signature).resumed == 1
    found = read(folder, trial)
    assert points(found, "score") == expected(store, trial, lambda epoch: epoch.score)
    assert len(list(curve_folder(folder, trial).iterdir())) == 1


def test_a_folder_that_cannot_be_written_costs_no_trial_and_is_said_before(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("mine")
    with pytest.raises(UserError, match=r"--tensorboard .*cannot be written"):
        check_writable("--tensorboard", taken / "runs")
    store = Store(tmp_path / "store", create=True)
    finish(runner_of(store, taken / "runs"), config())
    assert store.state(config().signature) is State.DONE
    assert taken.read_text() == "mine"


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    finish(TrialRunner(job(store)), config())
    assert list(tmp_path.rglob("*tfevents*")) == []


def test_a_library_that_fails_costs_no_trial_and_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("of its own")

    monkeypatch.setattr("tensorboardX.summary.scalar", broken)
    store = Store(tmp_path / "store", create=True)
    runner, trial = runner_of(store, tmp_path / "runs"), config(5e-3, 2)
    runner.start(trial)
    assert not runner.advance()
    assert runner.remark == "no more curves for TensorBoard of this trial: of its own"
    runner.remark = None
    assert runner.advance()
    assert runner.remark is None
    assert store.state(trial.signature) is State.DONE
