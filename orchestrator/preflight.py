"""Checks before anything is trained: a wrong task, file, column or encoder is found here.

In: trials, the data folder. Out: a UserError, or nothing but what `check_all` has to warn of.
Names and files are quick; `check_all` loads every task and encoder once, as a worker will (and
fills the hub's cache).
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
"""Larger files are not counted before a run: it takes a second and more."""


def check_names(study: Study) -> None:
    """Check that every task is known and can be selected on."""
    with _named(study):
        for part in study.parts:
            for name in part.tasks:
                task = study.task(name)
                check_metric_names(task)
                selection_split(task, part)


def check_encoders(study: Study) -> None:
    """Check that packaged encoders are installed, and that folders are there."""
    with _named(study):
        for part in study.parts:
            for name in part.encoders:
                locate_encoder(name)
            if part.difficulty == "encoder":
                locate_encoder(part.difficulty_encoder)


@contextmanager
def _named(study: Study) -> Iterator[None]:
    """Say in which study something is wrong."""
    try:
        yield
    except UserError as error:
        raise UserError(f"study {study.name}: {error}") from error


def check_tables(study: Study) -> None:
    """Check that every table of the paper that a study names shows one of the tasks beside it."""
    if not study.tables:
        return
    shown_by = {number: layout.columns for number, layout in paper_layouts().items()}
    shown_by |= {number: layout.describes for number, layout in data_layouts().items()}
    for number in study.tables:
        beside = {task for part in study.parts if number in part.tables for task in part.tasks}
        if beside.isdisjoint(shown_by[number]):
            raise UserError(
                f"study {study.name}: tables: {number} is of {', '.join(shown_by[number])}, and"
                f" none of them is a task beside it; leave {number} out of tables"
            )


def check_examples(study: Study) -> None:
    """Check that a task is scored on the same examples in all parts: after training a report would.

    A cell is selected on one split, too; two methods may differ in it, which costs a mark alone.
    """
    first: dict[tuple[str, str], object] = {}
    for part in (part for part in study.parts if part.methods):
        for task, name in product(part.tasks, _settings_of_examples(part)):
            value = getattr(part, name)
            if first.setdefault((task, name), value) != value:
                raise UserError(
                    f"study {study.name}: {name} of task {task} is {first[task, name]} in one part"
                    f" and {value} in another, and no report takes both: make two studies of them"
                )
    ways = {(task, part.select_on) for part in study.parts for task in part.tasks if part.methods}
    if len(ways) > len({task for task, _ in ways}):
        for cell, trials in group_by_cell(study).items():
            if len({trial.select_on for trial in trials}) > 1:
                raise UserError(
                    f"study {study.name}: some trials of {' '.join(cell)} have select_on: dev, some"
                    " heldout, and no report takes both: make two studies of them"
                )


def _settings_of_examples(part: Part) -> list[str]:
    """Name the settings by which a part's dev, held-out and test examples are drawn."""
    names = ["max_eval_samples", "difficulty"]
    if part.difficulty == "encoder":
        names.append("difficulty_encoder")
    if part.select_on == "heldout":
        names.append("heldout_fraction")
    if part.select_on == "heldout" or part.max_eval_samples is not None:
        names.append("subset_seed")
    return names


def check_files_of(study: Study, data: Path | None) -> None:
    """Check that the files are there, with their columns, of every task to train on."""
    if data is not None:
        check_folder(data)
    trained_on = {task for part in study.parts if part.methods for task in part.tasks}
    for name in study.tasks:
        if name in trained_on:
            check_files(study.task(name), data)


def deviations(study: Study, data: Path | None) -> list[str]:
    """Say of each task what its files in the data folder lack, or how their rows differ.

    Nothing is loaded but lines of files, and nothing is said of large ones or of the hub's.

    Raises:
        UserError: there is no such folder, and a task is to come from it.
    """
    published = [task for task in map(study.task, study.tasks) if task.hub and task.counts]
    if data is None or not published:
        return []
    check_folder(data)
    found = (_deviation(task, data) for task in published)
    return [line for line in found if line]


def _deviation(task: Task, data: Path) -> str | None:
    try:
        files = check_files(task, data)
        small = {split: f for split, f in files.items() if f.stat().st_size <= COUNTED_BYTES}
        return compare_counts(task, {split: _count(f) for split, f in small.items()}, files)
    except (UserError, OSError) as error:
        return str(error)


def _count(path: Path) -> int:
    """Count the rows below the header."""
    return sum(1 for _, row in read_csv_rows(path) if row) - 1


def check_all(
    trials: Iterable[TrialConfig], data: Path | None, tasks: Mapping[str, Task] = TASKS
) -> list[str]:
    """Load every task and encoder that these trials need; return what a user should know.

    That is one line for a task whose rows are not the published ones, for labels that differ in
    case alone, and for an encoder whose batches are padded.

    Raises:
        UserError: as `prepare` does, or an encoder lacks a head or positions that are wanted.
    """
    from trainers.encoders.classifier import check_native_head
    from trainers.encoders.encoder import check_length
    from trainers.encoders.packing import can_be_packed
    from trainers.prepared import Warm, warm_key

    notes: list[str] = []
    warm = Warm(tasks)
    for trial in {(warm_key(trial), trial.head): trial for trial in trials}.values():
        prepared = warm.prepare(trial, data)
        encoder = prepared.encoder.model
        check_length(trial.encoder, encoder, trial.max_length)
        if trial.head == "native":
            check_native_head(encoder)
        if prepared.deviation:
            notes.append(prepared.deviation)
        notes += prepared.warnings
        if not can_be_packed(encoder):
            kind = encoder.config.model_type
            notes.append(f"encoder {trial.encoder}: {kind} batches are padded, not packed: slower")
    return list(dict.fromkeys(notes))
