"""MLflow: a run per trial, in one experiment per study, in a SQLite file or on a tracking server.

In: `TrialRow`s, or one trial that trains. Out: runs; one that is there is left alone, one whose
trial ended differently since is written anew. Importer of mlflow (the extra `mlflow`), when it is
called.
"""

import logging
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reports.exports.rows import ENDED, TrialRow, Watch, run_name, settings
from search_spaces.errors import UserError
from search_spaces.text import one_line
from search_spaces.trial import TrialConfig
from trainers.records.store import State

STATUS = {State.DONE: "FINISHED", State.PRUNED: "KILLED", State.FAILED: "FAILED"}
MLFLOW_SETTINGS = {
    # Else it prints two lines of addresses for each run on a server,
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # and asks one that does not answer for more than four minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    # Seconds for each of these tries; MLflow's own are 120.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
SIGNATURE = "catsweep.signature"
PAGE = 1_000
BATCH = 1_000
"""The most metrics that MLflow takes at a time."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """How many runs the experiment has of what was exported, and how many are new."""

    runs: int
    new: int


def tracking_uri(out: str) -> str:
    """Return a tracking URI as it is, and a path as that of a SQLite file."""
    return out if "://" in out else f"sqlite:///{Path(out).absolute()}"


def write_runs(study: str, rows: Sequence[TrialRow], out: str, watch: Watch = iter) -> Written:
    """Write a run for each trial that ended: settings, scores, losses and score per epoch.

    Raises:
        UserError: MLflow or its storage's driver is not installed, or the storage or server does
            not take the runs.
    """
    if find_spec("mlflow") is None:
        raise UserError("export to mlflow needs mlflow-skinny: pip install 'catsweep[mlflow]'")
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    ended = [row for row in rows if row.state in ENDED]
    try:
        client, experiment = open_experiment(study, out)
        there = _there(client, experiment)
        new = [row for row in ended if not _kept(client, there.get(row.signature), row)]
        for row in watch(new):
            _write(client, experiment, row)
    except (MlflowException, SQLAlchemyError, sqlite3.Error, ImportError) as error:
        raise UserError(f"MLflow at {out}: {one_line(error)}") from error
    return Written(runs=len(ended), new=len(new))


def open_experiment(study: str, out: str) -> tuple[Any, str]:
    """Return a client of MLflow, and the number of the study's experiment; made if need be."""
    for name, value in MLFLOW_SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):  # They tell of each table that they make.
        logging.getLogger(name).setLevel(logging.WARNING)
    if "://" not in out:
        _check_file(Path(out))
    client = MlflowClient(tracking_uri=tracking_uri(out))
    return client, _experiment(client, study, out)


def _check_file(path: Path) -> None:
    """Look whether SQLite opens it: MLflow would try for minutes."""
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as base:
        base.execute("SELECT count(*) FROM sqlite_master")


def _experiment(client: Any, study: str, out: str) -> str:
    """Return the number of the study's experiment; artifacts would lie beside the SQLite file."""
    found = client.get_experiment_by_name(study)
    if found is not None:
        return str(found.experiment_id)
    place = None if "://" in out else Path(out).absolute().with_suffix(".artifacts").as_uri()
    return str(client.create_experiment(study, artifact_location=place))


def _there(client: Any, experiment: str) -> dict[str, list[Any]]:
    """Return the experiment's runs by their trial's signature."""
    found: dict[str, list[Any]] = {}
    token = None
    while True:
        page = client.search_runs([experiment], max_results=PAGE, page_token=token)
        for run in page:
            found.setdefault(run.data.tags.get(SIGNATURE, ""), []).append(run)
        token = page.token
        if not token:
            return found


def _kept(client: Any, runs: Sequence[Any] | None, row: TrialRow) -> bool:
    """Say whether a trial's run is there as it should be; delete one that is not."""
    as_stored = (STATUS[row.state], _milliseconds(row.ended_at))
    good = [run for run in runs or () if (run.info.status, run.info.end_time) == as_stored]
    for run in runs or ():
        if run not in good[:1]:
            client.delete_run(run.info.run_id)
    return bool(good)


def _write(client: Any, experiment: str, row: TrialRow) -> None:
    """Write one run; its status comes last, so that half a run is never taken for a whole one."""
    run = _create(client, experiment, row.config, began=_milliseconds(row.began_at))
    metrics = _metrics(row)
    for start in range(0, len(metrics), BATCH):
        client.log_batch(run, metrics=metrics[start : start + BATCH])
    _end(client, run, row)


def _create(client: Any, experiment: str, config: TrialConfig, *, began: int | None) -> str:
    """Make a run with a trial's settings; return its number."""
    from mlflow.entities import Param

    tags = {SIGNATURE: config.signature}
    run = client.create_run(
        experiment, start_time=began, tags=tags, run_name=run_name(config)
    ).info.run_id
    params = [Param(key, str(value)) for key, value in settings(config).items()]
    client.log_batch(run, params=params)
    return str(run)


def _end(client: Any, run: str, row: TrialRow) -> None:
    """Write how a trial ended, and then its run's status; one that is to go on is KILLED."""
    client.set_tag(run, "catsweep.state", row.state.value)
    if row.reason:
        client.set_tag(run, "catsweep.reason", row.reason)
    status = STATUS.get(row.state, "KILLED")
    client.set_terminated(run, status, end_time=_milliseconds(row.ended_at))


def _metrics(row: TrialRow) -> list[Any]:
    """Score and losses by epoch, then what the whole trial gave; each has a time."""
    from mlflow.entities import Metric

    clock, found = _milliseconds(row.began_at) or 0, []
    for epoch in row.epochs:
        clock += round(1000 * (epoch.train_seconds + epoch.evaluate_seconds))
        losses = {f"loss.{name}": value for name, value in epoch.losses.items()}
        found += [
            Metric(key, value, clock, epoch.epoch)
            for key, value in ({"score": epoch.score} | losses).items()
        ]
    return found + _whole(row)


def _whole(row: TrialRow) -> list[Any]:
    """What the whole trial gave, at its end."""
    from mlflow.entities import Metric

    ended, last = _milliseconds(row.ended_at) or 0, len(row.epochs)
    whole = dict(row.scores)
    if row.seconds is not None:
        whole["seconds"] = row.seconds
    return [Metric(key, value, ended, last) for key, value in whole.items()]


class LiveRun:
    """The run of one trial while it trains; an export finds it as it would have written it."""

    def __init__(self, study: str, out: str, config: TrialConfig) -> None:
        self.client, self.experiment = open_experiment(study, out)
        self.config, self.run = config, ""

    def _runs(self) -> list[str]:
        named = f"tags.`{SIGNATURE}` = '{self.config.signature}'"
        found = self.client.search_runs([self.experiment], filter_string=named)
        return [run.info.run_id for run in found]

    def begin(self) -> int:
        """Begin a run; those that the trial has are of an earlier attempt, and are deleted."""
        for run in self._runs():
            self.client.delete_run(run)
        self.run = _create(self.client, self.experiment, self.config, began=None)
        return 0

    def resume(self) -> int:
        """Go on with the trial's run; return the last epoch that it has."""
        runs = self._runs()
        if not runs:
            return self.begin()
        self.run = runs[0]
        self.client.update_run(self.run, status="RUNNING")
        points = self.client.get_metric_history(self.run, "score")
        return max((point.step for point in points), default=0)

    def tell(self, epoch: int, score: float, losses: Mapping[str, float]) -> None:
        """Write one epoch: the losses by name."""
        from mlflow.entities import Metric

        now = _milliseconds(datetime.now(UTC)) or 0
        named = {"score": score} | {f"loss.{name}": value for name, value in losses.items()}
        points = [Metric(key, value, now, epoch) for key, value in named.items()]
        self.client.log_batch(self.run, metrics=points)

    def end(self, row: TrialRow) -> None:
        """Write what the whole trial gave, and how it ended."""
        if row.scores:
            self.client.log_batch(self.run, metrics=_whole(row))
        _end(self.client, self.run, row)


def _milliseconds(moment: datetime | None) -> int | None:
    return round(moment.timestamp() * 1000) if moment else None
