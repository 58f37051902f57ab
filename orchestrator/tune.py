"""One round of trials as a Ray Tune experiment.

In: a `Round` (trials, their GPUs, and how they are chosen) and the session to run it in. Out: the
fault that ended the round, if any; results are in the store.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.cluster import Session, connect
from orchestrator.endings import raise_if_interrupted, stop_on_signals
from orchestrator.job import Job, Slots
from orchestrator.say import say
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig, parse_trial

LEAVE_SECONDS = 8.0
"""Seconds for running trials to save a checkpoint after the first of them has done so."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """The trials of one Tune experiment, the GPUs of each, and how trials are chosen.

    Without a `searcher` all trials run, in order. `seconds` limits the time of the round.
    """

    trials: Sequence[TrialConfig]
    gpus: Mapping[str, float]
    job: Job
    slots: Slots
    scheduler: Any
    searcher: Any = None
    seconds: float | None = None


def run_round(
    this_round: Round, session: Session, ask_to_stop: Callable[[], None]
) -> Exception | None:
    """Run one Tune experiment; return the fault that ended it, if it was not a trial's own.

    If a signal asks to stop, `ask_to_stop` tells the workers, and the experiment ends soon.

    Raises:
        UserError: a worker reports that no trial can succeed.
    """
    import ray
    from ray import tune

    from orchestrator.worker import TrialWorker

    if not ray.is_initialized():
        connect(session, this_round.slots)
        raise_if_interrupted()
        _warn_if_too_large(this_round)

    def resources(config: dict[str, str]) -> Any:
        gpus = this_round.gpus[parse_trial(config["trial"]).signature]
        return tune.PlacementGroupFactory([{"CPU": this_round.slots.threads, "GPU": gpus}])

    trainable = tune.with_parameters(TrialWorker, job=this_round.job.model_dump_json())
    names = [trial.canonical_json() for trial in this_round.trials]
    space = {} if this_round.searcher else {"trial": tune.grid_search(names)}
    tuner = tune.Tuner(
        tune.with_resources(trainable, resources),
        param_space=space,
        tune_config=tune.TuneConfig(
            reuse_actors=True,
            max_concurrent_trials=this_round.slots.at_once,
            search_alg=this_round.searcher,
            scheduler=this_round.scheduler,
            num_samples=len(names) if this_round.searcher else 1,
            time_budget_s=this_round.seconds,
        ),
        run_config=tune.RunConfig(
            storage_path=str(session.scratch),
            name=this_round.job.launch,
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            stop=_build_stopper(
                session.failed_trackers,
                this_round.slots.at_once,
                measured=this_round.slots.measured,
            ),
        ),
    )
    with stop_on_signals(ask_to_stop):
        return _run_tuner(tuner)


def _build_stopper(failed: set[str], at_once: int | None, *, measured: bool) -> Any:
    from ray import tune

    class StopOnRequest(tune.Stopper):  # type: ignore[misc]
        """Ends the experiment when a worker reports that no trial can succeed.

        If shares are measured, it also ends when a trial runs out of memory on a shared GPU, since
        others with the same share would as well. Running trials resume in the next round. When the
        run must stop, it ends once all workers have saved a checkpoint, or LEAVE_SECONDS after the
        first of them.
        """

        def __init__(self) -> None:
            self.stopped = False
            self.left_at: float | None = None
            self.workers = set[tuple[Any, Any]]()

        def __call__(self, _trial_id: str, result: dict[str, Any]) -> bool:
            if "remark" in result:
                say(f"warning: {result['remark']}")
            for tracker, line in json.loads(result.get("trackers", "{}")).items():
                if tracker not in failed:
                    failed.add(tracker)
                    say(f"warning: {line}")
            if result.get("left"):
                self.left_at = self.left_at or time.monotonic()
                self.workers.add((result.get("hostname"), result.get("pid")))
            crowded = measured and result.get("crowded", False)
            self.stopped = self.stopped or crowded or result.get("stop_sweep") is not None
            return self.stopped

        def stop_all(self) -> bool:
            waited = time.monotonic() - self.left_at if self.left_at else 0.0
            left = len(self.workers) == at_once or waited > LEAVE_SECONDS
            return self.stopped or left

    return StopOnRequest()


def _run_tuner(tuner: Any) -> Exception | None:
    """Run the experiment; raise a worker's message for the user, return any other fault."""
    # Keep our own handler of SIGUSR1, which Tune would replace.
    sys.modules["ray.tune.tune"]._setup_signal_catching = threading.Event  # type: ignore[attr-defined]
    try:
        results = tuner.fit()
    except Exception as error:  # Ray raises many types: a killed worker, a lost node.
        return error
    for result in results:
        message = (result.metrics or {}).get("stop_sweep")
        if message:
            raise UserError(message)
    return next(iter(results.errors), None)


def ran_out_of_memory(fault: BaseException | None) -> bool:
    """Return whether Ray killed a worker because its node ran out of memory."""
    from ray.exceptions import OutOfMemoryError

    if fault is None or isinstance(fault, OutOfMemoryError):
        return fault is not None
    return ran_out_of_memory(fault.__cause__)


def _warn_if_too_large(this_round: Round) -> None:
    """Warn if no node is large enough for a trial: Ray would wait for one without a message."""
    import ray

    wanted = {"CPU": this_round.slots.threads, "GPU": max(this_round.gpus.values())}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(node.get(k, 0) >= amount for k, amount in wanted.items()) for node in nodes):
        say(
            f"warning: no node has the {wanted['CPU']} CPUs and {wanted['GPU']:g} GPUs that a trial"
            " needs; waiting for one"
        )
