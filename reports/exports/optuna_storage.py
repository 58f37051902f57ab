"""Optuna: a SQLite storage that optuna-dashboard opens, with one Optuna study per cell.

In: `TrialRow`s. Out: the file, in which a cell's trials are as the store has them: a cell in which
nothing changed is left alone, another one is written anew, and nothing is there twice.
Optuna makes the tables and the studies; the trials go into its tables directly, because its own
`add_trials` commits one at a time: 10,000 take minutes. Importer of optuna, when it is called.
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
    """How many studies and trials the storage has of what was exported, and how many are new."""

    studies: int
    trials: int
    new: int


def write_storage(study: str, rows: Sequence[TrialRow], path: Path) -> Written:
    """Write the trials that ended, each cell's as the Optuna study `STUDY/task/encoder/method`.

    Parameters are the settings in which the cell's trials differ, and lr; the seed is an attribute.

    Raises:
        UserError: the file is no SQLite storage of Optuna's, of a schema that this file does not
            write, or a study in it has trials that catsweep did not write.
    """
    cells: dict[str, list[TrialRow]] = {}
    for row in rows:
        cells.setdefault("/".join((study, *row.config.cell)), []).append(row)
    ended = {name: [row for row in cell if row.state in ENDED] for name, cell in cells.items()}
    ended = {name: cell for name, cell in ended.items() if cell}
    try:
        numbers = _prepare(path, study, ended)
        with closing(sqlite3.connect(path)) as base, base:
            new = sum(
                _write_cell(base, numbers[name], name, cell, distributions(cells[name]))
                for name, cell in ended.items()
            )
    except sqlite3.Error as error:
        raise UserError(f"{path}: {one_line(error)}") from error
    return Written(studies=len(ended), trials=sum(map(len, ended.values())), new=new)


def _prepare(path: Path, study: str, cells: Mapping[str, Sequence[TrialRow]]) -> dict[str, int]:
    """Let Optuna make its tables and the studies that are not there; return their numbers."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path.absolute()}")
    except (SQLAlchemyError, RuntimeError) as error:
        if "unable to open database file" in str(error):
            raise UserError(
                f"cannot write {path}: it, or its folder, may not be written"
            ) from error
        raise UserError(f"{path} is no Optuna storage: {one_line(error)}") from error
    try:
        known = {found.study_name for found in storage.get_all_studies()}
        for name in cells.keys() - known:
            new = storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], name)
            task, encoder, method = cells[name][0].config.cell
            about = {"study": study, "task": task, "encoder": encoder, "method": method}
            for key, value in about.items():
                storage.set_study_user_attr(new, key, value)
        return {name: storage.get_study_id_from_name(name) for name in cells}
    finally:
        storage.remove_session()
        storage.engine.dispose()


def distributions(rows: Sequence[TrialRow]) -> dict[str, "BaseDistribution"]:
    """Say from what a cell's trials were drawn: the range or the values of each axis, by name."""
    values: dict[str, dict[Scalar, None]] = {}
    for row in rows:
        for name, value in settings(row.config).items():
            values.setdefault(name, {})[value] = None
    differing = (name for name, found in values.items() if len(found) > 1 or name == "lr")
    return {name: _distribution(list(values[name])) for name in differing if name not in NO_AXIS}


def _distribution(values: Sequence[Scalar]) -> "BaseDistribution":
    """Numbers have a range, logarithmic when it spans a factor of ten; all else has choices."""
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
    """Bring one Optuna study up to date; return how many of its trials were not there before."""
    from optuna.distributions import distribution_to_json

    (version,) = base.execute("SELECT schema_version FROM version_info").fetchone()
    if version != SCHEMA:
        raise UserError(
            f"catsweep writes version {SCHEMA} of Optuna's tables, and they have version {version}:"
            " install optuna 4 or 5, and export to a new file"
        )
    texts = {axis: distribution_to_json(found) for axis, found in axes.items()}
    there = _there(base, study_id, name)
    axes_text = json.dumps(texts)
    wanted = {r.signature: (STATES[r.state], _local(r.ended_at), axes_text) for r in rows}
    if there == wanted:
        return 0
    _clear(base, study_id)
    _insert(base, study_id, rows, axes, texts)
    return len(wanted.keys() - there.keys())


def _there(
    base: sqlite3.Connection, study_id: int, name: str
) -> dict[str, tuple[str, str | None, str]]:
    """Return state, end and axes of a study's trials by signature, as they are in the file."""
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
            f"the Optuna study {name} has trials that catsweep did not write: give another --out"
        )
    return {json.loads(key): (state, end, json.loads(axes)) for state, end, key, axes in found}


def _clear(base: sqlite3.Connection, study_id: int) -> None:
    for table in CHILDREN:
        base.execute(
            f"DELETE FROM {table} WHERE trial_id IN"
            " (SELECT trial_id FROM trials WHERE study_id = ?)",
            (study_id,),
        )
    base.execute("DELETE FROM trials WHERE study_id = ?", (study_id,))


def _insert(
    base: sqlite3.Connection,
    study_id: int,
    rows: Sequence[TrialRow],
    axes: Mapping[str, "BaseDistribution"],
    texts: Mapping[str, str],
) -> None:
    """Insert trials and all that hangs on them, table by table."""
    (last,) = base.execute("SELECT COALESCE(MAX(trial_id), 0) FROM trials").fetchone()
    numbered = [(last + 1 + place, row) for place, row in enumerate(rows)]
    trials = [
        (trial, place, study_id, STATES[row.state], _local(row.began_at), _local(row.ended_at))
        for place, (trial, row) in enumerate(numbered)
    ]
    params = [
        (trial, axis, axes[axis].to_internal_repr(values[axis]), texts[axis])
        for trial, row in numbered
        for values in [settings(row.config)]
        for axis in axes
    ]
    scores = [(trial, row.score) for trial, row in numbered if row.score is not None]
    curves = [(trial, epoch.epoch, epoch.score) for trial, row in numbered for epoch in row.epochs]
    about = [
        (trial, key, json.dumps(value))
        for trial, row in numbered
        for key, value in _attributes(row).items()
    ]
    marks = [(trial, json.dumps(json.dumps(texts))) for trial, _ in numbered]
    for statement, values in (
        ("trials VALUES (?, ?, ?, ?, ?, ?)", trials),
        ("trial_params VALUES (NULL, ?, ?, ?, ?)", params),
        ("trial_values VALUES (NULL, ?, 0, ?, 'FINITE')", scores),
        ("trial_intermediate_values VALUES (NULL, ?, ?, ?, 'FINITE')", curves),
        ("trial_user_attributes VALUES (NULL, ?, ?, ?)", about),
        ("trial_system_attributes VALUES (NULL, ?, 'catsweep:axes', ?)", marks),
    ):
        base.executemany(f"INSERT INTO {statement}", values)


def _attributes(row: TrialRow) -> dict[str, Any]:
    """What is known of a trial beside its parameters, value and curve."""
    record = row.record
    about: dict[str, Any] = {"signature": row.signature, "seed": row.config.seed}
    about |= {"selection": record.selection, "metric": record.metric} if record else {}
    about |= row.scores
    known = {"seconds": row.seconds, "reason": row.reason}
    return about | {key: value for key, value in known.items() if value is not None}


def _local(moment: datetime | None) -> str | None:
    """Optuna keeps local time, and SQLAlchemy in this form."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f") if moment else None
