"""The runner as Ray Tune knows it: an actor that is reused from trial to trial.

In: `config["trial"]`, a trial's canonical JSON, and the launch's Job. Out: through Ray only "done"
and the curve of scores, for searches; results go to the store.
"""

import gc
import json
import time
from typing import TYPE_CHECKING, Any

from ray import tune

from orchestrator.job import Job, spin_briefly
from search_spaces.errors import UserError
from search_spaces.trial import parse_trial
from trainers.records.files import StoreFull, Unreadable

if TYPE_CHECKING:
    from orchestrator.runner import TrialRunner

REPORT_SECONDS = 10.0
PARTING_SECONDS = 3.0


class TrialWorker(tune.Trainable):  # type: ignore[misc]
    """One actor, many trials: `step` trains some epochs, `reset_config` names the next trial.

    A trial is begun in its first step. Before that Tune may give it to another actor that is free
    earlier, and a lock that this one held would keep that one from training it.
    """

    def setup(self, config: dict[str, Any], job: str = "") -> None:
        """Open the store; the first trial is to come."""
        self.stop_sweep: str | None = None
        self.next_trial: str | None = config["trial"]
        try:
            gpus = self.trial_resources.required_resources.get("GPU", 0.0)
            self.runner = _build_runner(Job.model_validate_json(job), gpus)
        except UserError as error:
            self.stop_sweep = str(error)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another trial in the same process."""
        self.next_trial = new_config["trial"]
        return True

    def step(self) -> dict[str, Any]:
        """Train for some seconds.

        `stop_sweep` is a line for the user when no trial can succeed; `crowded` says that this one
        ran out of memory beside others, and is to be planned anew; `stopped` that it was not begun,
        since its setting was stopped; `remark` is a line about it, and `trackers` a line for each
        tracker that failed.
        """
        done = True
        if self.stop_sweep is None:
            try:
                done = self._advance()
            except (StoreFull, Unreadable) as error:
                self.stop_sweep = str(error)
        crowded = self.stop_sweep is None and self.runner.crowded
        stopped = self.stop_sweep is None and self.runner.stopped
        told = {"done": done, "stop_sweep": self.stop_sweep, "crowded": crowded, "stopped": stopped}
        return told | self._take_remarks() | self._curve()

    def _take_remarks(self) -> dict[str, Any]:
        """Return what there is to say of the trial and of trackers, once."""
        if self.stop_sweep:
            return {}
        said, self.runner.remark = self.runner.remark, None
        trackers = self.runner.tracking.remarks()
        return ({"remark": said} if said else {}) | (
            {"trackers": json.dumps(trackers)} if trackers else {}
        )

    def cleanup(self) -> None:
        """End what trackers have of a trial that was stopped, in a few seconds."""
        if self.stop_sweep is None:
            self.runner.tracking.end(PARTING_SECONDS)

    def _curve(self) -> dict[str, Any]:
        """Return where the trial's curve ends, and the curve as JSON; nothing before an epoch."""
        curve = [] if self.stop_sweep else self.runner.curve
        if not curve:
            return {}
        score = self.runner.score
        return {"epoch": curve[-1]["epoch"], "score": score, "curve": json.dumps(curve)}

    def _advance(self) -> bool:
        """Train epochs until the trial is over or REPORT_SECONDS are: each report costs some ms."""
        if self.next_trial is not None:
            trial, self.next_trial = self.next_trial, None
            self.runner.start(parse_trial(trial))
        start = time.monotonic()
        while not self.runner.advance():
            if self.runner.job.every_epoch or time.monotonic() - start > REPORT_SECONDS:
                return False
        return True


def _build_runner(job: Job, gpus: float) -> "TrialRunner":
    """Import torch and transformers without looking for garbage among what stays; then begin."""
    spin_briefly()
    gc.disable()
    from orchestrator.runner import TrialRunner

    gc.freeze()
    gc.enable()
    return TrialRunner(job, gpus)
