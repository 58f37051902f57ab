"""The runner's face towards Ray Tune, without Ray: what Tune calls, called here."""

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray import tune

from orchestrator.tune import _build_stopper
from orchestrator.worker import TrialWorker
from search_spaces.trial import TrialConfig
from tests.orchestrator.test_runner import config, job
from trainers.records.store import State, Store


@pytest.fixture(autouse=True)
def _thaw() -> Iterator[None]:
    """A worker freezes what it has imported; tests that ask the collector would not see it."""
    yield
    gc.unfreeze()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def worker(store: Store, trial: TrialConfig) -> TrialWorker:
    """An actor that Tune makes for a trial."""

    class Here(TrialWorker):
        trial_resources = tune.PlacementGroupFactory([{"CPU": 1}])

        def setup(self, config: dict[str, Any], job_of: str = "") -> None:
            super().setup(config, job=job(store).model_dump_json())

    return Here(named(trial))


def named(trial: TrialConfig) -> dict[str, str]:
    return {"trial": trial.canonical_json()}


def finish(actor: TrialWorker) -> None:
    while not actor.step()["done"]:
        pass


def test_one_actor_trains_one_trial_after_the_other(store: Store) -> None:
    first, second = config(1e-3), config(2e-3)
    actor = worker(store, first)
    finish(actor)
    assert actor.reset_config(named(second))
    finish(actor)
    assert [store.state(trial.signature) for trial in (first, second)] == [State.DONE] * 2


def test_a_trial_that_is_given_to_an_earlier_actor_is_trained_there(store: Store) -> None:
    """Tune does so when an actor is free before the one that it makes for the trial has begun."""
    first, second = config(1e-3), config(2e-3)
    early = worker(store, first)
    finish(early)
    late = worker(store, second)
    early.reset_config(named(second))
    finish(early)
    assert store.state(second.signature) is State.DONE
    finish(late)
    assert list((store.root / "running").iterdir()) == []


def test_what_there_is_to_say_of_a_trial_is_said_once(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """As of a checkpoint that cannot be read; the driver prints it."""
    actor, stop = worker(store, config()), _build_stopper(set(), 1, measured=False)
    half = store.running_folder(config().signature) / "checkpoint.safetensors"
    half.parent.mkdir()
    half.write_bytes(b"no checkpoint")
    actor.runner.job = actor.runner.job.model_copy(update={"every_epoch": True})
    told = [actor.step(), actor.step()]
    for result in told:
        assert not stop("t0", result)
    assert ["remark" in result for result in told] == [True, False]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert f"trial {config().signature} starts over" in said[0]


def test_a_tracker_that_fails_is_said_once_in_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """However many workers and rounds there are, and whatever each was told."""
    failed: set[str] = set()
    for said in ("first", "second"):
        stop = _build_stopper(failed, 1, measured=False)
        assert not stop("t0", {"trackers": json.dumps({"wandb": said}), "stop_sweep": None})
    assert capsys.readouterr().err.splitlines() == ["warning: first"]
