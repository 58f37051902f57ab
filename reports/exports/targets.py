"""The formats that a study can be exported to: TARGETS.

In: a study, the store, an output path or URI. Out: the export, and a line on what was written.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.exports.rows import ENDED, TrialRow, Watch, read_rows, refuse_other
from search_spaces.errors import UserError, unknown_name
from search_spaces.study import Study
from trainers.records.store import Store


@dataclass(frozen=True, kw_only=True)
class Target:
    """An export format: its file ending, and a function that writes it and returns a message."""

    ending: str
    write: Callable[[str, Sequence[TrialRow], str, Watch], str]
    has_predictions: bool = False


def export(
    study: Study,
    store: Store,
    to: str,
    out: str | None,
    *,
    predictions: bool,
    watch: Watch = iter,
) -> list[str]:
    """Export a study's trials, and return a line for each file or storage written.

    The default of `out` is a file in the store's folder `exports`.

    Raises:
        UserError: the target is unknown, no trial has ended, or `out` cannot be written.
        CorruptTrial: a result is truncated or altered.
    """
    if to not in TARGETS:
        raise unknown_name("target", to, TARGETS)
    target = TARGETS[to]
    if predictions and not target.has_predictions:
        raise UserError("--predictions is only available with --to csv and --to parquet")
    rows = read_rows(study.trials(), store)
    if not any(row.state in ENDED for row in rows):
        raise UserError(f"no trial of study {study.name} has ended in {store.root}: run it first")
    destination = out or str(store.exports / f"{study.name}{target.ending}")
    try:
        if out is None:
            store.exports.mkdir(exist_ok=True)
        if predictions:
            # Check both files before writing the first one.
            refuse_other(Path(destination), to)
            refuse_other(_predictions_path(destination), to)
        lines = [target.write(study.name, rows, destination, watch)]
        if predictions:
            lines.append(_write_predictions(rows, store, destination, to))
        return lines
    except OSError as error:
        raise UserError(f"cannot write {destination}: {error.strerror or error}") from error


def _file_writer(kind: str) -> Callable[[str, Sequence[TrialRow], str, Watch], str]:
    def write(_study_name: str, rows: Sequence[TrialRow], path: str, _watch: Watch) -> str:
        from reports.exports.flat import write_trials

        write_trials(rows, Path(path), kind)
        counts = Counter(row.state.value for row in rows)
        states = ", ".join(f"{count} {state}" for state, count in counts.items())
        return f"{path}: {len(rows)} trials, {states}"

    return write


def _write_predictions(rows: Sequence[TrialRow], store: Store, trials_path: str, kind: str) -> str:
    from reports.exports.flat import write_predictions

    path = _predictions_path(trials_path)
    write_predictions(rows, store, path, kind)
    return f"{path}: predictions of {sum(row.record is not None for row in rows)} trials"


def _predictions_path(trials_path: str) -> Path:
    path = Path(trials_path)
    return path.with_name(f"{path.stem}-predictions{path.suffix}")


def _write_optuna(study_name: str, rows: Sequence[TrialRow], path: str, _watch: Watch) -> str:
    from reports.exports.optuna_storage import write_storage

    done = write_storage(study_name, rows, Path(path))
    return f"{path}: {done.studies} Optuna studies, {done.trials} trials, {done.new} of them new"


def _write_mlflow(study_name: str, rows: Sequence[TrialRow], out: str, watch: Watch) -> str:
    from reports.exports.mlflow_runs import tracking_uri, write_runs

    done = write_runs(study_name, rows, out, watch)
    return f"{tracking_uri(out)}: {done.runs} MLflow runs, {done.new} of them new"


TARGETS: dict[str, Target] = {
    "csv": Target(ending=".csv", write=_file_writer("csv"), has_predictions=True),
    "mlflow": Target(ending=".mlflow.db", write=_write_mlflow),
    "optuna": Target(ending=".optuna.db", write=_write_optuna),
    "parquet": Target(ending=".parquet", write=_file_writer("parquet"), has_predictions=True),
}
