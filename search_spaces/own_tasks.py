"""A user's own tasks: defined in a study's file, or in a YAML file of their own.

In: keys and values, and the folder that paths are relative to. Out: checked `Task`s, or a
UserError that says what is wrong.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from search_spaces.complaints import explain
from search_spaces.errors import UserError, find_nearest
from search_spaces.input_files import expand_home
from search_spaces.settings import combination_error
from search_spaces.shipped_tasks import TASKS
from search_spaces.study_file import is_yaml_file, parse_fields, read_yaml
from search_spaces.tasks import Task, TaskFields
from search_spaces.text import quoted

ENDINGS: Final = (".csv", ".tsv", ".jsonl", ".parquet")
SOURCES: Final = ("files", "disk", "hub")
PERCENT: Final = re.compile(r"\s*([0-9]{1,2}(?:\.[0-9]{1,6})?)\s*%\s*")


def read_task(path: Path) -> Task:
    """Read a task from its own file.

    Raises:
        UserError: there is no such file, or it does not define a task.
    """
    try:
        return parse_task(parse_fields(read_yaml(path, "task")), path.parent)
    except UserError as error:
        message = str(error)
        raise UserError(
            message if str(path) in message else f"task file {path}: {message}"
        ) from error


def _parse_percent(text: str) -> float:
    """Parse the part of the training rows that becomes the dev split: `10%`."""
    percent = PERCENT.fullmatch(text)
    if percent is None or not 0 < float(percent[1]) < 100:
        raise UserError(
            f"dev: expected a part of the training rows such as 10%, got {quoted(text)}"
        )
    return float(percent[1]) / 100


def parse_task(fields: Mapping[Any, Any], folder: Path) -> Task:
    """Build a task from a user's keys and values; its paths are relative to `folder`.

    Raises:
        UserError: a key is unknown or missing, or a value is invalid; the task is named.
    """
    name = fields.get("name")
    where = f"task {name}" if isinstance(name, str) else "a task of your own"
    given = dict(fields)
    try:
        if isinstance(part := given.get("dev"), str):
            given["dev"] = _parse_percent(part)
        found = TaskFields.model_validate(given)
        _check(found)
    except ValidationError as error:
        raise UserError(f"{where}: {explain(error, TaskFields.model_fields)}") from error
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    more = {"title": found.title or found.name, "folder": folder}
    return Task.model_validate(found.model_dump(exclude_unset=True) | more)


def _check(task: TaskFields) -> None:
    """Refuse invalid definitions before any file is read."""
    if task.name in TASKS:
        raise UserError("a shipped task has this name: choose another")
    given = [source for source in SOURCES if getattr(task, source)]
    if len(given) != 1:
        what = " and ".join(given) if given else "none"
        raise UserError(f"give one of {', '.join(SOURCES)} for where its rows are, got {what}")
    splits = task.files or (task.hub.splits if task.hub else None)
    if splits is not None and "train" not in splits:
        raise UserError(f"{given[0]} lacks train, the split to train on")
    if task.dev is not None and splits is not None and "dev" in splits:
        raise UserError("dev is both a part of train and a split of its own: keep one")
    if task.difficult and splits is not None and "test" not in splits:
        raise UserError("difficult: the difficult subset is drawn from test, which is missing")
    for paths in task.files.values():
        if len(paths) > 1:
            raise UserError("files: give one file for each split")
        if not paths[0].lower().endswith(ENDINGS):
            guess = find_nearest(Path(paths[0]).suffix.lower(), ENDINGS)
            hint = f"; did you mean {guess}?" if guess else ""
            raise UserError(
                f"files: {quoted(paths[0])} must end in one of {', '.join(ENDINGS)}{hint}"
            )
    columns = [*task.text, task.label, *([task.id] if task.id else [])]
    for column in columns:
        if columns.count(column) > 1:
            raise UserError(f"text, label and id: {quoted(column)} occurs twice")
    _check_metric(task)


def _check_metric(task: TaskFields) -> None:
    metrics = (task.metric, *task.beside)
    if task.metric in task.beside:
        raise UserError(f"beside: {task.metric} is the task's metric already")
    if "f1" in metrics and task.positive is None:
        raise UserError("f1 scores one label: name it with positive: LABEL, or use macro_f1")
    if task.positive is not None and "f1" not in metrics:
        raise UserError("positive is only for f1: leave it out, or set metric: f1")
    if task.positive is not None and task.labels is not None:
        if task.positive not in task.labels:
            raise UserError(f"positive: {quoted(task.positive)} is not one of labels")
        if task.labels[1] != task.positive:
            raise combination_error("labels: f1's positive label must be the second")


def add_task(known: dict[str, Task], task: Task) -> None:
    """Add a task to a dict by name; UserError if a different task has the name."""
    if known.setdefault(task.name, task) != task:
        raise UserError(f"tasks: two tasks are called {task.name}")


def extract_tasks(entries: object, folder: Path) -> tuple[object, dict[str, Task]]:
    """Build a study's own tasks, and replace these in its list of tasks by their names.

    Returns the list, and the own tasks by name.

    Raises:
        UserError: as `read_task` and `parse_task`, or two tasks have the same name.
    """
    if not isinstance(entries, list):
        return entries, {}
    found: dict[str, Task] = {}
    names: list[object] = []
    for entry in entries:
        if not isinstance(entry, dict) and not is_yaml_file(entry):
            names.append(entry)
            continue
        own = isinstance(entry, dict)
        task = parse_task(entry, folder) if own else read_task(folder / expand_home(Path(entry)))
        add_task(found, task)
        names.append(task.name)
    return names, found
