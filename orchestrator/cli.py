"""The command line: `catsweep plan|run|status|report|export|best STUDY`, `compare A B`.

Help and errors answer in under a second: whatever imports torch, Ray or scipy is imported where it
is used. Exit codes: 0 all done, 1 some trials failed (or standard output did), 2 the input was
wrong, 75 (EX_TEMPFAIL) Ray ended before the trials did, so that the same command goes on, 130
interrupted. `main.py` runs this as a process.
"""

import atexit
import csv
import gc
import json
import math
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli_print import print_report, show_plan, troubles
from orchestrator.endings import (
    INTERRUPTED,
    INTERRUPTED_LINE,
    UNFINISHED,
    terminate_as_interrupt,
    unfinished_line,
)
from orchestrator.options import (
    DEFAULT_STORE,
    MOST,
    DataOption,
    JsonOption,
    StoreOption,
    StudyArgument,
    TasksOption,
    existing_store,
    read_study,
)
from orchestrator.places import check_outside, place, target
from orchestrator.say import echo, explain, say, watched
from search_spaces.errors import OutputLost, Unfinished, UserError
from search_spaces.study import Study
from search_spaces.text import one_line

if TYPE_CHECKING:
    from trainers.records.store import Store

app = typer.Typer(
    name="catsweep",
    help="Sweep, resume and significance-test fine-tuning methods for text classifiers.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


BROKEN_PIPE = 141
"""What a shell says of a program whose reader is gone, as in `| head`."""


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        say(f"warning: {line}")


def _tell_version(wanted: bool) -> None:
    if wanted:
        echo(f"catsweep {version('catsweep')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take what stands before a command."""


@app.command()
def plan(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    tasks: TasksOption = None,
    slots: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="Trials at once, for the time.")
    ] = None,
    data: DataOption = None,
    detect: Annotated[
        float | None,
        typer.Option(min=0.01, max=100, help="A gain in points: what it takes to find it."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what `run` would do, what it costs, and what gain its results could show."""
    from orchestrator.data_versions import data_notes
    from orchestrator.job import cores
    from orchestrator.preflight import deviations

    opened, at_once = existing_store(store), slots or cores()
    chosen = read_study(study, tasks, opened, data, to_train=True)
    notes = deviations(chosen, data)
    if detect is not None and not math.isfinite(detect):
        raise UserError(f"--detect: expected points, got {detect}")
    gain = None if detect is None else detect / 100
    show_plan(chosen, opened, at_once, ahead=True, as_json=as_json, detect=gain)
    _warn([*notes, *data_notes(chosen, opened, data)])


@app.command()
def status(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    data: DataOption = None,
    tasks: TasksOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where a sweep is, from any terminal, while it runs or after; what failed, and why."""
    from orchestrator.data_versions import data_notes

    opened = existing_store(store)
    chosen = read_study(study, tasks, opened, data)
    show_plan(chosen, opened, None, as_json=as_json)
    _warn(data_notes(chosen, opened, data))


@app.command()
def run(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    data: DataOption = None,
    tasks: TasksOption = None,
    slots: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="Trials at once (default: one per core).")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="CPU threads of each trial.")
    ] = None,
    gpus_per_trial: Annotated[
        str | None,
        typer.Option(
            help="GPUs of each (default: one if there is one, none with --address); auto: measured."
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
        str | None, typer.Option(help="40: settings of each cell; 2h: hours of this run; 40,2h.")
    ] = None,
    search_seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of random and tpe.")] = 0,
    keep_checkpoints: Annotated[
        str, typer.Option(help="Which trained models stay: best (one per cell), all or none.")
    ] = "best",
    track: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOOL[:PLACE]",
            help="Follow the trials in tensorboard, wandb, mlflow or trackio; may be repeated.",
        ),
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option(parser=place("--tensorboard"), help="Short for --track tensorboard:FOLDER."),
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Train failed, corrupt and outdated trials again.")
    ] = False,
) -> None:
    """Train what the store lacks, then write the report. Run it again to resume."""
    from orchestrator.cli_run import run_study
    from orchestrator.job import Resources, parse_gpus
    from orchestrator.search import Search, parse_budget
    from orchestrator.tracking import parse_tracks
    from trainers.checkpoints import parse_keep
    from trainers.records.store import State

    if not math.isfinite(checkpoint_every):
        raise UserError(f"--checkpoint-every: expected seconds, got {checkpoint_every}")
    resources = Resources(
        slots=slots,
        threads=threads,
        gpus_per_trial=parse_gpus(gpus_per_trial),
        address=address,
        checkpoint_every=checkpoint_every,
        track=parse_tracks(track or [], tensorboard),
    )
    most, hours = parse_budget(budget)
    how = Search(name=search, scheduler=scheduler, settings=most, hours=hours, seed=search_seed)
    keep = parse_keep(keep_checkpoints)
    ran = run_study(study, store, data, tasks, resources, how, keep, retry=retry)
    chosen, opened, done = ran.study, ran.store, ran.plan
    for line in troubles(done, opened):
        say(line)
    print_report(chosen, opened, _reports_folder(chosen, opened), data, None, as_json=False)
    say(_page_hint(study, {"--store": store, "--data": data, "--tasks": tasks}))
    unfinished = how.wanted(done) if how.hours is None else []
    if unfinished or done.count(State.FAILED) or done.count(State.CORRUPT):
        raise typer.Exit(1)


def _page_hint(study: str, options: Mapping[str, object]) -> str:
    """The command that writes the page of this very run, with what its options were."""
    given = [part for name, value in options.items() if value for part in (name, str(value))]
    command = shlex.join(["catsweep", "report", study, *given, "--html", "--figures"])
    return f"for a page with pictures, and figures for a paper: {command}"


@app.command()
def report(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    tasks: TasksOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=place("--out"), help="Where to write (default: the store's reports folder)."
        ),
    ] = None,
    html: Annotated[
        bool, typer.Option("--html", help="Write one page with pictures, too.")
    ] = False,
    figures: Annotated[
        bool, typer.Option("--figures", help="Write the pictures as PDF and PNG, too.")
    ] = False,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Give every tested gain its interval, too.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the tables with their tests: LaTeX, Markdown, CSV and JSON; a page and figures."""
    from orchestrator.data_versions import data_notes
    from reports.page.publish import Extras
    from trainers.data.loading import check_folder
    from trainers.records.store import Store

    if data is not None:
        check_folder(data)
    opened = Store(store, create=False)
    chosen = read_study(study, tasks, opened, data)
    folder = out or _reports_folder(chosen, opened)
    check_outside("--out", folder, opened.root, but=opened.reports)
    extras = Extras(html=html, figures=figures, intervals=intervals, data=data)
    print_report(chosen, opened, folder, data, extras, as_json=as_json)
    _warn(data_notes(chosen, opened, data))


def _reports_folder(study: Study, store: "Store") -> Path:
    return store.reports / study.name


@app.command()
def export(
    study: StudyArgument,
    to: Annotated[str, typer.Option(help="csv, parquet, optuna or mlflow.")],
    out: Annotated[
        str | None,
        typer.Option(
            parser=target("--out"),
            help="The file, or a tracking server's URI (default: the store's exports).",
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    tasks: TasksOption = None,
    predictions: Annotated[
        bool, typer.Option("--predictions", help="Every prediction, too: csv and parquet.")
    ] = False,
) -> None:
    """Write all trials for other programs: tables, an Optuna storage, MLflow runs."""
    from orchestrator.data_versions import other_versions
    from reports.exports.targets import export as write
    from trainers.records.store import Store

    opened, watch = Store(store, create=False), partial(watched, "trials")
    if out is not None and "://" not in out:
        check_outside("--out", Path(out), opened.root, but=opened.exports)
    with terminate_as_interrupt():
        chosen = read_study(study, tasks, opened)
        _warn(other_versions(chosen, None, opened))
        lines = write(chosen, opened, to, out, predictions=predictions, watch=watch)
    for line in lines:
        echo(one_line(line))


@app.command()
def best(
    study: StudyArgument,
    task: Annotated[str, typer.Option(help="The task whose best trial is wanted.")],
    out: Annotated[
        Path, typer.Option(parser=place("--out"), help="The model folder to write; a new one.")
    ],
    method: Annotated[str | None, typer.Option(help="Only trials of this method.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Only trials of this encoder.")] = None,
    store: StoreOption = DEFAULT_STORE,
    data: DataOption = None,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train that one trial again if no model is kept.")
    ] = False,
) -> None:
    """Write the best trial as a Hugging Face model folder, with a model card."""
    from orchestrator.best import choose, write_best
    from orchestrator.data_versions import other_versions
    from trainers.records.store import Store

    opened = Store(store, create=False)
    chosen = read_study(study, None, opened, data)
    check_outside("--out", out, opened.root, but=opened.exports)
    _warn(other_versions(chosen, data, opened))
    found = choose(chosen, opened, task, method, encoder)
    with terminate_as_interrupt():
        line = write_best(chosen, opened, found, out, retrain=retrain, data=data)
    echo(one_line(line))


@app.command()
def check(
    what: Annotated[
        str,
        typer.Argument(
            metavar="STUDY|TASK|METHOD", help="A study, a task's file, or ./file.py@Class."
        ),
    ],
    data: DataOption = None,
    max_length: Annotated[
        int | None, typer.Option(min=4, help="Tokens to which texts are cut (the study's).")
    ] = None,
) -> None:
    """Look at a study's tasks (labels, lengths, duplicates) and try the steps of its methods."""
    from orchestrator.check import check_lines

    for line in check_lines(what, data, max_length):
        echo(line)


@app.command()
def new(
    folder: Annotated[
        Path, typer.Argument(parser=place("folder"), help="Where train.csv and the others are.")
    ],
    train: Annotated[
        Path | None, typer.Option(parser=place("--train"), help="The training rows, elsewhere.")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="The column of texts (two by commas: pairs).")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The column of labels.")] = None,
    name: Annotated[str | None, typer.Option(help="The task's name (the folder's).")] = None,
) -> None:
    """Write a study and a task of your own, from a look at your data; then run them."""
    from orchestrator.new_study import find_splits, guess_columns, task_name, write_study

    splits = {**find_splits(folder), **({"train": train} if train else {})}
    if "train" not in splits:
        raise UserError(f"{folder}: no train.csv, .tsv, .jsonl or .parquet: name one, --train")
    columns = guess_columns(splits["train"], _listed(text), label)
    chosen = task_name(name or folder.absolute().name)
    files = write_study(folder, chosen, splits, columns)
    for file in files:
        echo(f"written: {file}")
    say(f"next: catsweep check {files[-1]}; catsweep run {files[-1]}")


@app.command()
def compare(
    baseline: Annotated[
        str,
        typer.Argument(
            parser=target("baseline"),
            help="A stored trial's signature, or a CSV, JSONL or Parquet file.",
        ),
    ],
    system: Annotated[
        str, typer.Argument(parser=target("system"), help="Another, with the same examples.")
    ],
    store: StoreOption = DEFAULT_STORE,
    split: Annotated[str, typer.Option(help="The split of stored trials.")] = "dev",
    metrics: Annotated[
        str | None, typer.Option("--metrics", help="By commas: accuracy, f1, mcc, macro_f1.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option("--labels", help="All labels as a row of CSV, f1's positive one second."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Test two systems on the same examples; a file has columns id, gold, prediction."""
    from reports.compare import compare_pair, read_side
    from reports.compare_text import to_dict, to_text

    sides = (read_side(name, store, split) for name in (baseline, system))
    found = compare_pair(*sides, metrics=_listed(metrics), labels=_listed(labels))
    echo(json.dumps(to_dict(found), indent=1) if as_json else to_text(found))


def _listed(text: str | None) -> list[str]:
    """Split at commas, as a row of CSV: a part in double quotes may hold some."""
    if not text:
        return [] if text is None else [""]
    return [part.strip() for row in csv.reader([text], skipinitialspace=True) for part in row]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; the user's mistakes become one line and exit code 2."""
    # Imports and records make many objects and hardly any garbage: look for it less often, and not
    # once more at exit.
    gc.set_threshold(100_000, 20, 50)
    atexit.register(gc.freeze)
    sys.exit(_run(arguments))


def _check_current_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise UserError(f"the current folder is gone ({error.strerror}): cd to another") from error


def _run(arguments: Sequence[str] | None) -> int:
    try:
        _check_current_folder()
        result = app(args=arguments, prog_name="catsweep", standalone_mode=False)
    except UserError as error:
        say(f"catsweep: {error}")
        return 2
    except OutputLost as error:
        if not error.quietly:
            say(f"catsweep: {error}")
        return BROKEN_PIPE if error.quietly else 1
    except Unfinished as error:
        say(unfinished_line(error))
        return UNFINISHED
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except Exception as error:
        message = getattr(error, "format_message", None)  # Typer's usage errors have one.
        if message is None:
            raise
        said = message()  # The help itself where no command was given.
        if said.startswith("Usage:"):
            explain(said)
        else:
            say(f"catsweep: {said} (see catsweep --help)")
        return 2
    if result == INTERRUPTED:
        say(INTERRUPTED_LINE)
    return result if isinstance(result, int) else 0
