"""The command line: `catsweep plan|run|status|report STUDY` and `catsweep compare A B`.

Help and errors answer in under a second: whatever imports torch, Ray or scipy is imported where it
is used. Exit codes: 0 all done, 1 some trials failed, 2 the input was wrong, 130 interrupted.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search_spaces.errors import UserError
from search_spaces.study import Study, load_study

if TYPE_CHECKING:
    from orchestrator.job import Resources
    from orchestrator.plan import Plan
    from orchestrator.search import Search
    from reports.publish import Extras
    from trainers.store import Store

app = typer.Typer(
    name="catsweep",
    help="Sweep, resume and significance-test fine-tuning methods for text classifiers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

StudyArgument = Annotated[str, typer.Argument(help="A shipped study's name, or a YAML file.")]
StoreOption = Annotated[
    Path, typer.Option("--store", envvar="CATSWEEP_STORE", help="The folder of finished trials.")
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", envvar="CATSWEEP_DATA", help="A folder of CSV files; without it, the hub."
    ),
]
TasksOption = Annotated[
    str | None, typer.Option("--tasks", help="Only these of the study's tasks, by commas.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DEFAULT_STORE = Path("catsweep-store")
INTERRUPTED = 130


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _study(name: str, tasks: str | None) -> Study:
    from orchestrator.preflight import check_names

    study = load_study(name)
    if tasks is not None:
        study = study.narrow([task.strip() for task in tasks.split(",")])
    check_names(study)
    return study


def _existing(store: Path) -> "Store | None":
    """Open the store if there is one: plan and status answer without one, too."""
    from trainers.store import Store

    return Store(store, create=False) if store.exists() else None


@app.command()
def plan(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    tasks: TasksOption = None,
    slots: Annotated[int | None, typer.Option(min=1, help="Trials at once, for the time.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what `run` would do: trials per cell, done and missing, time left and GPU-hours."""
    from orchestrator.preflight import deviations

    chosen = _study(study, tasks)
    _show(chosen, store, slots or os.cpu_count(), as_json, ahead=True)
    for line in deviations(chosen, data):
        _say(f"warning: {line}")


@app.command()
def status(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    tasks: TasksOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the same while a sweep runs, from another terminal, with its failures."""
    _show(_study(study, tasks), store, None, as_json)


def _show(
    study: Study, store: Path, slots: int | None, as_json: bool, *, ahead: bool = False
) -> None:
    from orchestrator import progress
    from orchestrator.outlook import look_ahead, outlook_json, outlook_lines

    opened = _existing(store)
    view = progress.look(study.name, study.trials(), opened, slots)
    outlook = look_ahead(study, view.plan, opened) if ahead else None
    if as_json:
        more = {"outlook": outlook_json(outlook)} if outlook else {}
        typer.echo(json.dumps(progress.as_json(view) | more, indent=1))
        return
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(progress.panel(view, outlook))
    lines = [*(outlook_lines(outlook) if outlook else []), *_troubles(view.plan, opened)]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _troubles(plan: "Plan", store: "Store | None") -> list[str]:
    """Say of each failed or corrupt trial what is wrong with it."""
    from trainers.store import CorruptTrial, State

    lines = []
    for trial in plan.having(State.FAILED, State.CORRUPT) if store else []:
        try:
            if store and plan.states[trial.signature] is State.FAILED:
                failure = store.failure(trial.signature)
                what = f"{trial.signature} {trial.describe()}"
                lines.append(f"failed ({failure.kind}): {what}: {failure.reason}")
            elif store:
                store.record(trial.signature)
        except CorruptTrial as error:
            lines.append(str(error))
    return lines


@app.command()
def run(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    data: DataOption = None,
    tasks: TasksOption = None,
    slots: Annotated[
        int | None, typer.Option(min=1, help="Trials at once (default: one per core).")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of each trial.")] = None,
    gpus_per_trial: Annotated[
        str | None,
        typer.Option(
            help="GPUs of each (default: one if there is one); 0.25: four share; auto: measured."
        ),
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="A Ray cluster's address (auto: the one of this node).")
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(min=0.1, help="Seconds between a trial's checkpoints.")
    ] = 120.0,
    search: Annotated[
        str, typer.Option(help="Which trials run: grid (all), random or tpe, with a budget.")
    ] = "grid",
    scheduler: Annotated[
        str, typer.Option(help="Stop hopeless trials early: asha or median; fifo stops none.")
    ] = "fifo",
    budget: Annotated[
        str | None, typer.Option(help="40: trials of each cell; 2h: hours of this run; 40,2h.")
    ] = None,
    search_seed: Annotated[int, typer.Option(min=0, help="Of random and tpe.")] = 0,
    retry: Annotated[
        bool, typer.Option("--retry", help="Train failed and corrupt trials again.")
    ] = False,
) -> None:
    """Train what the store lacks, then write the report. Run it again to resume."""
    from orchestrator.job import Resources, parse_gpus
    from orchestrator.preflight import check_files_of
    from orchestrator.search import Search, parse_budget
    from trainers.store import State, Store

    resources = Resources(
        slots=slots,
        threads=threads,
        gpus_per_trial=parse_gpus(gpus_per_trial),
        address=address,
        checkpoint_every=checkpoint_every,
    )
    most, hours = parse_budget(budget)
    how = Search(name=search, scheduler=scheduler, trials=most, hours=hours, seed=search_seed)
    chosen = _study(study, tasks)
    how.check(len(chosen.seeds))
    check_files_of(chosen, data)
    opened = Store(store, create=True)
    _clear_the_way(chosen, opened, retry)
    done = _train(chosen, opened, data, resources, how)
    for line in _troubles(done, opened):
        _say(line)
    _report(chosen, opened, _reports_folder(chosen, opened), data, None, as_json=False)
    unfinished = how.wanted(done) if how.hours is None else []
    if unfinished or done.count(State.FAILED) or done.count(State.CORRUPT):
        raise typer.Exit(1)


def _clear_the_way(study: Study, store: "Store", retry: bool) -> None:
    """Refuse to go on over corrupt trials, or set them and the failed ones aside on request."""
    from orchestrator.plan import make_plan
    from trainers.store import State

    plan = make_plan(study.name, study.trials(), store)
    for trial in plan.having(State.CORRUPT, State.FAILED) if retry else []:
        _say(f"set aside: {store.set_aside(trial.signature)}")
    for trial in [] if retry else plan.having(State.CORRUPT):
        store.record(trial.signature)
    failed = 0 if retry else plan.count(State.FAILED)
    if failed:
        _say(f"{failed} trials failed before and are left alone; --retry trains them again")


def _train(
    study: Study, store: "Store", data: Path | None, resources: "Resources", search: "Search"
) -> "Plan":
    from orchestrator import progress
    from orchestrator.job import Job, this_machine
    from orchestrator.plan import make_plan
    from orchestrator.preflight import check_address, check_all
    from trainers.store import State

    trials = study.trials()
    plan = make_plan(study.name, trials, store)
    missing = search.wanted(plan)
    if not missing:
        _say(f"{study.name}: nothing to train, {plan.count(State.DONE)} trials are done")
        return plan
    slots = resources.resolve(*this_machine())
    _say(progress.headline(progress.look(study.name, trials, store, slots.at_once)))
    _say(f"store {store.root}; {slots}; checking data and encoders")
    check_address(resources.address)
    for line in check_all(missing, data):
        _say(f"warning: {line}")
    from orchestrator.supervisor import sweep

    job = Job(
        store=store.root,
        identity=store.mark.identity,
        data=data.absolute() if data else None,
        threads=slots.threads,
        checkpoint_every=resources.checkpoint_every,
    )
    with progress.live(study.name, trials, store, slots.at_once):
        return sweep(study.name, trials, store, job, slots, search, resources.address)


@app.command()
def report(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    tasks: TasksOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write (default: the store's reports folder).")
    ] = None,
    html: Annotated[
        bool, typer.Option("--html", help="Write one page with pictures, too.")
    ] = False,
    figures: Annotated[
        bool, typer.Option("--figures", help="Write the pictures as PDF and PNG, too.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the tables with their tests: LaTeX, Markdown, CSV and JSON; a page and figures."""
    from reports.publish import Extras
    from trainers.store import Store

    chosen = _study(study, tasks)
    opened = Store(store, create=False)
    folder = out or _reports_folder(chosen, opened)
    extras = Extras(html=html, figures=figures, data=data)
    _report(chosen, opened, folder, data, extras, as_json=as_json)


def _reports_folder(study: Study, store: "Store") -> Path:
    return store.root / "reports" / study.name


def _report(
    study: Study,
    store: "Store",
    folder: Path,
    data: Path | None,
    extras: "Extras | None",
    *,
    as_json: bool,
) -> None:
    from reports.markdown import to_markdown
    from reports.plain import to_json
    from reports.publish import publish
    from reports.study_reports import study_reports
    from reports.write import comparisons_of, write_reports

    reports = study_reports(study, store, data)
    try:
        files = write_reports(reports, folder)
        files += publish(study, store, reports, folder, extras) if extras else []
    except OSError as error:
        raise UserError(f"cannot write reports to {folder}: {error.strerror}") from error
    if as_json:
        tables = [json.loads(to_json(report.table)) for report in reports]
        both = {"tables": tables, "comparisons": comparisons_of(reports)}
        typer.echo(json.dumps(both, indent=1))
        return
    for report in reports:
        typer.echo(to_markdown(report.table))
    _say(f"written to {folder}: {', '.join(file.name for file in files)}")


@app.command()
def compare(
    baseline: Annotated[
        str, typer.Argument(help="A stored trial, or a CSV, JSONL or Parquet file.")
    ],
    system: Annotated[str, typer.Argument(help="Another, with the same examples.")],
    store: StoreOption = DEFAULT_STORE,
    split: Annotated[str, typer.Option(help="The split of stored trials.")] = "dev",
    metrics: Annotated[
        str | None, typer.Option("--metrics", help="By commas: accuracy, f1, mcc, macro_f1.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option("--labels", help="All labels by commas, f1's positive one second.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Test two systems on the same examples; a file has columns id, gold, prediction."""
    from reports.compare import compare_pair, read_side
    from reports.compare_text import to_dict, to_text

    sides = (read_side(name, store, split) for name in (baseline, system))
    found = compare_pair(*sides, metrics=_listed(metrics), labels=_listed(labels))
    typer.echo(json.dumps(to_dict(found), indent=1) if as_json else to_text(found))


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in text.split(",")] if text is not None else []


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; the user's mistakes become one line and exit code 2."""
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = app(args=arguments, prog_name="catsweep", standalone_mode=False)
    except UserError as error:
        _say(f"catsweep: {error}")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except Exception as error:
        message = getattr(error, "format_message", None)  # Typer's usage errors have one.
        if message is None:
            raise
        _say(f"catsweep: {message()} (see catsweep --help)")
        return 2
    if result == INTERRUPTED:
        _say("catsweep: interrupted; finished trials are kept, run the same command to resume")
    return result if isinstance(result, int) else 0
