"""The commands that write results: `report`, `export` and `best` of a study.

In: a store of finished trials. Out: tables, files for other programs, a model folder. Only
`best --retrain` trains.
"""

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli_print import Output, next_command, print_report
from orchestrator.endings import terminate_as_interrupt
from orchestrator.options import (
    DEFAULT_STORE,
    DataOption,
    DetailsOption,
    JsonOption,
    QuietOption,
    StoreOption,
    StudyArgument,
    TasksOption,
    TransposeOption,
    WideOption,
    WorthOption,
    points_to_share,
    read_study,
)
from orchestrator.paths import check_outside, path_or_uri_parser, path_parser
from orchestrator.say import echo, show_progress, warn
from search_spaces.errors import UserError
from search_spaces.study import Study
from search_spaces.text import one_line


def report(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    tasks: TasksOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=path_parser("--out"),
            help="Where to write (default: the store's reports folder).",
        ),
    ] = None,
    html: Annotated[bool, typer.Option("--html", help="Also write one page with figures.")] = False,
    figures: Annotated[
        bool, typer.Option("--figures", help="Write the main figures as PDF and PNG.")
    ] = False,
    all_figures: Annotated[
        bool, typer.Option("--all-figures", help="Write all figures, including those of each cell.")
    ] = False,
    intervals: Annotated[
        bool,
        typer.Option(
            "--intervals",
            help="Add 95 % intervals to every tested gain; --html and --figures do so, too.",
        ),
    ] = False,
    worth: WorthOption = None,
    wide: WideOption = False,
    transpose: TransposeOption = False,
    data: DataOption = None,
    details: DetailsOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the tables with their tests: LaTeX, Markdown, CSV and JSON; a page and figures."""
    from orchestrator.data_versions import describe_other_data
    from reports.page.publish import Extras
    from trainers.data.loading import check_folder
    from trainers.records.store import Store

    if data is not None:
        check_folder(data)
    opened = Store(store, create=False)
    chosen = read_study(study, tasks, opened, data)
    folder = out or opened.reports / chosen.name
    check_outside("--out", folder, opened.root, allowed=opened.reports)
    extras = Extras(
        html=html,
        figures=figures or all_figures,
        all_figures=all_figures,
        intervals=intervals or html or figures or all_figures,
        data=data,
        worth=points_to_share("--worth", worth),
        command=shlex.join(["catsweep", *sys.argv[1:]]),
    )
    options = {"--store": store, "--data": data, "--tasks": tasks}
    page = next_command("report", study, options, "--html", "--figures")
    output = Output(
        details=details,
        quiet=quiet,
        as_json=as_json,
        wide=wide,
        transpose=transpose,
        next=() if html else (page,),
        confirm=next_command("confirm", study, options),
    )
    print_report(chosen, opened, folder, data, extras, output)
    warn(describe_other_data(chosen, opened, data))


def export(
    study: StudyArgument,
    to: Annotated[str, typer.Option(help="csv, parquet, optuna or mlflow.")],
    out: Annotated[
        str | None,
        typer.Option(
            parser=path_or_uri_parser("--out"),
            help="The file, or a tracking server's URI (default: the store's exports).",
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    tasks: TasksOption = None,
    predictions: Annotated[
        bool, typer.Option("--predictions", help="Also write every prediction (csv and parquet).")
    ] = False,
) -> None:
    """Write all trials for other programs: tables, an Optuna storage, MLflow runs."""
    from orchestrator.data_versions import find_other_versions
    from reports.exports.targets import export as write
    from trainers.records.store import Store

    opened, watch = Store(store, create=False), partial(show_progress, "trials")
    if out is not None and "://" not in out:
        check_outside("--out", Path(out), opened.root, allowed=opened.exports)
    with terminate_as_interrupt():
        chosen = read_study(study, tasks, opened)
        warn(find_other_versions(chosen, None, opened))
        lines = write(chosen, opened, to, out, predictions=predictions, watch=watch)
    for line in lines:
        echo(one_line(line))


def best(
    study: StudyArgument,
    out: Annotated[
        Path,
        typer.Option(parser=path_parser("--out"), help="The model folder to write; a new one."),
    ],
    task: Annotated[
        str | None, typer.Option(help="The task whose best trial is wanted, if there are several.")
    ] = None,
    method: Annotated[str | None, typer.Option(help="Only trials of this method.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Only trials of this encoder.")] = None,
    store: StoreOption = DEFAULT_STORE,
    data: DataOption = None,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train that one trial again if no model is kept.")
    ] = False,
    license_: Annotated[
        str | None, typer.Option("--license", help="The model's licence, for its card: apache-2.0.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="The texts' language, for the card: en.")
    ] = None,
) -> None:
    """Write the best trial as a Hugging Face model folder, with a model card."""
    from orchestrator.best import ModelInfo, choose_trial, write_best
    from orchestrator.data_versions import find_other_versions
    from trainers.records.store import Store

    opened = Store(store, create=False)
    chosen = read_study(study, None, opened, data)
    check_outside("--out", out, opened.root, allowed=opened.exports)
    warn(find_other_versions(chosen, data, opened))
    found = choose_trial(chosen, opened, task or _only_task(chosen), method, encoder)
    with terminate_as_interrupt():
        about = ModelInfo(license=license_, language=language)
        line = write_best(chosen, opened, found, out, retrain=retrain, data=data, about=about)
    echo(one_line(line))


def _only_task(study: Study) -> str:
    """Return the task of a study that has only one."""
    if len(study.tasks) > 1:
        raise UserError(f"--task: name one of {', '.join(study.tasks)}")
    return study.tasks[0]
