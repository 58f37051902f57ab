"""The steps of `catsweep run`: check the input, set trials aside, train what is missing.

In: a study, a store and how to run. Out: a filled store and the last plan. Ray is imported only if
there is something to train.
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
class RunResult:
    """The study, the store and the last plan of a run, and whether it trained anything."""

    study: Study
    store: "Store"
    plan: "Plan"
    trained: bool


def run_study(
    study_or_name: str | Study,
    store: Path,
    data: Path | None,
    tasks: str | None,
    resources: "Resources",
    search: "Search",
    keep: "Keep",
    *,
    retry: bool,
) -> RunResult:
    """Train the trials of a study that a store lacks; warnings are printed first.

    `tasks` narrows a study that is given by its name or path; a `Study` is trained as it is.

    Raises:
        UserError, Unfinished, KeyboardInterrupt: as `check_run` and `train`.
    """
    from orchestrator.data_versions import find_other_versions, keep_own_data
    from orchestrator.options import open_begun_store, read_study
    from orchestrator.own_code import keep_own_code
    from orchestrator.preflight import check_task_files
    from trainers.records.store import Store

    begun = open_begun_store(store)
    study = study_or_name
    if not isinstance(study, Study):
        study = read_study(study, tasks, begun, data, to_train=True)
    check_task_files(study, data)
    warnings = check_run(study, begun, data, resources, search, retry=retry)
    warnings += find_other_versions(study, data, begun)
    opened = Store(store, create=True)  # Only now: a refused run writes nothing.
    keep_own_data(study, data, opened)
    keep_own_code(study, opened)
    warn(warnings)
    set_trials_aside(study, opened, data, retry)
    before = opened.ended()
    plan = train(study, opened, data, resources, search, keep)
    return RunResult(study=study, store=opened, plan=plan, trained=opened.ended() != before)


def check_run(
    study: Study,
    store: "Store | None",
    data: Path | None,
    resources: "Resources",
    search: "Search",
    *,
    retry: bool,
) -> list[str]:
    """Check everything that could end a run, before anything is written; return warnings.

    Raises:
        UserError: a folder, an address, data or an encoder cannot be used, or a trial is corrupt.
    """
    from orchestrator.address import check_address, check_form
    from orchestrator.data_versions import describe_stale_trials, find_stale_trials
    from orchestrator.job import count_machine
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
    stale = find_stale_trials(study, store, data) if store else {}
    if stale and not retry:
        raise UserError(
            f"study {study.name}: {'; '.join(describe_stale_trials(stale))}: add --retry to set"
            " them aside and train them again, or give another --store"
        )
    missing = [
        *search.list_wanted(plan),
        *(_find_trials_to_retry(plan, store, stale) if store and retry else []),
    ]
    if not missing:
        return []
    resources.resolve(*count_machine())
    check_trackers(resources.track)
    check_address(resources.address)
    return check_all(missing, data, study.known_tasks)


def _find_trials_to_retry(
    plan: "Plan", store: "Store", stale: Mapping[str, Sequence[TrialConfig]]
) -> list[TrialConfig]:
    """Return the failed, corrupt and stale trials; all files are read to find altered ones."""
    from trainers.records.store import State

    damaged = [t for t in plan.having(State.DONE) if not store.is_whole(t.signature)]
    others = [trial for trials in stale.values() for trial in trials if trial not in damaged]
    return [*plan.having(State.CORRUPT, State.FAILED), *damaged, *others]


def set_trials_aside(study: Study, store: "Store", data: Path | None, retry: bool) -> None:
    """With `retry`, set corrupt, failed and stale trials aside; else say how many have failed."""
    from orchestrator.data_versions import find_stale_trials
    from orchestrator.plan import make_plan
    from trainers.records.store import State

    plan = make_plan(study, store)
    if retry:
        stale = find_stale_trials(study, store, data)
        old = {trial.signature for trials in stale.values() for trial in trials}
        for trial in _find_trials_to_retry(plan, store, stale):
            name = trial.signature
            aside = store.set_aside(name, store.cached_record(name) if name in old else None)
            if aside:  # Otherwise another process did it first.
                say(f"set aside: {aside}")
    elif failed := plan.count(State.FAILED):
        trials = "1 trial" if failed == 1 else f"{failed} trials"
        say(f"{trials} failed before and will not be trained; --retry trains failed trials again")


def train(
    study: Study,
    store: "Store",
    data: Path | None,
    resources: "Resources",
    search: "Search",
    keep: "Keep",
) -> "Plan":
    """Train the trials that a search selects and the store lacks; return the last plan.

    Raises:
        UserError: no trial can succeed.
        Unfinished: Ray ended or cannot start; finished trials are kept.
        KeyboardInterrupt: a signal came; finished trials are kept.
    """
    from orchestrator import progress
    from orchestrator.best import describe_unkept_models, remove_leftover_models
    from orchestrator.endings import terminate_as_interrupt
    from orchestrator.job import Job, count_machine
    from orchestrator.live_view import show_live
    from orchestrator.plan import make_plan
    from orchestrator.streams import quiet
    from orchestrator.tracking import prepare_trackers
    from search_spaces.cells import group_by_cell
    from trainers.checkpoints import make_keeping
    from trainers.records.searches import keep_search
    from trainers.records.store import State

    keeping = make_keeping(study.name, keep, group_by_cell(study))
    remove_leftover_models(keeping, store)
    store.clear_running()
    plan = make_plan(study, store)
    missing = search.list_wanted(plan)
    if not missing:
        keep_search(store, search.record(plan))
        say(f"{study.name}: nothing to train, {plan.count(State.DONE)} trials are done")
        return plan
    slots = resources.resolve(*count_machine())
    say(progress.headline(progress.read_view(study, store, slots.at_once, search)))
    say(f"store {store.root}; {slots}")
    trackers, failed = prepare_trackers(resources.track, study.name, store)
    warn(failed)
    job = Job(
        store=store.root,
        identity=store.mark.identity,
        data=data.absolute() if data else None,
        threads=slots.threads,
        checkpoint_every=resources.checkpoint_every,
        keeping=keeping,
        own_tasks=study.own_tasks,
        study=study.name,
        folder=Path.cwd(),
        trackers=trackers,
    )
    with terminate_as_interrupt(), quiet(), show_live(study, store, slots.at_once, search):
        from orchestrator.supervisor import sweep

        done = sweep(study, store, job, slots, search, resources.address, wait=resources.wait)
    warn(describe_unkept_models(keeping, missing, store))
    return done
