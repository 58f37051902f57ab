"""The other commands: `new`, `check`, `compare`, `table` and `sync`.

In: a user's own files, two stored trials, or two stores. Out: a first study; a description of the
data and a test of own methods; a paired test; a table of predictions made elsewhere; copied trials.
"""

import csv
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.options import (
    DEFAULT_STORE,
    DataOption,
    DetailsOption,
    JsonOption,
    QuietOption,
    StoreOption,
    TasksOption,
    TransposeOption,
    WideOption,
    WorthOption,
    points_to_share,
)
from orchestrator.paths import path_or_uri_parser, path_parser
from orchestrator.say import echo, say, show_progress
from search_spaces.errors import UserError
from search_spaces.text import quoted


def new(
    folder: Annotated[
        Path,
        typer.Argument(
            parser=path_parser("folder"), help="Folder with train.csv and the other files."
        ),
    ],
    train: Annotated[
        Path | None,
        typer.Option(
            parser=path_parser("--train"), help="File of the training rows, if elsewhere."
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="The column of texts (two, separated by a comma, for pairs).")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The column of labels.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the task (default: the folder's).")
    ] = None,
) -> None:
    """Write a study and a task file for your own data."""
    from orchestrator.new_study import find_splits, guess_columns, make_task_name, write_study

    splits = {**find_splits(folder), **({"train": train} if train else {})}
    if "train" not in splits:
        raise UserError(f"{folder}: no train.csv, .tsv, .jsonl or .parquet: name one with --train")
    columns = guess_columns(splits["train"], _listed(text), label)
    chosen = make_task_name(name or folder.absolute().name)
    files = write_study(folder, chosen, splits, columns)
    for file in files:
        echo(f"written: {file}")
    say(f"next: catsweep check {files[-1]}; catsweep run {files[-1]}")


def check(
    what: Annotated[
        str,
        typer.Argument(
            metavar="STUDY|TASK|METHOD", help="A study, a task's file, or ./file.py@Class."
        ),
    ],
    data: DataOption = None,
    max_length: Annotated[
        int | None,
        typer.Option(min=4, help="Tokens to which texts are cut (default: the study's)."),
    ] = None,
) -> None:
    """Inspect a study's tasks (labels, lengths, duplicates) and try the steps of its methods."""
    from orchestrator.check import check_lines
    from orchestrator.say import screen_size
    from orchestrator.view_text import wrap_line

    width, _ = screen_size()
    for line in check_lines(what, data, max_length):
        text = line.lstrip()
        indent = " " * (len(line) - len(text))
        echo("\n".join(f"{indent}{part}" for part in wrap_line(text, width - len(indent))))


def compare(
    baseline: Annotated[
        str,
        typer.Argument(
            metavar="BASELINE",
            parser=path_or_uri_parser("baseline"),
            help="A stored trial's signature, or a CSV, TSV, JSONL or Parquet file.",
        ),
    ],
    system: Annotated[
        str,
        typer.Argument(
            metavar="SYSTEM",
            parser=path_or_uri_parser("system"),
            help="Another, with the same examples.",
        ),
    ],
    store: StoreOption = DEFAULT_STORE,
    split: Annotated[str, typer.Option(help="The split of stored trials.")] = "dev",
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", help="Separated by commas: accuracy, f1, mcc, macro_f1."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", help="All labels as a row of CSV; the second is the positive one of f1."
        ),
    ] = None,
    details: DetailsOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Test two systems on the same examples; a file has columns id, gold, prediction."""
    from orchestrator.say import screen_size
    from reports.compare import compare_pair, read_side
    from reports.compare_text import to_answer, to_dict, to_text

    sides = (read_side(name, store, split) for name in (baseline, system))
    found = compare_pair(*sides, metrics=_listed(metrics), labels=_listed(labels))
    width, _ = screen_size()
    if as_json:
        echo(json.dumps(to_dict(found), indent=1))
    elif quiet:
        echo(to_answer(found, width))
    else:
        echo(to_text(found, width, details=details))


def _listed(text: str | None) -> list[str]:
    """Split at commas, as a row of CSV: a part in double quotes may contain commas."""
    if not text:
        return [] if text is None else [""]
    return [part.strip() for row in csv.reader([text], skipinitialspace=True) for part in row]


def table(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            parser=path_parser("folder"),
            help="Holds SYSTEM/TASK.csv, or SYSTEM/TASK/SEED.csv.",
        ),
    ],
    baseline: Annotated[
        str, typer.Option(metavar="NAME", help="The system that all others are tested against.")
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[TASK=]METRIC",
            help="accuracy (by default), f1, mcc or macro_f1; may be repeated.",
        ),
    ] = None,
    positive: Annotated[
        list[str] | None,
        typer.Option(metavar="[TASK=]LABEL", help="The positive label of f1; may be repeated."),
    ] = None,
    tasks: TasksOption = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=path_parser("--out"), help="Where to write (default: FOLDER-tables)."),
    ] = None,
    html: Annotated[bool, typer.Option("--html", help="Also write one page.")] = False,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Also give intervals for gains of one seed.")
    ] = False,
    worth: WorthOption = None,
    wide: WideOption = False,
    transpose: TransposeOption = False,
    details: DetailsOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write tested tables of predictions made elsewhere; files have id, gold, prediction."""
    from orchestrator.cli_print import Output, write_tables
    from reports.page.publish import folder_page
    from reports.results.folder import read_folder
    from reports.tables.folder_table import folder_report
    from reports.verdicts.judge_folder import judge_folder

    results = read_folder(
        folder,
        baseline,
        _by_task("--metric", metric or []),
        _by_task("--positive", positive or []),
        _listed(tasks),
    )
    share = points_to_share("--worth", worth)
    report = folder_report(results, judge_folder(results, intervals=intervals), share)
    target = out or folder.with_name(f"{folder.absolute().name}-tables")
    pages = {f"{results.name}.html": folder_page(results, report, share)} if html else {}
    output = Output(details=details, quiet=quiet, as_json=as_json, wide=wide, transpose=transpose)
    write_tables([report], target, pages, output)


def _by_task(option: str, given: Sequence[str]) -> dict[str, str]:
    """Parse `TASK=VALUE`, or `VALUE` for all other tasks."""
    found: dict[str, str] = {}
    for text in given:
        task, _, value = text.rpartition("=")
        if not value.strip():
            raise UserError(f"{option}: expected TASK=VALUE or VALUE, got {quoted(text)}")
        if task.strip() in found:
            raise UserError(f"{option}: {task.strip() or 'a value for all tasks'} is given twice")
        found[task.strip()] = value.strip()
    return found


def sync(
    source: Annotated[
        Path,
        typer.Argument(metavar="FROM", parser=path_parser("FROM"), help="The store to copy from."),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TO", parser=path_parser("TO"), help="The store to copy to; made if need be."
        ),
    ],
) -> None:
    """Copy the trials that have ended from one store to another; nothing is overwritten."""
    from orchestrator.options import open_begun_store
    from orchestrator.sync import sync_stores
    from trainers.records.store import Store

    opened = Store(source, create=False)
    if target.resolve() == source.resolve():
        raise UserError(f"{target}: both stores are the same folder")
    open_begun_store(target)
    found = sync_stores(opened, Store(target, create=True), partial(show_progress, "trials"))
    trials = "1 trial" if found.copied == 1 else f"{found.copied:,} trials"
    echo(f"copied {trials} to {target}; {found.present:,} were there before")
    for names, problem in (
        (found.corrupt, "damaged in the source: `catsweep run --retry` trains them again"),
        (found.different, "finished in both with other results: those of the target stay"),
        (found.training, "in training in the target: sync again later"),
    ):
        if names:
            say(f"warning: not copied, {problem}: {', '.join(names)}")
    if found.corrupt or found.different:
        raise typer.Exit(1)
