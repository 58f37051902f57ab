"""One disposable Ray Tune experiment, and Ray around it: started or joined, and shut down.

In: a `Round`: trials, their GPUs, and how they are chosen. Out: what went wrong outside the trials;
what they gave is in the store.
"""

import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.job import Job, Slots
from orchestrator.say import say
from search_spaces.errors import UserError
from search_spaces.text import one_line
from search_spaces.trial import TrialConfig, parse_trial

INTERRUPTS: list[int] = []
"""The signals that came to this sweep."""

OBJECT_STORE_BYTES = 128 * 1024**2
RAY_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_THRESHOLD_S": "60",
    # A trial that failed has no score.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    # A trial that asked for no GPU sees none.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    # Workers stay where `run` was called: an encoder may be a folder below it.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # Seconds until a driver whose Ray was killed gives up, and the next run resumes; a machine
    # that is busy with other work takes more than 10 to start Ray.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "30",
    # Tune's actors have an environment of their own: processes made before they are asked for, one
    # for each core, would never be used.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


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


def run_round(begin: Round, address: str | None) -> Exception | None:
    """Run one Tune experiment; return what went wrong outside its trials."""
    import ray
    from ray import tune

    from orchestrator.worker import TrialWorker

    logging.getLogger("ray").setLevel(logging.CRITICAL)
    if not ray.is_initialized():
        _connect(begin.slots, address)
        _take_signals()  # Again: ray.init() has put its own handler in place.
        raise_if_interrupted()
        _say_what_no_node_has(begin)

    def resources(config: dict[str, str]) -> Any:
        gpus = begin.gpus[parse_trial(config["trial"]).signature]
        return tune.PlacementGroupFactory([{"CPU": begin.slots.threads, "GPU": gpus}])

    trainable = tune.with_parameters(TrialWorker, job=begin.job.model_dump_json())
    names = [trial.canonical_json() for trial in begin.trials]
    space = {} if begin.searcher else {"trial": tune.grid_search(names)}
    with tempfile.TemporaryDirectory(prefix="catsweep-", ignore_cleanup_errors=True) as scratch:
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
                storage_path=scratch,
                name="sweep",
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                stop=_stop_when_told(measured=begin.slots.measured),
            ),
        )
        return _fit(tuner)


def _stop_when_told(*, measured: bool) -> Any:
    from ray import tune

    class StopWhenTold(tune.Stopper):  # type: ignore[misc]
        """Ends the experiment once a worker says that no trial can succeed.

        Or, where shares are measured, once one ran out of memory beside others: the rest would at
        the same share. Those that run go on from their checkpoints in the next round.
        """

        def __init__(self) -> None:
            self.told = False

        def __call__(self, _trial_id: str, result: dict[str, Any]) -> bool:
            if "remark" in result:
                say(f"warning: {result['remark']}")
            crowded = measured and result.get("crowded", False)
            self.told = self.told or crowded or result.get("stop_sweep") is not None
            return self.told

        def stop_all(self) -> bool:
            return self.told

    return StopWhenTold()


def _fit(tuner: Any) -> Exception | None:
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


def _connect(slots: Slots, address: str | None) -> None:
    """Join the cluster at `address`, or start Ray on this machine, closed to others."""
    import ray

    if address is not None:
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UserError(f"no Ray cluster answers at {address} ({one_line(error)})") from error
        return
    ray.init(
        address="local",  # Never one that `ray start` left behind, nor RAY_ADDRESS.
        num_cpus=(slots.at_once or 1) * slots.threads,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=OBJECT_STORE_BYTES,
        # 127.0.0.1 is rewritten to the host's address; this one is respected.
        _node_ip_address="127.0.0.2" if sys.platform == "linux" else "127.0.0.1",
    )
    token = Path.home() / ".ray" / "auth_token"
    if token.exists():
        token.chmod(0o600)


def _say_what_no_node_has(begin: Round) -> None:
    """Warn of trials that no node is large enough for: Ray waits for one, and says nothing."""
    import ray

    wanted = {"CPU": begin.slots.threads, "GPU": max(begin.gpus.values())}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(node.get(k, 0) >= amount for k, amount in wanted.items()) for node in nodes):
        say(
            f"warning: no node has what a trial needs, {wanted['CPU']} CPUs and"
            f" {wanted['GPU']:g} GPUs; waiting for one that does"
        )


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM (Slurm, Kubernetes) take the clean path of Ctrl-C; both are noted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    INTERRUPTS.clear()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    _take_signals()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_if_interrupted() -> None:
    """Raise again what Python drops when it is raised in a hook after a fork; Ray forks often."""
    if INTERRUPTS:
        raise KeyboardInterrupt


def _take_signals() -> None:
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # As a shell has it behind `&`.
                signal.signal(number, _interrupt)


def _interrupt(number: int, _frame: object) -> None:
    INTERRUPTS.append(number)
    raise KeyboardInterrupt


@contextmanager
def ray_session() -> Iterator[None]:
    """Set what Ray reads when it is imported; shut it down at the end, if it was started."""
    for name, value in RAY_SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        yield
    finally:
        ray = sys.modules.get("ray")
        if ray is not None:
            with suppress(Exception):
                ray.shutdown()
