"""The supervisor: hands a plan's missing trials to Ray Tune until none is left.

In: a study's trials, a store, and resources. Out: the store, filled, and the last plan.
Ray Tune schedules; the store is the truth. Each round is a disposable Tune experiment: after a
fault the plan is made again, and what is missing is run.
"""

import logging
import os
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.job import Job, Slots
from orchestrator.plan import Plan, make_plan
from orchestrator.runner import failure
from orchestrator.sharing import Group, Sharing, group_of
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig, parse_trial
from trainers.files import StoreFull, one_line
from trainers.outcome import DeviceUse
from trainers.store import State, Store

ATTEMPTS = 3
WAIT_SECONDS = 2.0
OBJECT_STORE_BYTES = 128 * 1024**2
MINIMUM_FREE_BYTES = 64 * 1024**2
RAY_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_THRESHOLD_S": "60",
    # A trial that asked for no GPU sees none.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    # Seconds until a driver whose Ray was killed gives up; the next run resumes.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "10",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@dataclass(kw_only=True)
class Attempts:
    """How often each trial began without ending, and how many rounds in a row began none."""

    of_trial: Counter[str] = field(default_factory=Counter)
    idle_rounds: int = 0


def sweep(
    study: str,
    trials: Sequence[TrialConfig],
    store: Store,
    job: Job,
    slots: Slots,
    address: str | None = None,
) -> Plan:
    """Train what is missing, wait for what others train, and return the last plan.

    Raises:
        UserError: no trial can succeed: the store's disk is full, or a node does not share it.
        KeyboardInterrupt: Ctrl-C or SIGTERM; what is finished is kept.
    """
    attempts, sharing = Attempts(), Sharing()
    plan = make_plan(study, trials, store)
    with _terminate_as_interrupt(), _ray_shut_down_at_the_end():
        while plan.having(State.MISSING, State.RUNNING):
            gpus = _gpus(plan, store, slots, sharing)
            if gpus:
                _check_space(store)
                chosen = [trial for trial in trials if trial.signature in gpus]
                launch = job.model_copy(update={"launch": uuid.uuid4().hex})
                fault = _run_round(chosen, gpus, launch, slots, address)
                _count(store, chosen, launch, fault, attempts)
                _give_more_room(store, chosen, slots, sharing)
            else:
                time.sleep(WAIT_SECONDS)
            plan = make_plan(study, trials, store)
    return plan


def _gpus(plan: Plan, store: Store, slots: Slots, sharing: Sharing) -> dict[str, float]:
    """Return the trials to run now, by signature, with each one's GPUs."""
    missing = plan.having(State.MISSING)
    if not slots.measured:
        return {trial.signature: slots.gpus for trial in missing}
    uses: dict[Group, list[DeviceUse | None]] = {}
    for trial in plan.having(State.DONE):
        uses.setdefault(group_of(trial), []).append(store.record(trial.signature).device_use)
    return sharing.shares(missing, uses)


def _give_more_room(
    store: Store, tried: Sequence[TrialConfig], slots: Slots, sharing: Sharing
) -> None:
    """Let trials that ran out of memory on a shared GPU run again, fewer to a GPU."""
    for trial in tried if slots.measured else ():
        if store.state(trial.signature) is not State.FAILED:
            continue
        failed = store.failure(trial.signature)
        if failed.kind == "out_of_memory" and 0 < failed.gpus < 1:
            number = sharing.lower(trial, failed.gpus)
            store.set_aside(trial.signature)
            sys.stderr.write(
                f"{trial.describe()}: out of memory beside others; {number} share a GPU now\n"
            )


def _check_space(store: Store) -> None:
    if store.free_bytes() < MINIMUM_FREE_BYTES:
        raise StoreFull(
            f"less than 64 MiB are left for store {store.root}: free some and run again"
        )


def _run_round(
    trials: Sequence[TrialConfig],
    gpus: Mapping[str, float],
    job: Job,
    slots: Slots,
    address: str | None,
) -> Exception | None:
    """Run one disposable Tune experiment over the trials; return what went wrong outside them."""
    for name, value in RAY_SETTINGS.items():
        os.environ.setdefault(name, value)
    import ray
    from ray import tune

    from orchestrator.worker import TrialWorker

    logging.getLogger("ray").setLevel(logging.CRITICAL)
    if not ray.is_initialized():
        _connect(slots, address)
    trainable = tune.with_resources(
        tune.with_parameters(TrialWorker, job=job.model_dump_json()),
        lambda config: tune.PlacementGroupFactory(
            [{"CPU": slots.threads, "GPU": gpus[parse_trial(config["trial"]).signature]}]
        ),
    )
    with tempfile.TemporaryDirectory(prefix="catsweep-", ignore_cleanup_errors=True) as scratch:
        tuner = tune.Tuner(
            trainable,
            param_space={"trial": tune.grid_search([trial.canonical_json() for trial in trials])},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=slots.at_once),
            run_config=tune.RunConfig(
                storage_path=scratch,
                name="sweep",
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                stop=_stop_when_told(),
            ),
        )
        return _fit(tuner)


def _stop_when_told() -> Any:
    from ray import tune

    class StopWhenTold(tune.Stopper):  # type: ignore[misc]
        """Ends the experiment once a worker says that no trial can succeed."""

        def __init__(self) -> None:
            self.told = False

        def __call__(self, _trial_id: str, result: dict[str, Any]) -> bool:
            self.told = self.told or result.get("stop_sweep") is not None
            return self.told

        def stop_all(self) -> bool:
            return self.told

    return StopWhenTold()


def _fit(tuner: Any) -> Exception | None:
    """Fit; raise what a worker says to the user, return any other fault."""
    try:
        with _terminate_as_interrupt():  # Again: ray.init() has put its own handler in place.
            results = tuner.fit()
    except Exception as error:  # Ray raises many types: a killed worker, a lost node.
        return error
    for result in results:
        message = (result.metrics or {}).get("stop_sweep")
        if message:
            raise UserError(message)
    return next(iter(results.errors), None)


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


def _count(
    store: Store,
    tried: Sequence[TrialConfig],
    job: Job,
    fault: Exception | None,
    attempts: Attempts,
) -> None:
    """Count the trials that this launch began and did not end; give up on one after ATTEMPTS.

    Raises:
        RuntimeError: several rounds in a row could not begin a single trial.
    """
    finished = store.finished()
    left = [t.signature for t in tried if t.signature not in finished]
    begun = [name for name in left if _began(store, name, job.launch)]
    idle = len(left) == len(tried) and not begun and not any(map(store.is_locked, left))
    attempts.idle_rounds = attempts.idle_rounds + 1 if idle else 0
    cause = fault or RuntimeError("its worker ended without a word")
    if attempts.idle_rounds >= ATTEMPTS:
        raise RuntimeError(f"Ray cannot begin a trial: {one_line(cause)}") from fault
    attempts.of_trial.update(begun)
    for trial in tried:
        if trial.signature in begun and attempts.of_trial[trial.signature] >= ATTEMPTS:
            _give_up(store, trial, cause)


def _began(store: Store, signature: str, launch: str) -> bool:
    progress = store.progress(signature)
    return progress is not None and progress.launch == launch


def _give_up(store: Store, trial: TrialConfig, cause: Exception) -> None:
    """Record a trial that keeps taking its worker down, unless somebody else trains it now."""
    with store.lock(trial.signature) as mine:
        if mine and store.state(trial.signature) is not State.DONE:
            store.commit_failure(trial, failure(trial.signature, cause, kind="infrastructure"))
            store.forget_running(trial.signature)


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM (Slurm, Kubernetes) take the clean path of Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _ray_shut_down_at_the_end() -> Iterator[None]:
    try:
        yield
    finally:
        ray = sys.modules.get("ray")
        if ray is not None:
            with suppress(Exception):
                ray.shutdown()
