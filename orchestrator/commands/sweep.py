"""The commands that make results: `studies`, and `plan`, `run` and `status` of one.

In: the arguments of a command. Out: printed plans and results; `run` fills a store. As in the other
commands, modules that need torch, Ray or scipy are imported where they are used.
"""

import json
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    MAX_PARALLEL,
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
    open_existing_store,
    points_to_share,
    read_study,
)
from orchestrator.paths import path_parser
from orchestrator.say import echo, say, screen_size, warn
from search_spaces.errors import OutputLost, Unfinished, UserError
from search_spaces.study import Study, describe_shipped
from search_spaces.text import one_line

if TYPE_CHECKING:
    from trainers.records.store import Store


def studies(as_json: JsonOption = False) -> None:
    """List the studies that come with catsweep; `catsweep plan NAME` shows one."""
    found = describe_shipped()
    if as_json:
        echo(json.dumps(found, indent=1))
        return
    width, _ = screen_size()
    longest = max(map(len, found))
    for name, description in found.items():
        text = f"{name:{longest}}  {description}"
        echo(textwrap.fill(text, width, subsequent_indent=" " * (longest + 2)))


def plan(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    tasks: TasksOption = None,
    slots: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_PARALLEL, help="Trials at once, for the time estimate."),
    ] = None,
    data: DataOption = None,
    detect: Annotated[
        float | None,
        typer.Option(min=0.01, max=100, help="A gain in points: show what it takes to detect it."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what `run` would do, what it costs, and which gain its results could detect."""
    from orchestrator.data_versions import describe_other_data
    from orchestrator.job import count_cores
    from orchestrator.preflight import find_deviations

    opened, at_once = open_existing_store(store), slots or count_cores()
    chosen = read_study(study, tasks, opened, data, to_train=True)
    notes = find_deviations(chosen, data)
    gain = points_to_share("--detect", detect)
    show_plan(chosen, opened, at_once, ahead=True, as_json=as_json, detect=gain)
    warn([*notes, *describe_other_data(chosen, opened, data)])


def run(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    data: DataOption = None,
    tasks: TasksOption = None,
    slots: SlotsOption = None,
    threads: ThreadsOption = None,
    gpus_per_trial: GpusOption = None,
    address: AddressOption = None,
    checkpoint_every: CheckpointOption = 120.0,
    search: Annotated[
        str, typer.Option(help="Which trials run: grid (all), random or tpe, with a budget.")
    ] = "grid",
    scheduler: Annotated[
        str, typer.Option(help="Stop hopeless trials early: asha or median; fifo stops none.")
    ] = "fifo",
    budget: Annotated[
        str | None, typer.Option(help="40: settings of each cell; 2h: hours of this run; 40,2h.")
    ] = None,
    search_seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Seed of random and tpe.")
    ] = 0,
    keep_checkpoints: Annotated[
        str, typer.Option(help="Which trained models stay: best (one per cell), all or none.")
    ] = "best",
    track: TrackOption = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option(
            parser=path_parser("--tensorboard"), help="Short for --track tensorboard:FOLDER."
        ),
    ] = None,
    retry: RetryOption = False,
    no_wait: NoWaitOption = False,
    details: DetailsOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train the missing trials, then write the report. Run it again to resume."""
    from orchestrator.cli_run import run_study
    from orchestrator.job import Resources, parse_gpus
    from orchestrator.progress import format_duration
    from orchestrator.search import Search, parse_budget
    from orchestrator.tracking import parse_tracks
    from trainers.checkpoints import parse_keep
    from trainers.records.store import State

    resources = Resources(
        slots=slots,
        threads=threads,
        gpus_per_trial=parse_gpus(gpus_per_trial),
        address=address,
        checkpoint_every=checkpoint_every,
        track=parse_tracks(track or [], tensorboard),
        wait=not no_wait,
    )
    settings, hours = parse_budget(budget)
    how = Search(name=search, scheduler=scheduler, settings=settings, hours=hours, seed=search_seed)
    keep = parse_keep(keep_checkpoints)
    begun = time.monotonic()
    ran = run_study(study, store, data, tasks, resources, how, keep, retry=retry)
    chosen, opened, done = ran.study, ran.store, ran.plan
    for line in describe_failures(done, opened):
        say(line)
    unfinished = how.list_wanted(done) if how.hours is None else []
    if no_wait and unfinished:
        say(describe_others(len(unfinished)))
        return
    options = {"--store": store, "--data": data, "--tasks": tasks}
    output = Output(
        details=details,
        quiet=quiet,
        took=format_duration(time.monotonic() - begun) if ran.trained else "",
        next=(next_command("report", study, options, "--html", "--figures"),),
        confirm=next_command("confirm", study, options),
    )
    _report(chosen, opened, data, output)
    if unfinished or done.count(State.FAILED) or done.count(State.CORRUPT):
        raise typer.Exit(1)


def _report(study: Study, store: "Store", data: Path | None, output: Output) -> None:
    """Write the report of a run; a failure is a warning, since the trials are kept."""
    try:
        with write_alone(store, study.name):
            print_report(study, store, store.reports / study.name, data, None, output)
    except (OutputLost, Unfinished):
        raise
    except Exception as error:  # Whatever happens here, the trials are done and kept.
        if isinstance(error, UserError):
            raise
        say(f"warning: no report, {type(error).__name__}: {one_line(error)}; the trials are kept")


def status(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    data: DataOption = None,
    tasks: TasksOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the progress of a sweep, from any terminal, and which trials failed and why."""
    from orchestrator.data_versions import describe_other_data

    opened = open_existing_store(store)
    if opened is None:
        raise UserError(f"--store: nothing was trained in {store}: name a store, or run the study")
    chosen = read_study(study, tasks, opened, data)
    show_plan(chosen, opened, None, as_json=as_json)
    warn(describe_other_data(chosen, opened, data))


def logs(
    trial: Annotated[
        str,
        typer.Argument(metavar="TRIAL", help="The signature of a trial, or its first characters."),
    ],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Show what is known about one trial: settings, epochs, scores, and why it failed."""
    from orchestrator.trial_log import find_trial, log_lines
    from trainers.records.store import Store

    opened = Store(store, create=False)
    for line in log_lines(opened, find_trial(opened, trial)):
        echo(line)
