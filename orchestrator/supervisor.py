"""The supervisor: hands a plan's missing trials to Ray Tune until none is left.

In: a study, a store, and resources. Out: the store, filled, and the last plan.
Ray Tune schedules; the store is the truth. Each round is a disposable Tune experiment: after a
fault the plan is made again, and what is missing is run.
"""

import json
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from orchestrator.cluster import ray_session
from orchestrator.endings import raise_if_interrupted
from orchestrator.job import Job, Slots
from orchestrator.plan import Plan, make_plan
from orchestrator.runner import failure
from orchestrator.say import say
from orchestrator.search import Search
from orchestrator.sharing import Group, Sharing, group_of
from orchestrator.stopping import early_stopping
from orchestrator.tpe import tree_search
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
    """How often each trial began without ending, and how many rounds in a row began none."""

    of_trial: Counter[str] = field(default_factory=Counter)
    idle_rounds: int = 0


def sweep(
    study: Study,
    store: Store,
    job: Job,
    slots: Slots,
    search: Search,
    address: str | None = None,
) -> Plan:
    """Train what the search wants, wait for what others train, and return the last plan.

    Raises:
        UserError: no trial can succeed: the store's disk is full, or a node does not share it.
        Unfinished: Ray cannot start, or ended; what is finished is kept.
        KeyboardInterrupt: a signal came; what is finished is kept.
    """
    attempts, sharing = Attempts(), Sharing()
    plan = make_plan(study, store)
    keep_search(store, search.record(plan))
    end = time.monotonic() + 3600 * search.hours if search.hours else None
    with ray_session(address) as session:
        while (wanted := search.wanted(plan)) and (end is None or time.monotonic() < end):
            ready = [t for t in wanted if plan.states[t.signature] is not State.RUNNING]
            gpus = _gpus(ready, plan, store, slots, sharing)
            if gpus:
                _check_space(store)
                launch = job.model_copy(
                    update={"launch": uuid.uuid4().hex, "every_epoch": search.stops_early}
                )
                chosen = [trial for trial in ready if trial.signature in gpus]
                begin = Round(
                    trials=chosen,
                    gpus=gpus,
                    job=launch,
                    slots=slots,
                    scheduler=_scheduler(search, plan, store),
                    searcher=_searcher(search, chosen, plan, store),
                    seconds=None if end is None else max(1.0, end - time.monotonic()),
                )
                fault = run_round(begin, session)
                raise_if_interrupted()
                # Where one ran out of memory, the round ended and the others are not to blame.
                begun = _begun(store, search, chosen, launch)
                fewer = _fewer_at_once(len(begun), slots) if ran_out_of_memory(fault) else None
                if fewer:
                    slots = replace(slots, at_once=fewer)
                elif not _give_more_room(store, chosen, slots, sharing):
                    _count(store, search, chosen, begun, fault, attempts)
            else:
                time.sleep(WAIT_SECONDS)
            raise_if_interrupted()
            plan = make_plan(study, store)
    if search.hours and (left := sum(search.to_end(plan).values())):
        spent = f"the budget of {search.hours:g} h is spent"
        say(f"{spent}: {left} trials are left; run again to go on")
    return plan


def _scheduler(search: Search, plan: Plan, store: Store) -> Any:
    """Build the scheduler; it knows the curves in the store, and records a trial that it stops.

    The other seeds of the trial's setting that nobody has begun are recorded as stopped, too.
    """
    siblings = _siblings(plan) if search.stops_early else {}

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
    return early_stopping(search.scheduler, past, prune, cells)


def _siblings(plan: Plan) -> dict[TrialConfig, list[TrialConfig]]:
    """Return the trials of each setting, by the setting with seed 0."""
    settings = (group for grid in plan.grids.values() for group in group_by_setting(grid))
    return {group[0].with_seed(0): group for group in settings}


def _searcher(search: Search, chosen: Sequence[TrialConfig], plan: Plan, store: Store) -> Any:
    """Build the searcher among the chosen trials, unless all of them are to run."""
    if search.name != "tpe" or search.settings is None:
        return None
    return tree_search(chosen, plan, store, search.settings, search.seed)


def _gpus(
    ready: Sequence[TrialConfig], plan: Plan, store: Store, slots: Slots, sharing: Sharing
) -> dict[str, float]:
    """Return the trials to run now, by signature, with each one's GPUs."""
    if not slots.measured:
        return {trial.signature: slots.gpus for trial in ready}
    uses: dict[Group, list[DeviceUse | None]] = {}
    for trial in plan.having(State.DONE):
        uses.setdefault(group_of(trial), []).append(store.record(trial.signature).device_use)
    return sharing.shares(ready, uses)


def _give_more_room(
    store: Store, tried: Sequence[TrialConfig], slots: Slots, sharing: Sharing
) -> bool:
    """Let trials that ran out of memory on a shared GPU run again, fewer to a GPU; say if any."""
    some = False
    for trial in tried if slots.measured else ():
        if store.state(trial.signature) is not State.FAILED:
            continue
        failed = store.failure(trial.signature)
        if failed.crowded:
            some = True
            number = sharing.lower(trial, failed.gpus)
            store.set_aside(trial.signature)
            say(f"{trial.describe()}: out of memory beside others; {number} share a GPU now")
    return some


def _begun(
    store: Store, search: Search, tried: Sequence[TrialConfig], job: Job
) -> list[TrialConfig]:
    """Return the trials that this launch began and did not end."""
    return [
        trial
        for trial in _left(store, search, tried)
        if (place := store.progress(trial.signature)) and place.launch == job.launch
    ]


def _left(store: Store, search: Search, tried: Sequence[TrialConfig]) -> list[TrialConfig]:
    return [trial for trial in tried if store.state(trial.signature) in search.open_states]


def _fewer_at_once(running: int, slots: Slots) -> int:
    """Return half as many trials as ran when a node was short of memory; 0 if one ran alone."""
    fewer = min(running, slots.at_once or running) // 2
    if fewer:
        say(f"a node ran out of memory: {fewer} at once from here on")
    return fewer


def _check_space(store: Store) -> None:
    if store.free_bytes() < MINIMUM_FREE_BYTES:
        raise StoreFull(
            f"less than 64 MiB are left for store {store.root}: free some and run again"
        )


def _count(
    store: Store,
    search: Search,
    tried: Sequence[TrialConfig],
    begun: Sequence[TrialConfig],
    fault: Exception | None,
    attempts: Attempts,
) -> None:
    """Count the trials that a launch began and did not end; give up on one after ATTEMPTS.

    Raises:
        Unfinished: several rounds in a row could not begin a single trial.
    """
    left = _left(store, search, tried)
    locked = any(store.is_locked(trial.signature) for trial in left)
    idle = len(left) == len(tried) and not begun and not locked
    attempts.idle_rounds = attempts.idle_rounds + 1 if idle else 0
    cause = fault or RuntimeError("its worker ended without a word")
    if attempts.idle_rounds >= ATTEMPTS:
        raise Unfinished(
            f"Ray cannot begin a trial: {ATTEMPTS} rounds in a row began none of {len(tried)}"
            f" ({one_line(cause)})"
        ) from fault
    attempts.of_trial.update(trial.signature for trial in begun)
    for trial in begun:
        if attempts.of_trial[trial.signature] >= ATTEMPTS:
            _give_up(store, trial, cause)


def _give_up(store: Store, trial: TrialConfig, cause: Exception) -> None:
    """Record a trial that keeps taking its worker down, unless somebody else trains it now."""
    with store.lock(trial.signature) as mine:
        if mine and store.state(trial.signature) is not State.DONE:
            store.commit_failure(trial, failure(trial.signature, cause, kind="infrastructure"))
            store.remove_running(trial.signature)
