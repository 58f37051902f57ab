"""Export to Optuna: a SQLite storage for optuna-dashboard, with one Optuna study per cell.

In: `TrialRow`s. Out: the file. Exporting again updates it and never duplicates trials: a cell that
has changed is written again, others are left unchanged. Optuna creates the tables and the studies;
trials are inserted directly, because Optuna's `add_trials` commits each trial (minutes for 10,000).
optuna is imported when it is needed.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.exports.rows import ENDED, Scalar, TrialRow, settings
from search_spaces.errors import UserError
from search_spaces.text import one_line
from trainers.records.store import State

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SCHEMA = 12
"""The version of Optuna's tables that this file writes (Optuna 3.0 to 5.0)."""
STATES = {State.DONE: "COMPLETE", State.PRUNED: "PRUNED", State.FAILED: "FAIL"}
CHILDREN = (
    "trial_user_attributes",
    "trial_system_attributes",
    "trial_params",
    "trial_values",
    "trial_intermediate_values",
    "trial_heartbeats",
)
NO_AXIS = {"task", "encoder", "method", "seed"}


@dataclass(frozen=True, kw_only=True)
class Written:
    """The numbers of exported studies and trials in the storage, and how many trials are new."""

    studies: int
    trials: int
    new: int


def write_storage(study_name: str, rows: Sequence[TrialRow], path: Path) -> Written:
    """Write the trials that have ended; a cell is the Optuna study `STUDY/task/encoder/method`.

    Parameters are the settings that differ between the cell's trials, and lr; the seed is a user
    attribute.

    Raises:
        UserError: the file is not an Optuna storage in SQLite, has another schema version, or has
            trials that catsweep did not write.
    """
    cells: dict[str, list[TrialRow]] = {}
    for row in rows:
        cells.setdefault("/".join((study_name, *row.config.cell)), []).append(row)
    ended = {name: [row for row in cell if row.state in ENDED] for name, cell in cells.items()}
    ended = {name: cell for name, cell in ended.items() if cell}
    try:
        study_ids = _create_studies(path, study_name, ended)
        with closing(sqlite3.connect(path)) as base, base:
            new = sum(
                _write_cell(base, study_ids[name], name, cell, find_distributions(cells[name]))
                for name, cell in ended.items()
            )
    except sqlite3.Error as error:
        raise UserError(f"{path}: {one_line(error)}") from error
    return Written(studies=len(ended), trials=sum(map(len, ended.values())), new=new)


def _create_studies(
    path: Path, study_name: str, cells: Mapping[str, Sequence[TrialRow]]
) -> dict[str, int]:
    """Let Optuna create its tables and the missing studies; return all study ids by name."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path.absolute()}")
    except (SQLAlchemyError, RuntimeError) as error:
        if "unable to open database file" in str(error):
            raise UserError(
                f"cannot write {path}: no permission to write it or its folder"
            ) from error
        raise UserError(f"{path} is not an Optuna storage: {one_line(error)}") from error
    try:
        known = {found.study_name for found in storage.get_all_studies()}
        for name in cells.keys() - known:
            new = storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], name)
            task, encoder, method = cells[name][0].config.cell
            attributes = {"study": study_name, "task": task, "encoder": encoder, "method": method}
            for key, value in attributes.items():
                storage.set_study_user_attr(new, key, value)
        return {name: storage.get_study_id_from_name(name) for name in cells}
    finally:
        storage.remove_session()
        storage.engine.dispose()


def find_distributions(rows: Sequence[TrialRow]) -> dict[str, "BaseDistribution"]:
    """Return the distribution of each axis of a cell: its range or its values, by name."""
    values: dict[str, dict[Scalar, None]] = {}
    for row in rows:
        for name, value in settings(row.config).items():
            values.setdefault(name, {})[value] = None
    differing = (name for name, found in values.items() if len(found) > 1 or name == "lr")
    return {name: _distribution(list(values[name])) for name in differing if name not in NO_AXIS}


def _distribution(values: Sequence[Scalar]) -> "BaseDistribution":
    """Return a range for numbers, logarithmic from a factor of ten, and choices otherwise."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values):
        return CategoricalDistribution(values)
    low, high = min(numbers), max(numbers)
    log = low > 0 and high >= 10 * low
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)


def _write_cell(
    base: sqlite3.Connection,
    study_id: int,
    name: str,
    rows: Sequence[TrialRow],
    axes: Mapping[str, "BaseDistribution"],
) -> int:
    """Update one Optuna study, and return the number of new trials."""
    from optuna.distributions import distribution_to_json

    (version,) = base.execute("SELECT schema_version FROM version_info").fetchone()
    if version != SCHEMA:
        raise UserError(
            f"expected version {SCHEMA} of Optuna's tables, got version {version}: install optuna"
            " 4 or 5, and export to a new file"
        )
    texts = {axis: distribution_to_json(found) for axis, found in axes.items()}
    existing = _read_trials(base, study_id, name)
    axes_text = json.dumps(texts)
    wanted = {r.signature: (STATES[r.state], _local(r.ended_at), axes_text) for r in rows}
    if existing == wanted:
        return 0
    _delete_trials(base, study_id)
    _insert_trials(base, study_id, rows, axes, texts)
    return len(wanted.keys() - existing.keys())


def _read_trials(
    base: sqlite3.Connection, study_id: int, name: str
) -> dict[str, tuple[str, str | None, str]]:
    """Return the state, end and axes of a study's trials in the file, by signature."""
    found = base.execute(
        "SELECT state, datetime_complete, signature.value_json, axes.value_json FROM trials"
        " LEFT JOIN trial_user_attributes signature ON signature.trial_id = trials.trial_id"
        " AND signature.key = 'signature'"
        " LEFT JOIN trial_system_attributes axes ON axes.trial_id = trials.trial_id"
        " AND axes.key = 'catsweep:axes' WHERE study_id = ?",
        (study_id,),
    ).fetchall()
    if any(signature is None or axes is None for *_, signature, axes in found):
        raise UserError(
            f"the Optuna study {name} has trials that catsweep did not write: choose another --out"
        )
    return {json.loads(key): (state, end, json.loads(axes)) for state, end, key, axes in found}


def _delete_trials(base: sqlite3.Connection, study_id: int) -> None:
    for table in CHILDREN:
        base.execute(
            f"DELETE FROM {table} WHERE trial_id IN"
            " (SELECT trial_id FROM trials WHERE study_id = ?)",
            (study_id,),
        )
    base.execute("DELETE FROM trials WHERE study_id = ?", (study_id,))


def _insert_trials(
    base: sqlite3.Connection,
    study_id: int,
    rows: Sequence[TrialRow],
    axes: Mapping[str, "BaseDistribution"],
    texts: Mapping[str, str],
) -> None:
    """Insert trials with their parameters, values and attributes, table by table."""
    (last,) = base.execute("SELECT COALESCE(MAX(trial_id), 0) FROM trials").fetchone()
    numbered = [(last + 1 + number, row) for number, row in enumerate(rows)]
    trials = [
        (trial, number, study_id, STATES[row.state], _local(row.began_at), _local(row.ended_at))
        for number, (trial, row) in enumerate(numbered)
    ]
    params = [
        (trial, axis, axes[axis].to_internal_repr(values[axis]), texts[axis])
        for trial, row in numbered
        for values in [settings(row.config)]
        for axis in axes
    ]
    scores = [(trial, row.score) for trial, row in numbered if row.score is not None]
    curves = [(trial, epoch.epoch, epoch.score) for trial, row in numbered for epoch in row.epochs]
    attributes = [
        (trial, key, json.dumps(value))
        for trial, row in numbered
        for key, value in _attributes(row).items()
    ]
    axes_rows = [(trial, json.dumps(json.dumps(texts))) for trial, _ in numbered]
    for statement, values in (
        ("trials VALUES (?, ?, ?, ?, ?, ?)", trials),
        ("trial_params VALUES (NULL, ?, ?, ?, ?)", params),
        ("trial_values VALUES (NULL, ?, 0, ?, 'FINITE')", scores),
        ("trial_intermediate_values VALUES (NULL, ?, ?, ?, 'FINITE')", curves),
        ("trial_user_attributes VALUES (NULL, ?, ?, ?)", attributes),
        ("trial_system_attributes VALUES (NULL, ?, 'catsweep:axes', ?)", axes_rows),
    ):
        base.executemany(f"INSERT INTO {statement}", values)


def _attributes(row: TrialRow) -> dict[str, Any]:
    """Return the user attributes of a trial: everything but its parameters, value and curve."""
    record = row.record
    attributes: dict[str, Any] = {"signature": row.signature, "seed": row.config.seed}
    attributes |= {"selection": record.selection, "metric": record.metric} if record else {}
    attributes |= row.scores
    optional = {"seconds": row.seconds, "reason": row.reason}
    return attributes | {key: value for key, value in optional.items() if value is not None}


def _local(moment: datetime | None) -> str | None:
    """Format a time as local time, as SQLAlchemy stores it for Optuna."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f") if moment else None
