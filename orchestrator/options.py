"""The options of the commands, and the study and the store that they name.

In: the arguments of a command. Out: types for typer; a checked study; an open store, or none.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.paths import check_writable, path_parser
from search_spaces.errors import UserError
from search_spaces.own_methods import import_method
from search_spaces.study import Study, load_study

if TYPE_CHECKING:
    from trainers.records.store import Store

DEFAULT_STORE = Path("catsweep-store")
MAX_PARALLEL = 100_000
"""Most trials at once, or threads per trial: more than the cores of the largest clusters."""


def complete_study(beginning: str) -> list[str]:
    """Return the shipped studies whose names begin so; a shell completes files itself."""
    from search_spaces.study import list_shipped_studies

    return [name for name in list_shipped_studies() if name.startswith(beginning)]


StudyArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="Name of a shipped study, or a YAML file.",
        autocompletion=complete_study,
    ),
]
StoreOption = Annotated[
    Path,
    typer.Option(
        "--store",
        metavar="FOLDER",
        envvar="CATSWEEP_STORE",
        parser=path_parser("--store"),
        help="Folder of finished trials.",
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        envvar="CATSWEEP_DATA",
        parser=path_parser("--data"),
        help="Folder with the tasks' files (default: the Hugging Face hub).",
    ),
]
TasksOption = Annotated[
    str | None,
    typer.Option(
        "--tasks", metavar="NAMES", help="Only these tasks of the study, separated by commas."
    ),
]
SlotsOption = Annotated[
    int | None,
    typer.Option(
        "--slots",
        metavar="N",
        min=1,
        max=MAX_PARALLEL,
        help="Trials at once (default: one per core).",
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads", metavar="N", min=1, max=MAX_PARALLEL, help="CPU threads of each trial."
    ),
]
GpusOption = Annotated[
    str | None,
    typer.Option(
        "--gpus-per-trial",
        metavar="N",
        help="GPUs per trial (default: 1 if available, 0 with --address); auto: measured.",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Address of a Ray cluster (auto: the cluster of this node).",
    ),
]
CheckpointOption = Annotated[
    float,
    typer.Option(
        "--checkpoint-every", metavar="SECONDS", help="Seconds between a trial's checkpoints."
    ),
]
TrackOption = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="TOOL[:PLACE]",
        help="Log the trials to tensorboard, wandb, mlflow or trackio; may be repeated.",
    ),
]
NoWaitOption = Annotated[
    bool,
    typer.Option(
        "--no-wait", help="End when only other runs are still training, as in job arrays."
    ),
]
RetryOption = Annotated[
    bool, typer.Option("--retry", help="Train failed, corrupt and outdated trials again.")
]
WorthOption = Annotated[
    float | None,
    typer.Option(
        "--worth",
        metavar="POINTS",
        min=0.01,
        max=100,
        help="The smallest gain in points that matters.",
    ),
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
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the answer.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def read_study(
    name: str,
    tasks: str | None,
    store: "Store | None",
    data: Path | None = None,
    *,
    to_train: bool = False,
) -> Study:
    """Load and check a study, with the rows of its own tasks.

    The rows come from the tasks' files or, without them, from the store. With `to_train`, encoders
    are checked as well, and the code of the study's own methods is imported; otherwise it is not.

    Raises:
        UserError: the study, its tasks or its methods are wrong.
    """
    from orchestrator.data_versions import add_own_data
    from orchestrator.own_code import load_own_metrics, make_method_finder
    from orchestrator.preflight import check_encoders, check_examples, check_names, check_tables

    study = load_study(name, import_method if to_train else make_method_finder(store))
    study = load_own_metrics(study, store, to_train=to_train)
    check_tables(study)
    if tasks is not None:
        study = study.narrow([task.strip() for task in tasks.split(",")])
    check_names(study)
    if to_train:
        check_encoders(study)
    check_examples(study)
    return add_own_data(study, data, store)


def open_existing_store(store: Path) -> "Store | None":
    """Open the store if there is one, else return None: plan and status work without a store."""
    from trainers.records.files import list_folder, path_exists
    from trainers.records.store import Store

    is_empty = not path_exists(store) or (store.is_dir() and not list_folder(store))
    return None if is_empty else Store(store, create=False)


def open_begun_store(store: Path) -> "Store | None":
    """Open the store that `run` continues; None if it has to create one.

    Raises:
        UserError: the store cannot be opened or created.
    """
    from trainers.records.store import Store

    try:
        exists = (store / "store.json").exists() or (store.exists() and not store.is_dir())
    except OSError:
        exists = True  # Opening it reports what is wrong.
    if exists:
        return Store(store, create=False)
    check_writable("store", store)
    return None


def points_to_share(option: str, points: float | None) -> float | None:
    """Convert points (per cent) to a number from 0 to 1; UserError unless finite."""
    if points is not None and not math.isfinite(points):
        raise UserError(f"{option}: expected a number of points, got {points}")
    return None if points is None else points / 100
