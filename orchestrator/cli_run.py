"""The steps of `catsweep run`: clear the way, decide what is missing, train it.

In: a study, a store and how to run. Out: a filled store and the last plan. Ray is imported only
when there is something to train.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli_print import say
from search_spaces.study import Study

if TYPE_CHECKING:
    from orchestrator.job import Resources
    from orchestrator.plan import Plan
    from orchestrator.search import Search
    from trainers.checkpoints import Keep
    from trainers.store import Store


def clear_the_way(study: Study, store: "Store", retry: bool) -> None:
    """Refuse to go on over corrupt trials, or set them and the failed ones aside on request."""
    from orchestrator.plan import make_plan
    from trainers.store import State

    plan = make_plan(study, store)
    for trial in plan.having(State.CORRUPT, State.FAILED) if retry else []:
        say(f"set aside: {store.set_aside(trial.signature)}")
    for trial in [] if retry else plan.having(State.CORRUPT):
        store.check(trial.signature)
    failed = 0 if retry else plan.count(State.FAILED)
    if failed:
        say(f"{failed} trials failed before and are left alone; --retry trains them again")


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
        UserError: a search, a folder or an address is of no use, or no trial can succeed.
        Unfinished: Ray ended, or cannot start; what is finished is kept.
        KeyboardInterrupt: a signal came; what is finished is kept.
    """
    from orchestrator import progress
    from orchestrator.best import not_kept, settle_models
    from orchestrator.curves import check_folder
    from orchestrator.endings import terminate_as_interrupt
    from orchestrator.job import Job, this_machine
    from orchestrator.plan import make_plan
    from orchestrator.preflight import check_all
    from orchestrator.quiet import quiet
    from search_spaces.cells import cells_of
    from trainers.checkpoints import keeping_of
    from trainers.searches import keep_search
    from trainers.store import State

    keeping = keeping_of(study.name, keep, cells_of(study))
    settle_models(keeping, store)
    plan = make_plan(study, store)
    missing = search.wanted(plan)
    if not missing:
        keep_search(store, search.record(plan))
        say(f"{study.name}: nothing to train, {plan.count(State.DONE)} trials are done")
        return plan
    slots = resources.resolve(*this_machine())
    say(progress.headline(progress.look(study, store, slots.at_once, search)))
    say(f"store {store.root}; {slots}; checking data and encoders")
    for line in check_all(missing, data):
        say(f"warning: {line}")
    job = Job(
        store=store.root,
        identity=store.mark.identity,
        data=data.absolute() if data else None,
        threads=slots.threads,
        checkpoint_every=resources.checkpoint_every,
        keeping=keeping,
        tensorboard=check_folder(resources.tensorboard) if resources.tensorboard else None,
    )
    with terminate_as_interrupt(), quiet(), progress.live(study, store, slots.at_once, search):
        from orchestrator.supervisor import sweep

        done = sweep(study, store, job, slots, search, resources.address)
    for line in not_kept(keeping, missing, store):
        say(f"warning: {line}")
    return done
