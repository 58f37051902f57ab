"""One disposable Ray Tune experiment.

In: a `Round`: trials, their GPUs, and how they are chosen; and where they run. Out: what went wrong
outside the trials; what they gave is in the store.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.cluster import Session, connect
from orchestrator.endings import raise_if_interrupted
from orchestrator.job import Job, Slots
from orchestrator.say import say
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig, parse_trial


@dataclass(frozen=True, kw_only=True)
class Round:
    """One disposable Tune experiment: trials with each one's GPUs, and how they are chosen.

    Without a `searcher` all trials run, in order.
    """

    trials: Sequence[TrialConfig]
    gpus: Mapping[str, float]
    job: Job
    slots: Slots
    scheduler: Any
    searcher: Any = None
    seconds: float | None = None


def run_round(begin: Round, session: Session) -> Exception | None:
    """Run one Tune experiment; return what went wrong outside its trials."""
    import ray
    from ray import tune

    from orchestrator.worker import TrialWorker

    if not ray.is_initialized():
        connect(session, begin.slots)
        raise_if_interrupted()
        _warn_if_too_large(begin)

    def resources(config: dict[str, str]) -> Any:
        gpus = begin.gpus[parse_trial(config["trial"]).signature]
        return tune.PlacementGroupFactory([{"CPU": begin.slots.threads, "GPU": gpus}])

    trainable = tune.with_parameters(TrialWorker, job=begin.job.model_dump_json())
    names = [trial.canonical_json() for trial in begin.trials]
    space = {} if begin.searcher else {"trial": tune.grid_search(names)}
    tuner = tune.Tuner(
        tune.with_resources(trainable, resources),
        param_space=space,
        tune_config=tune.TuneConfig(
            reuse_actors=True,
            max_concurrent_trials=begin.slots.at_once,
            search_alg=begin.searcher,
            scheduler=begin.scheduler,
            num_samples=len(names) if begin.searcher else 1,
            time_budget_s=begin.seconds,
        ),
        run_config=tune.RunConfig(
            storage_path=str(session.scratch),
            name=begin.job.launch,
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            stop=_build_stopper(session.failed_trackers, measured=begin.slots.measured),
        ),
    )
    return _run_tuner(tuner)


def _build_stopper(failed: set[str], *, measured: bool) -> Any:
    from ray import tune

    class StopOnRequest(tune.Stopper):  # type: ignore[misc]
        """Ends the experiment once a worker says that no trial can succeed.

        Or, where shares are measured, once one ran out of memory beside others: the rest would at
        the same share. Those that run go on from their checkpoints in the next round.
        """

        def __init__(self) -> None:
            self.told = False

        def __call__(self, _trial_id: str, result: dict[str, Any]) -> bool:
            if "remark" in result:
                say(f"warning: {result['remark']}")
            for tracker, said in json.loads(result.get("trackers", "{}")).items():
                if tracker not in failed:
                    failed.add(tracker)
                    say(f"warning: {said}")
            crowded = measured and result.get("crowded", False)
            self.told = self.told or crowded or result.get("stop_sweep") is not None
            return self.told

        def stop_all(self) -> bool:
            return self.told

    return StopOnRequest()


def _run_tuner(tuner: Any) -> Exception | None:
    """Fit; raise what a worker says to the user, return any other fault."""
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
    """Say whether Ray killed a worker for its node's memory: that ends a round, whoever it was."""
    from ray.exceptions import OutOfMemoryError

    if fault is None or isinstance(fault, OutOfMemoryError):
        return fault is not None
    return ran_out_of_memory(fault.__cause__)


def _warn_if_too_large(begin: Round) -> None:
    """Warn of trials that no node is large enough for: Ray waits for one, and says nothing."""
    import ray

    wanted = {"CPU": begin.slots.threads, "GPU": max(begin.gpus.values())}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(node.get(k, 0) >= amount for k, amount in wanted.items()) for node in nodes):
        say(
            f"warning: no node has what a trial needs, {wanted['CPU']} CPUs and"
            f" {wanted['GPU']:g} GPUs; waiting for one that does"
        )
