"""Predictions of other programs: a folder of systems, tasks and seeds.

In: `FOLDER/SYSTEM/TASK.csv`, or `FOLDER/SYSTEM/TASK/SEED.csv` (CSV, TSV, JSONL or Parquet), and the
name of the baseline. Out: a `Folder` of aligned predictions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reports.prediction_files import (
    READERS,
    Rows,
    align_rows,
    number_labels,
    read_rows,
    sort_labels,
)
from reports.results.predictions import Pair
from search_spaces.errors import UserError, unknown_name
from search_spaces.text import quoted
from trainers.records.files import list_folder
from trainers.records.metrics import METRICS, Labels, Metric, get_metric


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenTask:
    """The predictions of all systems for one task.

    `gold` is (N,); `predicted` has an array (S, N) for each system, a row per seed. Labels are
    indices into `labels`.
    """

    name: str
    metric: Metric
    labels: tuple[str, ...]
    ids: tuple[str, ...]
    gold: Labels
    predicted: Mapping[str, Labels]

    def pair(self, baseline: str, system: str) -> Pair:
        """Put two systems side by side."""
        return Pair(
            ids=self.ids,
            gold=self.gold,
            baseline=self.predicted[baseline],
            system=self.predicted[system],
            metric=self.metric,
            n_classes=len(self.labels),
        )


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Systems, the baseline first, and their predictions for each task."""

    name: str
    baseline: str
    systems: tuple[str, ...]
    tasks: tuple[GivenTask, ...]


def read_folder(
    path: Path,
    baseline: str,
    metrics: Mapping[str, str],
    positive: Mapping[str, str],
    tasks: Sequence[str] = (),
) -> Folder:
    """Read a folder of predictions.

    `metrics` and `positive` (the positive label for F1) are given by task, or under "" for all
    other tasks. `tasks` restricts the tasks that are read.

    Raises:
        UserError: there is no such folder or baseline; a file cannot be read; a system lacks a task
            or has one that the baseline lacks; or examples or gold labels differ from the
            baseline's.
    """
    if not path.is_dir():
        raise UserError(f"{path}: expected a folder with a folder of predictions for each system")
    found = {entry.name: _list_files(entry) for entry in _list_systems(path)}
    if baseline not in found:
        raise unknown_name("baseline", baseline, found)
    systems = (baseline, *(name for name in found if name != baseline))
    if len(systems) < 2:
        raise UserError(f"{path}: expected a system besides the baseline {baseline}, found none")
    known = list(found[baseline])
    for task in (*tasks, *(name for name in (*metrics, *positive) if name)):
        if task not in known:
            raise unknown_name("task", task, known)
    wanted = list(tasks) or known
    for system in systems:
        for task in wanted:
            if task not in found[system]:
                raise UserError(
                    f"{path / system}: no predictions for task {task}, which {baseline} has: add"
                    " them, or list the tasks that all systems have with --tasks"
                )
        for task in found[system] if not tasks else ():
            if task not in known:
                raise UserError(
                    f"{path / system}: task {task} is not among those of the baseline {baseline}:"
                    " add its predictions, or list the tasks that all systems have with --tasks"
                )
    return Folder(
        name=path.absolute().name,
        baseline=baseline,
        systems=systems,
        tasks=tuple(
            _read_task(
                task,
                {system: found[system][task] for system in systems},
                metrics.get(task, metrics.get("", "accuracy")),
                positive.get(task, positive.get("")),
            )
            for task in wanted
        ),
    )


def _list_systems(path: Path) -> list[Path]:
    """List the folders of systems; any other file is an error."""
    entries = [Path(entry.path) for entry in list_folder(path) if not entry.name.startswith(".")]
    for entry in entries:
        if not entry.is_dir():
            raise UserError(
                f"{entry} is not a folder: expected {path}/SYSTEM/TASK.csv, or"
                f" {path}/SYSTEM/TASK/SEED.csv for several seeds"
            )
    return sorted(entries)


def _list_files(system: Path) -> dict[str, list[Path]]:
    """List a system's files by task: one file, or one per seed."""
    found: dict[str, list[Path]] = {}
    for entry in sorted(Path(entry.path) for entry in list_folder(system)):
        if entry.name.startswith("."):
            continue
        inside = [entry]
        if entry.is_dir():
            inside = sorted(Path(e.path) for e in list_folder(entry) if not e.name.startswith("."))
        name = entry.name if entry.is_dir() else entry.stem
        for file in inside:
            if file.suffix.lower() not in READERS:
                raise UserError(f"{file}: expected a file that ends in {', '.join(READERS)}")
        if name in found:
            raise UserError(f"{entry}: task {name} occurs twice")
        if not inside:
            raise UserError(f"{entry}: expected files of predictions, found none")
        found[name] = inside
    if not found:
        raise UserError(f"{system}: expected files of predictions, found none")
    return found


def _read_task(
    task: str, files: Mapping[str, list[Path]], metric: str, positive: str | None
) -> GivenTask:
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    first: Rows | None = None
    rows: dict[str, list[Rows]] = {}
    for system, paths in files.items():
        for path in paths:
            read = read_rows(path)
            first = first or read
            rows.setdefault(system, []).append(align_rows(first, read))
    assert first is not None
    labels = _list_labels(task, first, rows, get_metric(metric), positive)
    return GivenTask(
        name=task,
        metric=get_metric(metric),
        labels=labels,
        ids=first.ids,
        gold=number_labels(first, "gold", labels),
        predicted={
            system: np.stack([number_labels(one, "predicted", labels) for one in read])
            for system, read in rows.items()
        },
    )


def _list_labels(
    task: str,
    first: Rows,
    rows: Mapping[str, list[Rows]],
    metric: Metric,
    positive: str | None,
) -> tuple[str, ...]:
    """List all labels that occur, gold labels first; the second one is the positive label of F1."""
    gold = sort_labels(first.gold)
    others = {one for read in rows.values() for seed in read for one in seed.predicted}
    labels = [*gold, *sort_labels(others.difference(gold))]
    if not metric.allows(len(labels)) or len(labels) < 2:
        raise UserError(f"task {task}: {metric.name} is not defined for {len(labels)} labels")
    if not metric.needs_positive:
        return tuple(labels)
    if positive is None and set(labels) == {"0", "1"}:
        positive = "1"
    if positive is None:
        listed = ", ".join(map(quoted, labels[:6]))
        raise UserError(
            f"task {task}: F1 needs a positive label: --positive {task}=LABEL (one of {listed})"
        )
    if positive not in labels:
        raise unknown_name(f"positive label of task {task}", positive, labels)
    labels.remove(positive)
    return (labels[0], positive, *labels[1:])
