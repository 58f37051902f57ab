"""MLflow: one run per trial, in the place where `catsweep export --to mlflow` would write it.

A run is found by the trial's signature, which is a tag. A later export does not change it.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from orchestrator.paths import check_writable
from orchestrator.tracker import LOSS, TrackedTrial, Tracker
from reports.exports.mlflow_runs import LiveRun, open_experiment
from reports.exports.rows import TrialRow
from search_spaces.errors import UserError
from trainers.records.store import Store


class MLflow(Tracker):
    """One trial's run."""

    package = "mlflow"
    install = "catsweep[mlflow]"

    @classmethod
    def locate(cls, given: str | None, study: str, store: Store) -> str:
        """Return a tracking URI, or the path of a SQLite file (default: the file of an export)."""
        found = given or os.environ.get("MLFLOW_TRACKING_URI")
        found = found or str(store.exports / f"{study}.mlflow.db")
        return found if "://" in found else str(Path(found).absolute())

    @classmethod
    def check(cls, given: str | None) -> None:
        """Raise UserError if the folder of the file is not writable."""
        if given and "://" not in given:
            if Path(given).is_dir():
                raise UserError(f"--track mlflow:{given} is a folder: give a file's name or a URI")
            check_writable("--track mlflow:", Path(given).parent)

    @classmethod
    def prepare(cls, study: str, location: str) -> None:
        """Create the experiment once, before several workers try to."""
        open_experiment(study, location)

    def begin(self, trial: TrackedTrial, last_epoch: int | None) -> int:
        """Begin the run or continue it; runs of an earlier attempt are deleted."""
        self.run = LiveRun(trial.study, trial.location, trial.config)
        return self.run.resume() if last_epoch is not None else self.run.begin()

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Send the score and the losses under the names that an export uses."""
        losses = {key.removeprefix(LOSS): v for key, v in values.items() if key.startswith(LOSS)}
        self.run.tell(epoch, values["score"], losses)

    def end(self, row: TrialRow) -> None:
        """Send the scores, then the status."""
        self.run.end(row)
