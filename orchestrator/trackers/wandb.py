"""Weights & Biases: one run per trial in the study's project; the run's id is the signature.

W&B's own environment variables (`WANDB_MODE`, `WANDB_API_KEY`, `WANDB_BASE_URL`, `WANDB_ENTITY`,
...) choose between online and offline, the server and the account.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.paths import check_writable
from orchestrator.tracker import TrackedTrial, Tracker
from reports.exports.rows import TrialRow, run_name, settings
from trainers.records.store import State, Store

ANSWER_SECONDS = 30
"""Seconds to wait for the server when a run begins; W&B's default is 90."""


class WeightsAndBiases(Tracker):
    """One trial's run."""

    package = "wandb"
    install = "catsweep[wandb]"

    @classmethod
    def locate(cls, given: str | None, study: str, store: Store) -> str:
        """Return the folder in which W&B creates its folder `wandb`."""
        return str(Path(_folder(given)).absolute())

    @classmethod
    def check(cls, given: str | None) -> None:
        """Raise UserError if the folder is not writable."""
        check_writable("--track wandb:", Path(_folder(given)))

    def begin(self, trial: TrackedTrial, last_epoch: int | None) -> int:
        """Begin the run or continue it.

        A continued offline run gets a second folder with the same id; `wandb sync` joins them.
        """
        import wandb

        self.run: Any = wandb.init(
            project=trial.study,
            id=trial.config.signature,
            name=run_name(trial.config),
            group=f"{trial.config.task} {Path(trial.config.encoder).name}",
            job_type=trial.config.method.name,
            config=settings(trial.config),
            dir=trial.location,
            resume="allow",
            settings=wandb.Settings(console="off", silent=True, init_timeout=ANSWER_SECONDS),
        )
        logged = max(0, int(self.run.starting_step) - 1)
        if last_epoch is None and logged:
            self.run.finish()
            raise RuntimeError(
                f"the run {trial.config.signature} has {logged} epochs of an earlier attempt, and"
                " W&B does not overwrite them: delete that run"
            )
        return max(logged, last_epoch or 0)

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Queue the values; W&B sends them from its own process."""
        self.run.log(dict(values), step=epoch)

    def end(self, row: TrialRow) -> None:
        """End the run with the scores as its summary; return when everything is sent or written."""
        self.run.summary.update({"state": row.state.value, **row.scores})
        self.run.finish(exit_code=1 if row.state is State.FAILED else 0)


def _folder(given: str | None) -> str:
    return given or os.environ.get("WANDB_DIR") or "."
