"""What the commands take: their options, and the study and the store that these name.

In: what was typed. Out: types for typer; a checked study; an open store, or none.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.places import check_writable, place
from search_spaces.errors import UserError
from search_spaces.own_methods import import_method
from search_spaces.study import Study, load_study

if TYPE_CHECKING:
    from trainers.records.store import Store

DEFAULT_STORE = Path("catsweep-store")
MOST = 100_000
"""Trials at once, or threads: more than the largest clusters have cores for one study."""

StudyArgument = Annotated[str, typer.Argument(help="A shipped study's name, or a YAML file.")]
StoreOption = Annotated[
    Path,
    typer.Option(
        "--store",
        envvar="CATSWEEP_STORE",
        parser=place("--store"),
        help="The folder of finished trials.",
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="CATSWEEP_DATA",
        parser=place("--data"),
        help="A folder of the tasks' files; without it, the hub.",
    ),
]
TasksOption = Annotated[
    str | None, typer.Option("--tasks", help="Only these of the study's tasks, by commas.")
]
SlotsOption = Annotated[
    int | None,
    typer.Option("--slots", min=1, max=MOST, help="Trials at once (default: one per core)."),
]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, max=MOST, help="CPU threads of each trial.")
]
GpusOption = Annotated[
    str | None,
    typer.Option(
        "--gpus-per-trial",
        help="GPUs of each (default: one if there is one, none with --address); auto: measured.",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="A Ray cluster's address (auto: the one of this node)."),
]
CheckpointOption = Annotated[
    float,
    typer.Option("--checkpoint-every", help="Seconds between a trial's checkpoints."),
]
TrackOption = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="TOOL[:PLACE]",
        help="Follow the trials in tensorboard, wandb, mlflow or trackio; may be repeated.",
    ),
]
RetryOption = Annotated[
    bool, typer.Option("--retry", help="Train failed, corrupt and outdated trials again.")
]
WorthOption = Annotated[
    float | None,
    typer.Option("--worth", min=0.01, max=100, help="The smallest gain in points that matters."),
]
WideOption = Annotated[
    bool, typer.Option("--wide", help="LaTeX: let every table span both columns of a page.")
]
TransposeOption = Annotated[
    bool, typer.Option("--transpose", help="LaTeX: tasks as rows, methods as columns.")
]
DetailsOption = Annotated[
    bool, typer.Option("--details", help="Print the tables and each test before the answer.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print the answer alone.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def read_study(
    name: str,
    tasks: str | None,
    store: "Store | None",
    data: Path | None = None,
    *,
    to_train: bool = False,
) -> Study:
    """Load a study with the rows of its own tasks; to train it, its encoders must be there.

    Without their files the store may know the rows. The code of its own methods is run to train it,
    and for nothing else.
    """
    from orchestrator.data_versions import with_own_data
    from orchestrator.own_code import remembered, with_own_metrics
    from orchestrator.preflight import check_encoders, check_examples, check_names, check_tables

    study = load_study(name, import_method if to_train else remembered(store))
    study = with_own_metrics(study, store, to_train=to_train)
    check_tables(study)
    if tasks is not None:
        study = study.narrow([task.strip() for task in tasks.split(",")])
    check_names(study)
    if to_train:
        check_encoders(study)
    check_examples(study)
    return with_own_data(study, data, store)


def existing_store(store: Path) -> "Store | None":
    """Open the store if there is one: plan and status answer without one, too."""
    from trainers.records.files import list_folder, path_exists
    from trainers.records.store import Store

    nothing = not path_exists(store) or (store.is_dir() and not list_folder(store))
    return None if nothing else Store(store, create=False)


def begun_store(store: Path) -> "Store | None":
    """Open the store that `run` goes on with; None where it is to make one, and can."""
    from trainers.records.store import Store

    try:
        there = (store / "store.json").exists() or (store.exists() and not store.is_dir())
    except OSError:
        there = True  # Opening it says what is wrong.
    if there:
        return Store(store, create=False)
    check_writable("store", store)
    return None


def as_share(option: str, points: float | None) -> float | None:
    """Read points, which are per cent, as a number from 0 to 1."""
    if points is not None and not math.isfinite(points):
        raise UserError(f"{option}: expected points, got {points}")
    return None if points is None else points / 100
