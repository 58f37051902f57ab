"""The command `confirm`: is a method better, or only the luckiest of its settings?

In: a study whose trials have ended. Out: its chosen settings, trained with fresh seeds, and a
report with the confirmation.
"""

from typing import Annotated

import typer

from orchestrator.cli_print import (
    Output,
    describe_failures,
    describe_others,
    next_command,
    print_report,
    show_plan,
    write_alone,
)
from orchestrator.options import (
    DEFAULT_STORE,
    AddressOption,
    CheckpointOption,
    DataOption,
    DetailsOption,
    GpusOption,
    JsonOption,
    NoWaitOption,
    QuietOption,
    RetryOption,
    SlotsOption,
    StoreOption,
    StudyArgument,
    TasksOption,
    ThreadsOption,
    TrackOption,
    TransposeOption,
    WideOption,
    WorthOption,
    points_to_share,
    read_study,
)
from orchestrator.say import say


def confirm(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    data: DataOption = None,
    seeds: Annotated[int, typer.Option(max=1000, help="Fresh seeds of each chosen setting.")] = 5,
    tasks: TasksOption = None,
    methods: Annotated[
        str | None, typer.Option("--methods", help="Only these methods, separated by commas.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be trained, and train nothing.")
    ] = False,
    slots: SlotsOption = None,
    threads: ThreadsOption = None,
    gpus_per_trial: GpusOption = None,
    address: AddressOption = None,
    checkpoint_every: CheckpointOption = 120.0,
    track: TrackOption = None,
    retry: RetryOption = False,
    no_wait: NoWaitOption = False,
    worth: WorthOption = None,
    wide: WideOption = False,
    transpose: TransposeOption = False,
    details: DetailsOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train each method's chosen setting with fresh seeds, and test the methods only on these."""
    from orchestrator.cli_run import run_study
    from orchestrator.confirm import choose_confirmation as choose
    from orchestrator.job import Resources, count_cores, parse_gpus
    from orchestrator.search import Search
    from orchestrator.tracking import parse_tracks
    from reports.page.publish import Extras
    from reports.results.results import read_results
    from trainers.records.confirmations import keep_confirmation
    from trainers.records.store import State, Store

    resources = Resources(
        slots=slots,
        threads=threads,
        gpus_per_trial=parse_gpus(gpus_per_trial),
        address=address,
        checkpoint_every=checkpoint_every,
        track=parse_tracks(track or [], None),
        wait=not no_wait,
    )
    opened = Store(store, create=False)
    chosen = read_study(study, tasks, opened, data, to_train=True)
    named = None if methods is None else [name.strip() for name in methods.split(",")]
    wanted, record = choose(read_results(chosen, opened), seeds, named)
    if dry_run:
        show_plan(wanted, opened, slots or count_cores(), as_json=as_json)
        return
    keep_confirmation(opened, record)
    ran = run_study(wanted, store, data, None, resources, Search(), "none", retry=retry)
    for line in describe_failures(ran.plan, opened):
        say(line)
    if no_wait and (running := ran.plan.count(State.RUNNING)):
        say(describe_others(running))
        return
    extras = Extras(html=False, figures=False, data=data, worth=points_to_share("--worth", worth))
    options = {"--store": store, "--data": data, "--tasks": tasks}
    page = next_command("report", study, options, "--html", "--figures")
    output = Output(
        details=details,
        quiet=quiet,
        as_json=as_json,
        wide=wide,
        transpose=transpose,
        next=(page,),
    )
    with write_alone(opened, chosen.name):
        print_report(chosen, opened, opened.reports / chosen.name, data, extras, output)
    states = (State.FAILED, State.CORRUPT, State.MISSING, State.RUNNING)
    if any(ran.plan.count(state) for state in states):
        raise typer.Exit(1)
