"""Trackio: one run per trial, named by the trial's signature, in the study's project.

Runs are stored in a folder, or in a Space or on a server if Trackio's own environment variables
(`TRACKIO_SPACE_ID`, `TRACKIO_SERVER_URL`) say so.
"""

import os
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

from orchestrator.paths import check_writable
from orchestrator.tracker import TrackedTrial, Tracker
from reports.exports.rows import TrialRow, settings
from trainers.records.store import Store

FOLDER = "TRACKIO_DIR"
REMOTE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")


def _last_step(project: str, run: str) -> int:
    """Return the last step in the folder: a killed process may have logged more than it wrote."""
    from trackio.sqlite_storage import SQLiteStorage

    return SQLiteStorage.get_max_step_for_run(project, run) or 0


class Trackio(Tracker):
    """One trial's run."""

    package = "trackio"
    install = "catsweep[trackio]"

    @classmethod
    def locate(cls, given: str | None, study: str, store: Store) -> str:
        """Return the folder, or an empty string if Trackio is to use its own."""
        return str(Path(given).absolute()) if given else ""

    @classmethod
    def check(cls, given: str | None) -> None:
        """Raise UserError if the folder is not writable."""
        if given:
            check_writable("--track trackio:", Path(given))

    def begin(self, trial: TrackedTrial, last_epoch: int | None) -> int:
        """Begin the run or continue it; a run of an earlier attempt in the folder is deleted."""
        if trial.location:
            os.environ[FOLDER] = trial.location  # Read when Trackio is imported.
        import trackio

        name, is_local = trial.config.signature, not any(map(os.environ.get, REMOTE))
        if last_epoch is None and is_local:
            with suppress(ValueError):  # No such project yet.
                for run in trackio.Api().runs(trial.study):
                    if run.name == name:
                        run.delete()
        with redirect_stdout(StringIO()):  # Trackio prints its project and its name.
            self.run: Any = trackio.init(
                project=trial.study,
                name=name,
                group=trial.config.task,
                config=settings(trial.config),
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
        if last_epoch is None:
            return 0
        return min(last_epoch, _last_step(trial.study, name)) if is_local else last_epoch

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Queue the values; Trackio writes or sends them from its own thread."""
        self.run.log(dict(values), step=epoch)

    def end(self, row: TrialRow) -> None:
        """Write the scores beside the last epoch's values, and end the run."""
        if row.scores:
            self.run.log(row.scores, step=len(row.epochs))
        with redirect_stdout(StringIO()):
            self.run.finish()
