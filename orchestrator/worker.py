"""The runner as a Ray Tune actor, which is reused from trial to trial.

In: `config["trial"]`, a trial's canonical JSON, and the Job of the launch. Out: results go to the
store; Ray gets only "done", the curve of scores (for searches) and messages for the user.
"""

import gc
import json
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ray import tune

from orchestrator.job import Job, spin_briefly
from search_spaces.errors import UserError
from search_spaces.trial import parse_trial
from trainers.records.files import StoreFull, Unreadable

if TYPE_CHECKING:
    from orchestrator.runner import TrialRunner

REPORT_SECONDS = 10.0
CLEANUP_SECONDS = 3.0
PAUSE_SECONDS = 0.5


class TrialWorker(tune.Trainable):  # type: ignore[misc]
    """An actor for many trials: `step` trains some epochs, `reset_config` sets the next trial.

    A trial begins, and is locked, in its first step. Until then Tune may still give it to another
    actor, which could not train it if this one held the lock.
    """

    def setup(self, config: dict[str, Any], job: str = "") -> None:
        """Open the store; the first trial begins in the first step."""
        self.stop_sweep: str | None = None
        self.next_trial: str | None = config["trial"]
        try:
            gpus = self.trial_resources.required_resources.get("GPU", 0.0)
            self.runner = _build_runner(Job.model_validate_json(job), gpus)
        except UserError as error:
            self.stop_sweep = str(error)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Set the next trial, which runs in the same process."""
        self.next_trial = new_config["trial"]
        return True

    def step(self) -> dict[str, Any]:
        """Train for some seconds, and return a result for Tune.

        In the result, `stop_sweep` is a line for the user if no trial can succeed. `crowded` means
        that the trial ran out of memory on a shared GPU and must be planned again, `stopped` that
        it did not begin because its setting was stopped, `left` that it has saved a checkpoint, or
        did not begin, because this run must stop. `remark` is a line about the trial, and
        `trackers` has a line for each tracker that failed.
        """
        done = True
        if self.stop_sweep is None:
            try:
                done = self._advance()
            except (StoreFull, Unreadable) as error:
                self.stop_sweep = str(error)
        crowded = self.stop_sweep is None and self.runner.crowded
        stopped = self.stop_sweep is None and self.runner.stopped
        left = self.stop_sweep is None and self.runner.left
        if left:
            time.sleep(PAUSE_SECONDS)  # Until Tune ends the experiment, it begins more trials.
        result = {
            "done": done,
            "stop_sweep": self.stop_sweep,
            "crowded": crowded,
            "stopped": stopped,
            "left": left,
        }
        return result | self._take_remarks() | self._curve()

    def _take_remarks(self) -> dict[str, Any]:
        """Return the lines about the trial and its trackers, each once."""
        if self.stop_sweep:
            return {}
        remark, self.runner.remark = self.runner.remark, None
        trackers = self.runner.tracking.remarks()
        return ({"remark": remark} if remark else {}) | (
            {"trackers": json.dumps(trackers)} if trackers else {}
        )

    def cleanup(self) -> None:
        """End the tracker runs of a trial that was stopped, within CLEANUP_SECONDS."""
        if self.stop_sweep is None:
            self.runner.tracking.end(CLEANUP_SECONDS)

    def _curve(self) -> dict[str, Any]:
        """Return the last epoch, its score and the curve as JSON, once an epoch is done."""
        curve = [] if self.stop_sweep else self.runner.curve
        if not curve:
            return {}
        score = self.runner.score
        return {"epoch": curve[-1]["epoch"], "score": score, "curve": json.dumps(curve)}

    def _advance(self) -> bool:
        """Train until the trial is over or REPORT_SECONDS have passed: a report costs some ms."""
        if self.next_trial is not None:
            trial, self.next_trial = self.next_trial, None
            self.runner.start(parse_trial(trial))
        start = time.monotonic()
        while not self.runner.advance():
            if self.runner.job.every_epoch or time.monotonic() - start > REPORT_SECONDS:
                return False
        return True


def _build_runner(job: Job, gpus: float) -> "TrialRunner":
    """Import torch and transformers without garbage collection, and build the runner."""
    spin_briefly()
    if job.folder:  # Workers of a cluster start where `ray start` was called.
        with suppress(OSError):
            os.chdir(job.folder)
    gc.disable()
    from orchestrator.runner import TrialRunner

    gc.freeze()
    gc.enable()
    return TrialRunner(job, gpus)
