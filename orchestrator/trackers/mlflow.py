"""MLflow: a run per trial while it trains, where `catsweep export --to mlflow` would write it.

The run is found by its tag, the signature. An export afterwards leaves it as it is.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from orchestrator.places import check_writable
from orchestrator.tracker import LOSS, Tracker, Trial
from reports.exports.mlflow_runs import LiveRun, open_experiment
from reports.exports.rows import TrialRow
from search_spaces.errors import UserError
from trainers.records.store import Store


class MLflow(Tracker):
    """One trial's run."""

    package = "mlflow"
    install = "catsweep[mlflow]"

    @classmethod
    def place(cls, given: str | None, study: str, store: Store) -> str:
        """Return a tracking URI, or the path of a SQLite file: by default that of an export."""
        found = given or os.environ.get("MLFLOW_TRACKING_URI")
        found = found or str(store.exports / f"{study}.mlflow.db")
        return found if "://" in found else str(Path(found).absolute())

    @classmethod
    def check(cls, given: str | None) -> None:
        """Look whether the file's folder can be written."""
        if given and "://" not in given:
            if Path(given).is_dir():
                raise UserError(f"--track mlflow:{given} is a folder: give a file's name or a URI")
            check_writable("--track mlflow:", Path(given).parent)

    @classmethod
    def prepare(cls, study: str, place: str) -> None:
        """Make the experiment, before several workers would."""
        open_experiment(study, place)

    def begin(self, trial: Trial, told: int | None) -> int:
        """Begin the run, or go on with it; runs of an earlier attempt are deleted."""
        self.run = LiveRun(trial.study, trial.place, trial.config)
        return self.run.resume() if told is not None else self.run.begin()

    def tell(self, epoch: int, values: Mapping[str, float]) -> None:
        """Send the score and the losses, named as an export names them."""
        losses = {key.removeprefix(LOSS): v for key, v in values.items() if key.startswith(LOSS)}
        self.run.tell(epoch, values["score"], losses)

    def end(self, row: TrialRow) -> None:
        """Send the scores, then the status."""
        self.run.end(row)
