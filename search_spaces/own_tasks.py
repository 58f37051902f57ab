"""A user's own tasks: in a study's file, or in a YAML file of their own.

In: keys and values, and the folder that paths start from. Out: checked `Task`s; a UserError says
what is wrong with one.
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
    """Read a task's own file.

    Raises:
        UserError: there is none, or it is no task.
    """
    try:
        return parse_task(parse_fields(read_yaml(path, "task")), path.parent)
    except UserError as error:
        message = str(error)
        raise UserError(
            message if str(path) in message else f"task file {path}: {message}"
        ) from error


def parse_task(fields: Mapping[Any, Any], folder: Path) -> Task:
    """Check what a user says of a task whose paths start at a folder.

    Raises:
        UserError: a key is unknown or missing, or a value cannot be; the task is named.
    """
    name = fields.get("name")
    where = f"task {name}" if isinstance(name, str) else "a task of your own"
    given = dict(fields)
    if isinstance(part := given.get("dev"), str) and (percent := PERCENT.fullmatch(part)):
        given["dev"] = float(percent[1]) / 100
    try:
        found = TaskFields.model_validate(given)
        _check(found)
    except ValidationError as error:
        raise UserError(f"{where}: {explain(error, TaskFields.model_fields)}") from error
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    more = {"title": found.title or found.name, "folder": folder}
    return Task.model_validate(found.model_dump(exclude_unset=True) | more)


def _check(task: TaskFields) -> None:
    """Refuse what cannot be before any file is looked at."""
    if task.name in TASKS:
        raise UserError("this is the name of a shipped task: give yours another")
    given = [source for source in SOURCES if getattr(task, source)]
    if len(given) != 1:
        what = " and ".join(given) if given else "none"
        raise UserError(f"one of {', '.join(SOURCES)} says where its rows are, got {what}")
    splits = task.files or (task.hub.splits if task.hub else None)
    if splits is not None and "train" not in splits:
        raise UserError(f"{given[0]} lacks train, the split to train on")
    if task.dev is not None and splits is not None and "dev" in splits:
        raise UserError("dev: a part of train, and a dev split of its own: keep one")
    if task.difficult and splits is not None and "test" not in splits:
        raise UserError("difficult: the difficult subset is drawn from test, and there is none")
    for paths in task.files.values():
        if len(paths) > 1:
            raise UserError("files: give one file for each split")
        if not paths[0].lower().endswith(ENDINGS):
            guess = find_nearest(Path(paths[0]).suffix.lower(), ENDINGS)
            hint = f"; did you mean {guess}?" if guess else ""
            raise UserError(f"files: {quoted(paths[0])} ends in none of {', '.join(ENDINGS)}{hint}")
    columns = [*task.text, task.label, *([task.id] if task.id else [])]
    for column in columns:
        if columns.count(column) > 1:
            raise UserError(f"text, label and id: {quoted(column)} is there twice")
    _check_metric(task)


def _check_metric(task: TaskFields) -> None:
    metrics = (task.metric, *task.beside)
    if task.metric in task.beside:
        raise UserError(f"beside: {task.metric} is the task's metric already")
    if "f1" in metrics and task.positive is None:
        raise UserError("f1 is of one label: say which with positive: LABEL, or use macro_f1")
    if task.positive is not None and "f1" not in metrics:
        raise UserError("positive is for f1 alone: leave it out, or set metric: f1")
    if task.positive is not None and task.labels is not None:
        if task.positive not in task.labels:
            raise UserError(f"positive: {quoted(task.positive)} is none of labels")
        if task.labels[1] != task.positive:
            raise combination_error("labels: f1's positive label is to be the second")


def add_task(known: dict[str, Task], task: Task) -> None:
    """Add a task to those by name; UserError where another one has its name."""
    if known.setdefault(task.name, task) != task:
        raise UserError(f"tasks: two tasks are called {task.name}")


def extract_tasks(entries: object, folder: Path) -> tuple[object, dict[str, Task]]:
    """Take the tasks of their own out of a study's list of tasks; their names stay in it.

    Raises:
        UserError: as `read_task` and `parse_task`, or two have one name.
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
