"""The steps of `catsweep run`: clear the way, decide what is missing, train it.

In: a study, a store and how to run. Out: a filled store and the last plan. Ray is imported only
when there is something to train.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.say import say, warn
from search_spaces.errors import UserError
from search_spaces.study import Study
from search_spaces.trial import TrialConfig

if TYPE_CHECKING:
    from orchestrator.job import Resources
    from orchestrator.plan import Plan
    from orchestrator.search import Search
    from trainers.checkpoints import Keep
    from trainers.records.store import Store


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a run was of, where it ended, and whether it trained anything."""

    study: Study
    store: "Store"
    plan: "Plan"
    trained: bool


def run_study(
    named: str | Study,
    store: Path,
    data: Path | None,
    tasks: str | None,
    resources: "Resources",
    search: "Search",
    keep: "Keep",
    *,
    retry: bool,
) -> Ran:
    """Train what a store lacks of a study; what a user should know is told before.

    `tasks` are of a study that is `named` by its name or path; another one is trained as it is.

    Raises:
        UserError, Unfinished, KeyboardInterrupt: as `check` and `train`.
    """
    from orchestrator.data_versions import keep_own_data, other_versions
    from orchestrator.options import begun_store, read_study
    from orchestrator.own_code import keep_own_code
    from orchestrator.preflight import check_files_of
    from trainers.records.store import Store

    begun = begun_store(store)
    study = named
    if not isinstance(study, Study):
        study = read_study(study, tasks, begun, data, to_train=True)
    check_files_of(study, data)
    notes = check(study, begun, data, resources, search, retry=retry)
    notes += other_versions(study, data, begun)
    opened = Store(store, create=True)  # Not before: a run that is refused leaves nothing.
    keep_own_data(study, data, opened)
    keep_own_code(study, opened)
    warn(notes)
    clear_the_way(study, opened, data, retry)
    before = opened.ended()
    plan = train(study, opened, data, resources, search, keep)
    return Ran(study=study, store=opened, plan=plan, trained=opened.ended() != before)


def check(
    study: Study,
    store: "Store | None",
    data: Path | None,
    resources: "Resources",
    search: "Search",
    *,
    retry: bool,
) -> list[str]:
    """Find what would end a run, before anything is written; return what the user should know.

    Raises:
        UserError: a folder, an address, data or an encoder is of no use, or a trial is corrupt.
    """
    from orchestrator.address import check_address, check_form
    from orchestrator.data_versions import stale_lines, stale_trials
    from orchestrator.job import this_machine
    from orchestrator.plan import make_plan
    from orchestrator.preflight import check_all
    from orchestrator.tracking import check_trackers
    from trainers.records.store import State

    if resources.address is not None:
        check_form(resources.address)
    plan = make_plan(study, store)
    if store and not retry:
        for trial in plan.having(State.CORRUPT):
            store.check(trial.signature)
    stale = stale_trials(study, store, data) if store else {}
    if stale and not retry:
        raise UserError(
            f"study {study.name}: {'; '.join(stale_lines(stale))}: add --retry to set them aside"
            " and train them again, or give another --store"
        )
    missing = [*search.wanted(plan), *(_to_retry(plan, store, stale) if store and retry else [])]
    if not missing:
        return []
    resources.resolve(*this_machine())
    check_trackers(resources.track)
    check_address(resources.address)
    return check_all(missing, data, study.known_tasks)


def _to_retry(
    plan: "Plan", store: "Store", stale: Mapping[str, Sequence[TrialConfig]]
) -> list[TrialConfig]:
    """Return the failed, corrupt and stale trials; every file is read: a size may hide a change."""
    from trainers.records.store import State

    damaged = [t for t in plan.having(State.DONE) if not store.is_whole(t.signature)]
    others = [trial for trials in stale.values() for trial in trials if trial not in damaged]
    return [*plan.having(State.CORRUPT, State.FAILED), *damaged, *others]


def clear_the_way(study: Study, store: "Store", data: Path | None, retry: bool) -> None:
    """Set corrupt, failed and stale trials aside on request, and say how many failed are left."""
    from orchestrator.data_versions import stale_trials
    from orchestrator.plan import make_plan
    from trainers.records.store import State

    plan = make_plan(study, store)
    if retry:
        stale = stale_trials(study, store, data)
        old = {trial.signature for trials in stale.values() for trial in trials}
        for trial in _to_retry(plan, store, stale):
            name = trial.signature
            aside = store.set_aside(name, store.cached_record(name) if name in old else None)
            if aside:  # Else another process was quicker.
                say(f"set aside: {aside}")
    elif failed := plan.count(State.FAILED):
        said = (
            "1 trial failed before and is"
            if failed == 1
            else f"{failed} trials failed before and are"
        )
        say(f"{said} left alone; --retry trains failed trials again")


def train(
    study: Study,
    store: "Store",
    data: Path | None,
    resources: "Resources",
    search: "Search",
    keep: "Keep",
) -> "Plan":
    """Train what the search wants of a study and the store lacks; return the last plan.

    Raises:
        UserError: no trial can succeed.
        Unfinished: Ray ended, or cannot start; what is finished is kept.
        KeyboardInterrupt: a signal came; what is finished is kept.
    """
    from orchestrator import progress
    from orchestrator.best import not_kept, settle_models
    from orchestrator.endings import terminate_as_interrupt
    from orchestrator.job import Job, this_machine
    from orchestrator.plan import make_plan
    from orchestrator.streams import quiet
    from orchestrator.tracking import prepare_trackers
    from search_spaces.cells import group_by_cell
    from trainers.checkpoints import make_keeping
    from trainers.records.searches import keep_search
    from trainers.records.store import State

    keeping = make_keeping(study.name, keep, group_by_cell(study))
    settle_models(keeping, store)
    store.clear_running()
    plan = make_plan(study, store)
    missing = search.wanted(plan)
    if not missing:
        keep_search(store, search.record(plan))
        say(f"{study.name}: nothing to train, {plan.count(State.DONE)} trials are done")
        return plan
    slots = resources.resolve(*this_machine())
    say(progress.headline(progress.look(study, store, slots.at_once, search)))
    say(f"store {store.root}; {slots}")
    tracked, troubles = prepare_trackers(resources.track, study.name, store)
    warn(troubles)
    job = Job(
        store=store.root,
        identity=store.mark.identity,
        data=data.absolute() if data else None,
        threads=slots.threads,
        checkpoint_every=resources.checkpoint_every,
        keeping=keeping,
        own_tasks=study.own_tasks,
        study=study.name,
        tracked=tracked,
    )
    with terminate_as_interrupt(), quiet(), progress.live(study, store, slots.at_once, search):
        from orchestrator.supervisor import sweep

        done = sweep(study, store, job, slots, search, resources.address)
    warn(not_kept(keeping, missing, store))
    return done
