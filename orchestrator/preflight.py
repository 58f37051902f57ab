"""Checks before training: they find a wrong task, file, column or encoder.

In: a study or trials, and the data folder. Out: a UserError, or nothing but the warnings of
`find_deviations` and `check_all`. Names and files are checked quickly; `check_all` loads every task
and encoder once, as a worker will, which also fills the hub's cache.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from search_spaces.cells import group_by_cell
from search_spaces.errors import UserError
from search_spaces.layouts import data_layouts, paper_layouts
from search_spaces.part import Part
from search_spaces.shipped_tasks import TASKS
from search_spaces.study import Study
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig
from trainers.data.csv_files import read_csv_rows
from trainers.data.hub import locate_encoder
from trainers.data.identity import check_metric_names
from trainers.data.loading import check_files, check_folder, compare_counts, selection_split

COUNTED_BYTES = 32 * 2**20
"""Rows of larger files are not counted before a run: that takes a second or more."""


def check_names(study: Study) -> None:
    """Check that every task is known, and has a split to select on."""
    with _name_study(study):
        for part in study.parts:
            for name in part.tasks:
                task = study.task(name)
                check_metric_names(task)
                selection_split(task, part)


def check_encoders(study: Study) -> None:
    """Check that packaged encoders are installed, and that encoder folders exist."""
    with _name_study(study):
        for part in study.parts:
            for name in part.encoders:
                locate_encoder(name)
            if part.difficulty == "encoder":
                locate_encoder(part.difficulty_encoder)


@contextmanager
def _name_study(study: Study) -> Iterator[None]:
    """Add the name of the study to errors."""
    try:
        yield
    except UserError as error:
        raise UserError(f"study {study.name}: {error}") from error


def check_tables(study: Study) -> None:
    """Check that each table of the paper is listed in a part with at least one of its tasks."""
    if not study.tables:
        return
    tasks_by_table = {number: layout.columns for number, layout in paper_layouts().items()}
    tasks_by_table |= {number: layout.describes for number, layout in data_layouts().items()}
    for number in study.tables:
        tasks = {task for part in study.parts if number in part.tables for task in part.tasks}
        if tasks.isdisjoint(tasks_by_table[number]):
            raise UserError(
                f"study {study.name}: tables: table {number} shows"
                f" {', '.join(tasks_by_table[number])}, and none of them is among the tasks of its"
                f" part; remove {number} from tables"
            )


def check_examples(study: Study) -> None:
    """Check that a task is scored on the same examples in all parts of a study.

    All trials of a cell must be selected on one split, too. Two methods may differ in it: that only
    costs them a mark. Without this check a report would fail after training.
    """
    first: dict[tuple[str, str], object] = {}
    for part in (part for part in study.parts if part.methods):
        for task, name in product(part.tasks, _list_example_settings(part)):
            value = getattr(part, name)
            if first.setdefault((task, name), value) != value:
                raise UserError(
                    f"study {study.name}: {name} of task {task} is {first[task, name]} in one part"
                    f" and {value} in another, and a report cannot combine them: make two studies"
                )
    selections = {
        (task, part.select_on) for part in study.parts for task in part.tasks if part.methods
    }
    if len(selections) > len({task for task, _ in selections}):
        for cell, trials in group_by_cell(study).items():
            if len({trial.select_on for trial in trials}) > 1:
                raise UserError(
                    f"study {study.name}: some trials of {' '.join(cell)} have select_on: dev and"
                    " others heldout, and a report cannot combine them: make two studies"
                )


def _list_example_settings(part: Part) -> list[str]:
    """Return the settings that determine a part's dev, held-out and test examples."""
    names = ["max_eval_samples", "difficulty"]
    if part.difficulty == "encoder":
        names.append("difficulty_encoder")
    if part.select_on == "heldout":
        names.append("heldout_fraction")
    if part.select_on == "heldout" or part.max_eval_samples is not None:
        names.append("subset_seed")
    return names


def check_task_files(study: Study, data: Path | None) -> None:
    """Check that every task to train on has its files, with their columns."""
    if data is not None:
        check_folder(data)
    trained_on = {task for part in study.parts if part.methods for task in part.tasks}
    for name in study.tasks:
        if name in trained_on:
            check_files(study.task(name), data)


def find_deviations(study: Study, data: Path | None) -> list[str]:
    """Describe for each task what its files lack, or how they differ from the published rows.

    Only the rows of files in the data folder are counted; large files and the hub's are skipped.

    Raises:
        UserError: a task is to be read from the data folder, which does not exist.
    """
    published = [task for task in map(study.task, study.tasks) if task.hub and task.counts]
    if data is None or not published:
        return []
    check_folder(data)
    lines = (_find_deviation(task, data) for task in published)
    return [line for line in lines if line]


def _find_deviation(task: Task, data: Path) -> str | None:
    try:
        files = check_files(task, data)
        small = {split: f for split, f in files.items() if f.stat().st_size <= COUNTED_BYTES}
        return compare_counts(task, {split: _count_rows(f) for split, f in small.items()}, files)
    except (UserError, OSError) as error:
        return str(error)


def _count_rows(path: Path) -> int:
    """Count the rows below the header."""
    return sum(1 for _, row in read_csv_rows(path) if row) - 1


def check_all(
    trials: Iterable[TrialConfig], data: Path | None, tasks: Mapping[str, Task] = TASKS
) -> list[str]:
    """Load every task and encoder that these trials need; return warnings.

    There is a warning for each task whose rows are not the published ones, for labels that differ
    only in case, and for each encoder whose batches are padded.

    Raises:
        UserError: a task or encoder cannot be loaded, or an encoder lacks the head or the positions
            that a trial asks for.
    """
    from trainers.encoders.classifier import check_native_head
    from trainers.encoders.encoder import check_length
    from trainers.encoders.packing import can_be_packed
    from trainers.prepared import Warm, warm_key

    warnings: list[str] = []
    warm = Warm(tasks)
    for trial in {(warm_key(trial), trial.head): trial for trial in trials}.values():
        prepared = warm.prepare(trial, data)
        encoder = prepared.encoder.model
        check_length(trial.encoder, encoder, trial.max_length)
        if trial.head == "native":
            check_native_head(encoder)
        if prepared.deviation:
            warnings.append(prepared.deviation)
        warnings += prepared.warnings
        if not can_be_packed(encoder):
            kind = encoder.config.model_type
            warnings.append(
                f"encoder {trial.encoder}: {kind} batches are padded, not packed, which is slower"
            )
    return list(dict.fromkeys(warnings))
