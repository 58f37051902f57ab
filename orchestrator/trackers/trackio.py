"""Trackio: a run per trial, named by the trial's signature, in the study's project.

In a folder, or in a Space or on a server as Trackio's own variables say (`TRACKIO_SPACE_ID`,
`TRACKIO_SERVER_URL`).
"""

import os
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

from orchestrator.places import check_writable
from orchestrator.tracker import Tracker, Trial
from reports.exports.rows import TrialRow, settings
from trainers.records.store import Store

FOLDER = "TRACKIO_DIR"
ELSEWHERE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")


def _last_step(project: str, run: str) -> int:
    """Return the last step in the folder: a kill loses what was told and not yet written."""
    from trackio.sqlite_storage import SQLiteStorage

    return SQLiteStorage.get_max_step_for_run(project, run) or 0


class Trackio(Tracker):
    """One trial's run."""

    package = "trackio"
    install = "catsweep[trackio]"

    @classmethod
    def place(cls, given: str | None, study: str, store: Store) -> str:
        """Return the folder, or nothing where Trackio is to use its own."""
        return str(Path(given).absolute()) if given else ""

    @classmethod
    def check(cls, given: str | None) -> None:
        """Look whether the folder can be written."""
        if given:
            check_writable("--track trackio:", Path(given))

    def begin(self, trial: Trial, told: int | None) -> int:
        """Begin the run, or go on with it; one of an earlier attempt in the folder is deleted."""
        if trial.place:
            os.environ[FOLDER] = trial.place  # Read when Trackio is imported.
        import trackio

        name, here = trial.config.signature, not any(map(os.environ.get, ELSEWHERE))
        if told is None and here:
            with suppress(ValueError):  # No such project yet.
                for run in trackio.Api().runs(trial.study):
                    if run.name == name:
                        run.delete()
        with redirect_stdout(StringIO()):  # It names its project and itself.
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
        if told is None:
            return 0
        return min(told, _last_step(trial.study, name)) if here else told

    def tell(self, epoch: int, values: Mapping[str, float]) -> None:
        """Hand the values on; Trackio writes or sends them from a thread of its own."""
        self.run.log(dict(values), step=epoch)

    def end(self, row: TrialRow) -> None:
        """Write the scores beside the last epoch's values, and end the run."""
        if row.scores:
            self.run.log(row.scores, step=len(row.epochs))
        with redirect_stdout(StringIO()):
            self.run.finish()
