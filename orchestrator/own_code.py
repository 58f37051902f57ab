"""The code of a study's own methods and metrics: imported to train, else known from the store.

In: a study's sources, the store. Out: what is known of its methods without running their code; a
copy of the code in the store, from which workers load it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from search_spaces.errors import UserError
from search_spaces.method import Method, OwnSettings
from search_spaces.sources import Source, find_source, is_source, load_object
from search_spaces.study import Study
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig

if TYPE_CHECKING:
    from trainers.records.kept_code import CodeRecord
    from trainers.records.store import Store

Kept = TypeVar("Kept", bound="CodeRecord")


def make_method_finder(store: "Store | None") -> Callable[[Source], Method]:
    """Return a function that finds methods in a store without running their code.

    A method whose code has changed since has the options of its last stored version.
    """

    def find(source: Source) -> Method:
        from trainers.records.kept_code import read_methods

        found = read_methods(store) if store else []
        known = [record for record in found if record.name == source.name]
        for record in known:
            if source.code == record.code:
                return record.to_method()
        if source.code is None:
            return _pick_record(source, known).to_method()
        if not known:
            raise UserError(
                f"method {source.name}: it is not in this store: `catsweep plan` shows what"
                " `catsweep run` would train"
            )
        return replace(known[-1].to_method(), code=source.code)

    return find


def _pick_record(source: Source, known: Sequence[Kept]) -> Kept:
    """Return the only record of a source whose file is missing; UserError if it is not unique."""
    same = [record for record in known if record.said == source.entry]
    if len(same) == 1:
        return same[0]
    versions = f" {len(same)} versions of it" if same else ""
    others = "" if same else "".join(f" that of {record.said}" for record in known[:1])
    more = f"; the store has{versions or others}" if known else ""
    raise UserError(f"{source.noun} {source.name}: {source.absent}{more}")


def load_own_metrics(study: Study, store: "Store | None", *, to_train: bool) -> Study:
    """Load the metrics that a study's own tasks name by a file, and rename them NAME@CODE.

    Commands that do not train load the store's copy, which the tests of a report call.

    Raises:
        UserError: there is no such function, or its values are not those of a metric.
    """
    tasks, sources = dict[str, Task](), dict[str, Source]()
    for name, task in study.own_tasks.items():
        tasks[name], found = load_task_metrics(task, store, to_train=to_train)
        sources |= found
    return study.with_metrics(tasks, sources) if sources else study


def load_task_metrics(
    task: Task, store: "Store | None", *, to_train: bool
) -> tuple[Task, dict[str, Source]]:
    """Return a task whose own metrics are named NAME@CODE, and the sources of these metrics.

    Raises:
        UserError: as `load_own_metrics`.
    """
    metrics = [metric for metric in (task.metric, *task.beside) if is_source(metric)]
    if not metrics:
        return task, {}
    known = {metric: _load_metric(metric, task, store, to_train=to_train) for metric in metrics}
    names = {metric: name for metric, (name, _) in known.items()}
    beside = tuple(names.get(metric, metric) for metric in task.beside)
    metric = names.get(task.metric, task.metric)
    return task.model_copy(update={"metric": metric, "beside": beside}), dict(known.values())


def _load_metric(
    metric: str, task: Task, store: "Store | None", *, to_train: bool
) -> tuple[str, Source]:
    """Register a metric in this process; return its name NAME@CODE, and its source."""
    from trainers.records.kept_code import load_kept_metric, read_metrics
    from trainers.records.metrics import METRICS
    from trainers.records.own_metrics import make_metric

    source = find_source(metric, task.folder or Path(), "metric", METRICS)
    kept = [one for one in read_metrics(store) if one.name == source.name] if store else []
    if source.code is None and to_train:
        raise UserError(f"task {task.name}: metric {source.name}: {source.absent}")
    code = source.code or _pick_record(source, kept).code
    if store and code in [record.code for record in kept]:
        load_kept_metric(store.code, f"{source.name}@{code}")
    elif to_train:
        make_metric(source, load_object(source))
    else:
        raise UserError(
            f"task {task.name}: metric {source.name}: its present code is not in this store:"
            " `catsweep plan` shows what `catsweep run` would train"
        )
    return f"{source.name}@{code}", source


def keep_own_code(study: Study, store: "Store") -> None:
    """Copy the code of a study's own methods and metrics into the store; load the methods from it.

    Raises:
        UserError: the code cannot be written, or is incomplete.
    """
    from trainers.records.kept_code import keep_method, keep_metric, load_method_type
    from trainers.records.metrics import get_metric

    for name, source in study.sources.items():
        if source.noun == "metric":
            keep_metric(store, source, get_metric(name))
    for name, method in study.own_methods.items():
        keep_method(store, study.sources[name], method)
        assert method.code is not None
        load_method_type(store.code, OwnSettings(name=name, code=method.code))


def find_other_code(study: Study, store: "Store") -> list[str]:
    """Describe stored trials that were trained with other code of a study's own methods."""
    from trainers.records.kept_code import read_methods

    lines = [*_find_changed_methods(study, store), *_find_changed_metrics(study, store)]
    ended = store.ended()
    for name, method in study.own_methods.items():
        trials = [trial for trial in study.trials() if trial.method.name == name]
        others = {record.code for record in read_methods(store) if record.name == name}
        for code in sorted(others - {method.code}):
            n = sum(_with_code(trial, code).signature in ended for trial in trials)
            if n:
                lines.append(
                    f"method {name}: {n} {'trial was' if n == 1 else 'trials were'} trained"
                    f" with other code ({study.sources[name].entry} has changed since): they stay"
                    " in the store, but do not belong to this study with its present code"
                )
    return lines


def _find_changed_methods(study: Study, store: "Store") -> list[str]:
    """Describe methods whose files differ from the store's copy of the same explicit version.

    The store's copy is used.

    Raises:
        UserError: the options of the two differ.
    """
    from trainers.records.kept_code import compute_checksums, read_methods

    lines = []
    kept = {record.code: record for record in read_methods(store)}
    for name, method in study.own_methods.items():
        source, record = study.sources[name], kept.get(method.code or "")
        if record is None or not source.files or record.files == compute_checksums(source):
            continue
        if record.to_method().options != method.options:
            raise UserError(
                f"method {name}: {source.entry} has other options than the store's trials of the"
                " same version: give it another version"
            )
        lines.append(
            f"method {name}: {source.entry} differs from the store's copy of the same version"
            f" ({record.said}): the store's copy is trained"
        )
    return lines


def _find_changed_metrics(study: Study, store: "Store") -> list[str]:
    """Describe metrics whose files differ from the store's copy of the same version, likewise."""
    from trainers.records.kept_code import compute_checksums, read_metrics

    kept = {(record.name, record.code): record for record in read_metrics(store)}
    return [
        f"metric {source.name}: {source.entry} differs from the store's copy of the same version"
        f" ({record.said}): the store's copy is used"
        for source in study.sources.values()
        if source.noun == "metric" and source.files
        if (record := kept.get((source.name, source.code or "")))
        if record.files != compute_checksums(source)
    ]


def _with_code(trial: TrialConfig, code: str) -> TrialConfig:
    return trial.model_copy(update={"method": trial.method.model_copy(update={"code": code})})
