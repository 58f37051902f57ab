"""The texts of predicted examples; the store has only their ids and labels.

In: the predicted examples of a split, and its fingerprint. Out: one text per example, from the data
folder or the hub, checked to be the texts that the trials used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from search_spaces.errors import UserError
from search_spaces.shipped_tasks import TASKS, get_task
from search_spaces.tasks import Task
from trainers.data.loading import Split, TaskData, load_task
from trainers.records.metrics import Labels

# Splits that a trial derives from another one and that need no file.
CARVED_FROM: Final = {"heldout": "train", "test_difficult": "test"}


class Texts:
    """The texts of tasks; each task is loaded once."""

    def __init__(self, folder: Path | None, tasks: Mapping[str, Task] = TASKS) -> None:
        self._load = cache(lambda task: load_task(get_task(task, tasks), folder))

    def read(
        self, task: str, split: str, ids: Sequence[str], gold: Labels, fingerprint: str
    ) -> list[str]:
        """Return the texts (N,) of the predicted examples; texts of a pair have column names.

        Raises:
            UserError: the task cannot be loaded, or its texts are not those that were predicted.
        """
        data: TaskData = self._load(task)
        for name in (split, CARVED_FROM.get(split, split)):
            found = _select_rows(data, name, ids, gold)
            if found is not None and found.fingerprint() == fingerprint:
                return _joined(data.task.text, found)
        raise UserError(
            f"task {task}: the {split} examples found are not those that were predicted"
        )


def _select_rows(data: TaskData, split: str, ids: Sequence[str], gold: Labels) -> Split | None:
    """Select the predicted examples from a split; None if it lacks one."""
    if split not in data.splits:
        return None
    source = data.splits[split]
    row_by_id = {name: row for row, name in enumerate(source.ids)}
    rows = [row_by_id.get(name) for name in ids]
    known = [row for row in rows if row is not None]
    if len(known) < len(rows):
        return None
    return replace(source.take(known), labels=gold)


def _joined(columns: tuple[str, ...], split: Split) -> list[str]:
    if len(columns) == 1:
        return split.texts[0]
    return [
        "\n".join(f"{name}: {text}" for name, text in zip(columns, parts, strict=True))
        for parts in zip(*split.texts, strict=True)
    ]
