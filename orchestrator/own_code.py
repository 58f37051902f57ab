"""A study's own methods with their code: imported by those who train, remembered for all others.

In: a study's sources, the store. Out: what is known of its methods, without their code being run;
the code in the store, from which workers take it.
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


def remembered(store: "Store | None") -> Callable[[Source], Method]:
    """Return what looks methods up in a store, and never runs their code.

    A method whose code has changed since is known as it was last: which options it has.
    """

    def find(source: Source) -> Method:
        from trainers.records.kept_code import read_methods

        found = read_methods(store) if store else []
        known = [record for record in found if record.name == source.name]
        for record in known:
            if source.code == record.code:
                return record.to_method()
        if source.code is None:
            return _only(source, known).to_method()
        if not known:
            raise UserError(
                f"method {source.name}: this store knows nothing of it: `catsweep plan` shows what"
                " `catsweep run` would train"
            )
        return replace(known[-1].to_method(), code=source.code)

    return find


def _only(source: Source, known: Sequence[Kept]) -> Kept:
    """Return the one record of code whose file is gone from where the study says it is."""
    same = [record for record in known if record.said == source.entry]
    if len(same) == 1:
        return same[0]
    versions = f" {len(same)} versions of it" if same else ""
    others = "" if same else "".join(f" that of {record.said}" for record in known[:1])
    more = f"; the store has{versions or others}" if known else ""
    raise UserError(f"{source.noun} {source.name}: {source.absent}{more}")


def with_own_metrics(study: Study, store: "Store | None", *, to_train: bool) -> Study:
    """Load the metrics that a study's own tasks name by a file, and call them by their code.

    Those who do not train load the store's copy: the tests of a report call it.

    Raises:
        UserError: there is no such function, or its values cannot be.
    """
    tasks, sources = dict[str, Task](), dict[str, Source]()
    for name, task in study.own_tasks.items():
        tasks[name], found = metrics_known(task, store, to_train=to_train)
        sources |= found
    return study.with_metrics(tasks, sources) if sources else study


def metrics_known(
    task: Task, store: "Store | None", *, to_train: bool
) -> tuple[Task, dict[str, Source]]:
    """Return a task that names its metrics by their code, and the sources of these.

    Raises:
        UserError: as `with_own_metrics`.
    """
    metrics = [metric for metric in (task.metric, *task.beside) if is_source(metric)]
    if not metrics:
        return task, {}
    known = {metric: _known(metric, task, store, to_train=to_train) for metric in metrics}
    called = {metric: name for metric, (name, _) in known.items()}
    beside = tuple(called.get(metric, metric) for metric in task.beside)
    metric = called.get(task.metric, task.metric)
    return task.model_copy(update={"metric": metric, "beside": beside}), dict(known.values())


def _known(metric: str, task: Task, store: "Store | None", *, to_train: bool) -> tuple[str, Source]:
    """Return the name of a metric by its code, and its source; this process then knows it."""
    from trainers.records.kept_code import load_kept_metric, read_metrics
    from trainers.records.metrics import METRICS
    from trainers.records.own_metrics import make_metric

    source = find_source(metric, task.folder or Path(), "metric", METRICS)
    kept = [one for one in read_metrics(store) if one.name == source.name] if store else []
    if source.code is None and to_train:
        raise UserError(f"task {task.name}: metric {source.name}: {source.absent}")
    code = source.code or _only(source, kept).code
    if store and code in [record.code for record in kept]:
        load_kept_metric(store.code, f"{source.name}@{code}")
    elif to_train:
        make_metric(source, load_object(source))
    else:
        raise UserError(
            f"task {task.name}: metric {source.name}: this store knows nothing of it as it is now:"
            " `catsweep plan` shows what `catsweep run` would train"
        )
    return f"{source.name}@{code}", source


def keep_own_code(study: Study, store: "Store") -> None:
    """Copy the code of a study's own methods and metrics into the store; methods load from there.

    Raises:
        UserError: it cannot be written, or is not complete.
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


def other_code(study: Study, store: "Store") -> list[str]:
    """Say which of a study's trials the store has of other code of its own methods."""
    from trainers.records.kept_code import read_methods

    lines = [*_under_one_version(study, store), *_metrics_under_one_version(study, store)]
    finished = store.ended()
    for name, method in study.own_methods.items():
        trials = [trial for trial in study.trials() if trial.method.name == name]
        others = {record.code for record in read_methods(store) if record.name == name}
        for code in sorted(others - {method.code}):
            there = sum(_of_code(trial, code).signature in finished for trial in trials)
            if there:
                lines.append(
                    f"method {name}: {there} {'trial was' if there == 1 else 'trials were'} trained"
                    f" with other code ({study.sources[name].entry} has changed since): they stay"
                    " in the store, and are not of this study as its code is now"
                )
    return lines


def _under_one_version(study: Study, store: "Store") -> list[str]:
    """Say of which methods the store has other files under the same explicit version: those count.

    Raises:
        UserError: their options differ.
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
            f" ({record.said}): that copy is what is trained"
        )
    return lines


def _metrics_under_one_version(study: Study, store: "Store") -> list[str]:
    """Say the same of metrics: the store's copy scores."""
    from trainers.records.kept_code import compute_checksums, read_metrics

    kept = {(record.name, record.code): record for record in read_metrics(store)}
    return [
        f"metric {source.name}: {source.entry} differs from the store's copy of the same version"
        f" ({record.said}): that copy is what scores"
        for source in study.sources.values()
        if source.noun == "metric" and source.files
        if (record := kept.get((source.name, source.code or "")))
        if record.files != compute_checksums(source)
    ]


def _of_code(trial: TrialConfig, code: str) -> TrialConfig:
    return trial.model_copy(update={"method": trial.method.model_copy(update={"code": code})})
