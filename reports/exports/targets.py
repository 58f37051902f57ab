"""What a study can be exported to: TARGETS.

In: a study, the store, a place. Out: what was written there, and a line that says so.
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
    """One program's form: the ending of the file's name, and what writes it and says so."""

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
    """Write a study's trials; return a line for each thing written.

    Without `out` they go to the store's folder `exports`.

    Raises:
        UserError: no such target, nothing has ended, or the place cannot be written.
        CorruptTrial: a result is truncated or altered.
    """
    if to not in TARGETS:
        raise unknown_name("target", to, TARGETS)
    target = TARGETS[to]
    if predictions and not target.has_predictions:
        raise UserError("--predictions: only to csv and parquet")
    rows = read_rows(study.trials(), store)
    if not any(row.state in ENDED for row in rows):
        raise UserError(f"no trial of study {study.name} has ended in {store.root}: run it first")
    place = out or str(store.exports / f"{study.name}{target.ending}")
    try:
        if out is None:
            store.exports.mkdir(exist_ok=True)
        if predictions:
            refuse_other(Path(place), to)
            refuse_other(_beside(place), to)  # Before the other file is written.
        lines = [target.write(study.name, rows, place, watch)]
        return lines + ([_predictions(rows, store, place, to)] if predictions else [])
    except OSError as error:
        raise UserError(f"cannot write {place}: {error.strerror or error}") from error


def _flat(kind: str) -> Callable[[str, Sequence[TrialRow], str, Watch], str]:
    def write(_study: str, rows: Sequence[TrialRow], place: str, _watch: Watch) -> str:
        from reports.exports.flat import write_trials

        write_trials(rows, Path(place), kind)
        counts = Counter(row.state.value for row in rows)
        states = ", ".join(f"{count} {state}" for state, count in counts.items())
        return f"{place}: {len(rows)} trials, {states}"

    return write


def _predictions(rows: Sequence[TrialRow], store: Store, place: str, kind: str) -> str:
    from reports.exports.flat import write_predictions

    beside = _beside(place)
    write_predictions(rows, store, beside, kind)
    return f"{beside}: predictions of {sum(row.record is not None for row in rows)} trials"


def _beside(place: str) -> Path:
    path = Path(place)
    return path.with_name(f"{path.stem}-predictions{path.suffix}")


def _optuna(study: str, rows: Sequence[TrialRow], place: str, _watch: Watch) -> str:
    from reports.exports.optuna_storage import write_storage

    done = write_storage(study, rows, Path(place))
    return f"{place}: {done.studies} Optuna studies, {done.trials} trials, {done.new} of them new"


def _mlflow(study: str, rows: Sequence[TrialRow], place: str, watch: Watch) -> str:
    from reports.exports.mlflow_runs import tracking_uri, write_runs

    done = write_runs(study, rows, place, watch)
    return f"{tracking_uri(place)}: {done.runs} MLflow runs, {done.new} of them new"


TARGETS: dict[str, Target] = {
    "csv": Target(ending=".csv", write=_flat("csv"), has_predictions=True),
    "mlflow": Target(ending=".mlflow.db", write=_mlflow),
    "optuna": Target(ending=".optuna.db", write=_optuna),
    "parquet": Target(ending=".parquet", write=_flat("parquet"), has_predictions=True),
}
