"""The commands beside a sweep: `new` and `check` before it, `compare` of any two systems.

In: a user's own files, or two stored trials. Out: a study to begin with; what is in the data and
whether own methods work; a paired test.
"""

import csv
import json
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.options import DEFAULT_STORE, DataOption, JsonOption, StoreOption
from orchestrator.places import place, target
from orchestrator.say import echo, say
from search_spaces.errors import UserError


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
