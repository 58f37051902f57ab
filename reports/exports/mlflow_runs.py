"""Export to MLflow: a run per trial, an experiment per study, in a SQLite file or on a server.

In: `TrialRow`s, or one trial in training. Out: runs. An existing run is kept; it is replaced if its
trial has ended differently since. mlflow (the extra `mlflow`) is imported when it is needed.
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
    # By default MLflow prints two URLs for each run on a server,
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # and retries for more than four minutes if the server does not answer.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    # Timeout of each attempt in seconds; MLflow's default is 120.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
SIGNATURE = "catsweep.signature"
PAGE = 1_000
BATCH = 1_000
"""The largest number of metrics that MLflow accepts in one request."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """The number of exported runs in the experiment, and how many of them are new."""

    runs: int
    new: int


def tracking_uri(out: str) -> str:
    """Return a tracking URI unchanged, and a path as the URI of a SQLite file."""
    return out if "://" in out else f"sqlite:///{Path(out).absolute()}"


def write_runs(study_name: str, rows: Sequence[TrialRow], out: str, watch: Watch = iter) -> Written:
    """Write a run for each trial that has ended: settings, scores, and losses by epoch.

    Raises:
        UserError: MLflow or the driver of its storage is not installed, or the storage or server
            rejects the runs.
    """
    if find_spec("mlflow") is None:
        raise UserError("export to mlflow needs mlflow-skinny: pip install 'catsweep[mlflow]'")
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    ended = [row for row in rows if row.state in ENDED]
    try:
        client, experiment = open_experiment(study_name, out)
        existing = _find_runs(client, experiment)
        new = [row for row in ended if not _keep_run(client, existing.get(row.signature), row)]
        for row in watch(new):
            _write_run(client, experiment, row)
    except (MlflowException, SQLAlchemyError, sqlite3.Error, ImportError) as error:
        raise UserError(f"MLflow at {out}: {one_line(error)}") from error
    return Written(runs=len(ended), new=len(new))


def open_experiment(study_name: str, out: str) -> tuple[Any, str]:
    """Return an MLflow client and the id of the study's experiment, which is created if needed."""
    for name, value in MLFLOW_SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):  # They log every table that they create.
        logging.getLogger(name).setLevel(logging.WARNING)
    if "://" not in out:
        _check_sqlite(Path(out))
    client = MlflowClient(tracking_uri=tracking_uri(out))
    return client, _get_experiment(client, study_name, out)


def _check_sqlite(path: Path) -> None:
    """Check that SQLite can open the file: MLflow would retry for minutes."""
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as base:
        base.execute("SELECT count(*) FROM sqlite_master")


def _get_experiment(client: Any, study_name: str, out: str) -> str:
    """Return the id of the study's experiment; its artifacts belong next to the SQLite file."""
    found = client.get_experiment_by_name(study_name)
    if found is not None:
        return str(found.experiment_id)
    artifacts = None if "://" in out else Path(out).absolute().with_suffix(".artifacts").as_uri()
    return str(client.create_experiment(study_name, artifact_location=artifacts))


def _find_runs(client: Any, experiment: str) -> dict[str, list[Any]]:
    """Return the experiment's runs by the signature of their trial."""
    found: dict[str, list[Any]] = {}
    token = None
    while True:
        page = client.search_runs([experiment], max_results=PAGE, page_token=token)
        for run in page:
            found.setdefault(run.data.tags.get(SIGNATURE, ""), []).append(run)
        token = page.token
        if not token:
            return found


def _keep_run(client: Any, runs: Sequence[Any] | None, row: TrialRow) -> bool:
    """Return whether a trial has an up-to-date run; delete all other runs of the trial."""
    expected = (STATUS[row.state], _milliseconds(row.ended_at))
    current = [run for run in runs or () if (run.info.status, run.info.end_time) == expected]
    for run in runs or ():
        if run not in current[:1]:
            client.delete_run(run.info.run_id)
    return bool(current)


def _write_run(client: Any, experiment: str, row: TrialRow) -> None:
    """Write one run; its status comes last, so that an incomplete run is recognized."""
    run = _create_run(client, experiment, row.config, began=_milliseconds(row.began_at))
    metrics = _metrics(row)
    for start in range(0, len(metrics), BATCH):
        client.log_batch(run, metrics=metrics[start : start + BATCH])
    _end_run(client, run, row)


def _create_run(client: Any, experiment: str, config: TrialConfig, *, began: int | None) -> str:
    """Create a run with a trial's settings, and return its id."""
    from mlflow.entities import Param

    tags = {SIGNATURE: config.signature}
    run = client.create_run(
        experiment, start_time=began, tags=tags, run_name=run_name(config)
    ).info.run_id
    params = [Param(key, str(value)) for key, value in settings(config).items()]
    client.log_batch(run, params=params)
    return str(run)


def _end_run(client: Any, run: str, row: TrialRow) -> None:
    """Write how a trial ended, then its run's status; an interrupted trial's is KILLED."""
    client.set_tag(run, "catsweep.state", row.state.value)
    if row.reason:
        client.set_tag(run, "catsweep.reason", row.reason)
    status = STATUS.get(row.state, "KILLED")
    client.set_terminated(run, status, end_time=_milliseconds(row.ended_at))


def _metrics(row: TrialRow) -> list[Any]:
    """Return score and losses by epoch, then the results of the whole trial, with time stamps."""
    from mlflow.entities import Metric

    clock, found = _milliseconds(row.began_at) or 0, []
    for epoch in row.epochs:
        clock += round(1000 * (epoch.train_seconds + epoch.evaluate_seconds))
        losses = {f"loss.{name}": value for name, value in epoch.losses.items()}
        found += [
            Metric(key, value, clock, epoch.epoch)
            for key, value in ({"score": epoch.score} | losses).items()
        ]
    return found + _final_metrics(row)


def _final_metrics(row: TrialRow) -> list[Any]:
    """Return the results of the whole trial, at its end."""
    from mlflow.entities import Metric

    ended, last = _milliseconds(row.ended_at) or 0, len(row.epochs)
    values = dict(row.scores)
    if row.seconds is not None:
        values["seconds"] = row.seconds
    return [Metric(key, value, ended, last) for key, value in values.items()]


class LiveRun:
    """The run of one trial during training; when it ends, it equals an exported run."""

    def __init__(self, study_name: str, out: str, config: TrialConfig) -> None:
        self.client, self.experiment = open_experiment(study_name, out)
        self.config, self.run = config, ""

    def _runs(self) -> list[str]:
        named = f"tags.`{SIGNATURE}` = '{self.config.signature}'"
        found = self.client.search_runs([self.experiment], filter_string=named)
        return [run.info.run_id for run in found]

    def begin(self) -> int:
        """Begin a run, and delete runs of earlier attempts."""
        for run in self._runs():
            self.client.delete_run(run)
        self.run = _create_run(self.client, self.experiment, self.config, began=None)
        return 0

    def resume(self) -> int:
        """Continue the trial's run, and return its last epoch."""
        runs = self._runs()
        if not runs:
            return self.begin()
        self.run = runs[0]
        self.client.update_run(self.run, status="RUNNING")
        points = self.client.get_metric_history(self.run, "score")
        return max((point.step for point in points), default=0)

    def tell(self, epoch: int, score: float, losses: Mapping[str, float]) -> None:
        """Write the score and the losses of one epoch."""
        from mlflow.entities import Metric

        now = _milliseconds(datetime.now(UTC)) or 0
        named = {"score": score} | {f"loss.{name}": value for name, value in losses.items()}
        points = [Metric(key, value, now, epoch) for key, value in named.items()]
        self.client.log_batch(self.run, metrics=points)

    def end(self, row: TrialRow) -> None:
        """Write the results of the whole trial, and how it ended."""
        if row.scores:
            self.client.log_batch(self.run, metrics=_final_metrics(row))
        _end_run(self.client, self.run, row)


def _milliseconds(moment: datetime | None) -> int | None:
    return round(moment.timestamp() * 1000) if moment else None
