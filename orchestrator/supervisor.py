"""The supervisor: runs a plan's missing trials with Ray Tune until none is left.

In: a study, a store, and resources. Out: the filled store and the last plan. Each round is a new
Tune experiment that can be thrown away, since all results are in the store: after a fault a new
plan is made, and the next round runs the trials that are still missing.
"""

import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from orchestrator.batch_job import find_end, rotate
from orchestrator.cluster import Session, ray_session
from orchestrator.endings import raise_if_asked_to_stop, raise_if_interrupted
from orchestrator.job import Job, Slots
from orchestrator.plan import Plan, make_plan
from orchestrator.runner import make_failure
from orchestrator.say import say
from orchestrator.search import Search
from orchestrator.sharing import Group, Sharing, find_group
from orchestrator.stopping import build_scheduler
from orchestrator.tpe import build_tree_search
from orchestrator.tune import Round, ran_out_of_memory, run_round
from search_spaces.cells import Cell, group_by_setting
from search_spaces.errors import Unfinished
from search_spaces.study import Study
from search_spaces.text import one_line
from search_spaces.trial import TrialConfig
from trainers.records.files import StoreFull
from trainers.records.outcome import DeviceUse, EpochRecord, PrunedRecord
from trainers.records.searches import keep_search
from trainers.records.store import State, Store

ATTEMPTS = 3
WAIT_SECONDS = 2.0
MINIMUM_FREE_BYTES = 64 * 1024**2


@dataclass(kw_only=True)
class Attempts:
    """How often each trial began but did not end, and how many rounds in a row began no trial."""

    by_trial: Counter[str] = field(default_factory=Counter)
    idle_rounds: int = 0


def sweep(
    study: Study,
    store: Store,
    job: Job,
    slots: Slots,
    search: Search,
    address: str | None = None,
    *,
    wait: bool = True,
) -> Plan:
    """Train the trials of a search; return the last plan.

    It waits for trials that other runs train, unless `wait` is false. Before its end, by the budget
    or by Slurm's limit, running trials save a checkpoint.

    Raises:
        UserError: no trial can succeed: the store's disk is full, or a node does not share it.
        Unfinished: Ray cannot start, or ended, or Slurm's job ends soon; what is finished is kept.
        KeyboardInterrupt: a signal came; what is finished is kept.
    """
    attempts, sharing = Attempts(), Sharing()
    plan = make_plan(study, store)
    keep_search(store, search.record(plan))
    end = find_end(search.hours, os.environ)
    with ray_session(address) as session:
        while (wanted := search.list_wanted(plan)) and not end.is_over():
            ready = [t for t in wanted if plan.states[t.signature] is not State.RUNNING]
            gpus = _assign_gpus(ready, plan, store, slots, sharing)
            if gpus:
                _check_space(store)
                launch = job.model_copy(
                    update={
                        "launch": uuid.uuid4().hex,
                        "every_epoch": search.stops_early,
                        "deadline": end.time,
                    }
                )
                shared = len(ready) < len(wanted)
                chosen = [t for t in rotate(ready, os.environ, shared) if t.signature in gpus]
                this_round = Round(
                    trials=chosen,
                    gpus=gpus,
                    job=launch,
                    slots=slots,
                    scheduler=_build_scheduler(search, plan, store),
                    searcher=_build_searcher(search, chosen, plan, store),
                    seconds=end.seconds_left(),
                )
                fault = _run_round(this_round, session, store)
                raise_if_interrupted()
                raise_if_asked_to_stop()
                if end.is_over():
                    break
                # If one trial ran out of memory, the round ended through no fault of the others.
                begun = _find_begun(store, search, chosen, launch)
                fewer = _halve_slots(len(begun), slots) if ran_out_of_memory(fault) else None
                if fewer:
                    slots = replace(slots, at_once=fewer)
                elif not _retry_crowded(store, chosen, slots, sharing):
                    _count_attempts(store, search, chosen, begun, fault, attempts)
            elif wait:
                time.sleep(WAIT_SECONDS)
            else:
                break
            raise_if_interrupted()
            plan = make_plan(study, store)
    plan = make_plan(study, store)
    if end.is_over() and (left := sum(search.count_open(plan).values())):
        trials = "1 trial is left" if left == 1 else f"{left} trials are left"
        if end.is_of_job:
            raise Unfinished(f"the Slurm job ends soon and {trials}")
        spent = f"the budget of {search.hours:g} h is spent"
        say(f"{spent}: {trials}; run the same command again to continue")
    return plan


def _run_round(this_round: Round, session: Session, store: Store) -> Exception | None:
    """Run a round; a signal that asks to stop is passed on to its workers through the store."""
    launch = this_round.job.launch
    try:
        return run_round(this_round, session, lambda: store.request_stop(launch))
    finally:
        store.remove_stop_request(launch)


def _build_scheduler(search: Search, plan: Plan, store: Store) -> Any:
    """Build a scheduler that starts from the stored curves and records the trials that it stops.

    The other seeds of a stopped setting are recorded as stopped, too, unless they have begun.
    """
    siblings = _find_siblings(plan) if search.stops_early else {}

    def keep(trial: TrialConfig, curve: Sequence[EpochRecord]) -> None:
        record = PrunedRecord(
            signature=trial.signature,
            scheduler=search.scheduler,
            epochs=tuple(curve),
            pruned_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        store.commit_pruned(trial, record)

    def keep_others(trial: TrialConfig) -> None:
        for other in siblings[trial.with_seed(0)]:
            if other != trial and store.state(other.signature) is State.MISSING:
                keep(other, ())

    def prune(trial: TrialConfig, result: dict[str, Any]) -> None:
        keep(trial, [EpochRecord.model_validate(epoch) for epoch in json.loads(result["curve"])])
        store.remove_running(trial.signature)
        keep_others(trial)

    past: list[tuple[TrialConfig, Sequence[EpochRecord]]] = []
    cells: dict[str, Cell] = {}
    if search.stops_early:
        pruned = plan.having(State.PRUNED)
        past += [(t, store.verified_record(t.signature).epochs) for t in plan.having(State.DONE)]
        past += [(t, store.pruned(t.signature).epochs) for t in pruned]
        cells = {trial.signature: cell for cell, grid in plan.grids.items() for trial in grid}
        for trial in pruned:
            keep_others(trial)
    return build_scheduler(search.scheduler, past, prune, cells)


def _find_siblings(plan: Plan) -> dict[TrialConfig, list[TrialConfig]]:
    """Return the trials of each setting; a setting is represented by its trial with seed 0."""
    settings = (group for grid in plan.grids.values() for group in group_by_setting(grid))
    return {group[0].with_seed(0): group for group in settings}


def _build_searcher(search: Search, chosen: Sequence[TrialConfig], plan: Plan, store: Store) -> Any:
    """Build a searcher among the chosen trials; None if all of them are to run."""
    if search.name != "tpe" or search.settings is None:
        return None
    return build_tree_search(chosen, plan, store, search.settings, search.seed)


def _assign_gpus(
    ready: Sequence[TrialConfig], plan: Plan, store: Store, slots: Slots, sharing: Sharing
) -> dict[str, float]:
    """Return the trials to run now, by signature, with the number of GPUs of each."""
    if not slots.measured:
        return {trial.signature: slots.gpus for trial in ready}
    uses: dict[Group, list[DeviceUse | None]] = {}
    for trial in plan.having(State.DONE):
        uses.setdefault(find_group(trial), []).append(store.record(trial.signature).device_use)
    return sharing.shares(ready, uses)


def _retry_crowded(
    store: Store, tried: Sequence[TrialConfig], slots: Slots, sharing: Sharing
) -> bool:
    """Retry trials that ran out of memory on a shared GPU, with fewer per GPU.

    Returns whether there were any.
    """
    any_crowded = False
    for trial in tried if slots.measured else ():
        if store.state(trial.signature) is not State.FAILED:
            continue
        failed = store.failure(trial.signature)
        if failed.crowded:
            any_crowded = True
            number = sharing.lower(trial, failed.gpus)
            store.set_aside(trial.signature)
            say(f"{trial.describe()}: out of memory on a shared GPU; now {number} share one")
    return any_crowded


def _find_begun(
    store: Store, search: Search, tried: Sequence[TrialConfig], job: Job
) -> list[TrialConfig]:
    """Return the trials that this launch began but did not end."""
    return [
        trial
        for trial in _find_open(store, search, tried)
        if (progress := store.progress(trial.signature)) and progress.launch == job.launch
    ]


def _find_open(store: Store, search: Search, tried: Sequence[TrialConfig]) -> list[TrialConfig]:
    return [trial for trial in tried if store.state(trial.signature) in search.open_states]


def _halve_slots(running: int, slots: Slots) -> int:
    """Return half of the number of trials that ran, after a node ran out of memory; 0 for one."""
    fewer = min(running, slots.at_once or running) // 2
    if fewer:
        say(f"a node ran out of memory: {fewer} trials at once from now on")
    return fewer


def _check_space(store: Store) -> None:
    if store.free_bytes() < MINIMUM_FREE_BYTES:
        raise StoreFull(
            f"less than 64 MiB are free for store {store.root}: free some space and run again"
        )


def _count_attempts(
    store: Store,
    search: Search,
    tried: Sequence[TrialConfig],
    begun: Sequence[TrialConfig],
    fault: Exception | None,
    attempts: Attempts,
) -> None:
    """Count the trials that a launch began but did not end; give up on a trial after ATTEMPTS.

    Raises:
        Unfinished: ATTEMPTS rounds in a row could not begin a single trial.
    """
    left = _find_open(store, search, tried)
    locked = any(store.is_locked(trial.signature) for trial in left)
    idle = len(left) == len(tried) and not begun and not locked
    attempts.idle_rounds = attempts.idle_rounds + 1 if idle else 0
    cause = fault or RuntimeError("its worker died without an error message")
    if attempts.idle_rounds >= ATTEMPTS:
        raise Unfinished(
            f"Ray cannot begin a trial: {ATTEMPTS} rounds in a row began none of {len(tried)}"
            f" ({one_line(cause)})"
        ) from fault
    attempts.by_trial.update(trial.signature for trial in begun)
    for trial in begun:
        if attempts.by_trial[trial.signature] >= ATTEMPTS:
            _give_up(store, trial, cause)


def _give_up(store: Store, trial: TrialConfig, cause: Exception) -> None:
    """Record a trial whose worker keeps dying as failed, unless another process trains it."""
    with store.lock(trial.signature) as locked:
        if locked and store.state(trial.signature) is not State.DONE:
            store.commit_failure(trial, make_failure(trial.signature, cause, kind="infrastructure"))
            store.remove_running(trial.signature)
