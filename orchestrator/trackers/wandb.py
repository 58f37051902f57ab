"""Weights & Biases: a run per trial, with the trial's signature as its id, in the study's project.

Online or offline, to which server and for whom: by W&B's own variables (`WANDB_MODE`,
`WANDB_API_KEY`, `WANDB_BASE_URL`, `WANDB_ENTITY`, ...).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.places import check_writable
from orchestrator.tracker import Tracker, Trial
from reports.exports.rows import TrialRow, run_name, settings
from trainers.records.store import State, Store

PATIENCE = 30
"""Seconds for the server's answer at the beginning of a run; W&B's own are 90."""


class WeightsAndBiases(Tracker):
    """One trial's run."""

    package = "wandb"
    install = "catsweep[wandb]"

    @classmethod
    def place(cls, given: str | None, study: str, store: Store) -> str:
        """Return the folder in which W&B makes its folder `wandb`."""
        return str(Path(_folder(given)).absolute())

    @classmethod
    def check(cls, given: str | None) -> None:
        """Look whether the folder can be written."""
        check_writable("--track wandb:", Path(_folder(given)))

    def begin(self, trial: Trial, told: int | None) -> int:
        """Begin the run, or go on with it.

        An offline run that goes on is a second folder of the same id: `wandb sync` joins them.
        """
        import wandb

        self.run: Any = wandb.init(
            project=trial.study,
            id=trial.config.signature,
            name=run_name(trial.config),
            group=f"{trial.config.task} {Path(trial.config.encoder).name}",
            job_type=trial.config.method.name,
            config=settings(trial.config),
            dir=trial.place,
            resume="allow",
            settings=wandb.Settings(console="off", silent=True, init_timeout=PATIENCE),
        )
        there = max(0, int(self.run.starting_step) - 1)
        if told is None and there:
            self.run.finish()
            raise RuntimeError(
                f"its run {trial.config.signature} has {there} epochs of an earlier attempt, and"
                " W&B does not overwrite them: delete that run"
            )
        return max(there, told or 0)

    def tell(self, epoch: int, values: Mapping[str, float]) -> None:
        """Hand the values on; W&B sends them from a process of its own."""
        self.run.log(dict(values), step=epoch)

    def end(self, row: TrialRow) -> None:
        """End the run, with the scores as its summary; returns when all is sent or written."""
        self.run.summary.update({"state": row.state.value, **row.scores})
        self.run.finish(exit_code=1 if row.state is State.FAILED else 0)


def _folder(given: str | None) -> str:
    return given or os.environ.get("WANDB_DIR") or "."
