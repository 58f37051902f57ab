"""Runs trials one after the other in one process: lock, resume, checkpoint, commit.

In: a Job (where the store and the data are) and trial settings. Out: finished trials, or recorded
failures, in the store. This module does not use Ray; `worker.py` makes a Ray Tune actor of it.
"""

import os
import platform
import time
import traceback
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import torch

from orchestrator.job import Job
from orchestrator.tracking import Tracking
from search_spaces.errors import UserError
from search_spaces.shipped_tasks import TASKS
from search_spaces.text import clean, one_line
from search_spaces.trial import TrialConfig
from trainers.checkpoints import Checkpoints
from trainers.encoders.machine import DeviceMeter, free_memory, pick_device, ran_out_of_memory
from trainers.loop import Diverged, TrialRun
from trainers.prepared import Warm
from trainers.records.files import StoreFull, Unreadable
from trainers.records.kept_code import load_kept_metric
from trainers.records.outcome import FailureRecord, Fault, ProgressRecord
from trainers.records.store import State, Store
from trainers.snapshot import UnusableSnapshot, load_snapshot, save_snapshot

PROGRESS_EVERY = 1.0


LEAVE_SECONDS = 3.0
"""Seconds for trackers to receive the last values of a trial that stops."""


class StopRequested(Exception):
    """The trial must stop now; its checkpoint is saved, or another process has taken it over."""


class TrialRunner:
    """Trains one trial at a time, and keeps the task and the encoder of the last one in memory.

    `gpus` is the number or share of GPUs that each trial has.

    Raises:
        UserError: this machine does not see the driver's store.
    """

    def __init__(self, job: Job, gpus: float = 0.0) -> None:
        self.job, self.gpus = job, gpus
        self.store = _open_shared_store(job)
        self.checkpoints = Checkpoints(self.store, job.keeping) if job.keeping else None
        torch.set_num_threads(job.threads)
        self.device = pick_device()
        for task in job.own_tasks.values():
            for metric in (task.metric, *task.beside):
                load_kept_metric(self.store.code, metric)
        self.warm = Warm({**TASKS, **job.own_tasks})
        self.run: TrialRun | None = None
        self.curve: list[dict[str, Any]] = []
        self.score: float | None = None
        self.crowded = self.stopped = self.left = False
        self.remark: str | None = None
        self.tracking = Tracking(job.trackers, job.study, self.store)
        self._held = ExitStack()

    def start(self, config: TrialConfig) -> None:
        """Lock a trial and restore it from its checkpoint; a failure is recorded.

        Nothing happens if the trial is finished or another process trains it, if its setting was
        stopped early and this run stops settings early as well, or if this run must stop: then
        `left` is true.

        Raises:
            Unreadable: its lock or its checkpoint cannot be read.
        """
        self._held.close()
        self.tracking.end()
        self.run, self.curve, self.score = None, [], None
        self.crowded, self.remark = False, None
        free_memory(self.device)
        self.left = self._must_stop()
        if self.left:
            return
        locked = self._held.enter_context(self.store.lock(config.signature))
        state = self.store.state(config.signature)
        self.stopped = state is State.PRUNED and self.job.every_epoch
        ended = state in {State.DONE, State.FAILED} or self.stopped
        if locked and ended:
            self._release(config)
        if ended or not locked:
            self._held.close()
            return
        if self.store.was_taken_over(config.signature):
            self.remark = (
                f"trial {config.signature} is taken over from a run without heartbeats:"
                " it was killed, or its node is gone"
            )
        self.tracking.begin(config)
        try:
            self.run = self._restore(config)
        except Unreadable:
            self._held.close()
            raise
        except Exception as error:
            self._fail(config, error)
        if self.run is None:
            free_memory(self.device)
            return
        self._meter = DeviceMeter(self.device, self.gpus)
        self._saved_at = self._reported_at = time.monotonic()
        self._write_progress(self.run)

    def _restore(self, config: TrialConfig) -> TrialRun:
        """Restore a trial from its checkpoint, or start it over if the checkpoint is unusable.

        In the second case `remark` says so.
        """
        prepared = self.warm.prepare(config, self.job.data)
        run = TrialRun(config, prepared, self.device, self.store.code)
        try:
            load_snapshot(run, self.store.checkpoint(config.signature))
            return run
        except UnusableSnapshot as error:
            self.remark = (
                f"trial {config.signature} starts over: its checkpoint is unusable ({error})"
            )
        del run  # It may be partly restored.
        free_memory(self.device)
        return TrialRun(config, prepared, self.device, self.store.code)

    def advance(self) -> bool:
        """Train one epoch, and commit after the last one; return whether the trial is over.

        Raises:
            StoreFull: the disk has no space for the results.
            OSError: the store or the machine failed, not the trial.
        """
        if self.run is None:
            return True
        config = self.run.config
        try:
            if not self._train(self.run):
                return False
        except StopRequested:
            self._leave()
        except (StoreFull, OSError):
            self._held.close()
            raise
        except Exception as error:
            self._fail(config, error)
        # Only here: the frames of a caught error still refer to the model.
        free_memory(self.device)
        return True

    def _train(self, run: TrialRun) -> bool:
        """Train one epoch, and commit after the last one; return whether the trial is over."""
        if not run.done:
            run.train_epoch(lambda: self._after_step(run))
            self._update_curve(run)
        if run.done:
            self._commit(run)
        return run.done

    def _update_curve(self, run: TrialRun) -> None:
        """Store the curve so far, and the score by which a trial is selected."""
        self.curve = run.progress.curve
        self.tracking.log(self.curve)
        self.score = run.config.choose_score([epoch["score"] for epoch in self.curve])

    def _commit(self, run: TrialRun) -> None:
        if not self.store.still_owns(run.config.signature):
            raise StopRequested
        result = run.result()
        self._meter.look()
        record = result.record.model_copy(update={"device_use": self._meter.read()})
        # Keep the model before the result, clean up after it: a kill then loses no best model.
        if self.checkpoints:
            self.checkpoints.offer(run, record.selection_score)
        self.store.commit(run.config, replace(result, record=record))
        if self.checkpoints:
            self.checkpoints.drop_others(run.config.signature)
        self.tracking.end()
        self._release(run.config)

    def _after_step(self, run: TrialRun) -> None:
        now = time.monotonic()
        if now - self._saved_at >= self.job.checkpoint_every:
            save_snapshot(run, self.store.checkpoint(run.config.signature))
            self._saved_at = time.monotonic()
        if now - self._reported_at >= PROGRESS_EVERY:
            if not self.store.still_owns(run.config.signature):
                raise StopRequested  # Another run has taken it over: its checkpoint counts.
            if self._must_stop():
                save_snapshot(run, self.store.checkpoint(run.config.signature))
                raise StopRequested
            self._meter.look()
            self._write_progress(run)
            self._reported_at = now

    def _must_stop(self) -> bool:
        """Return whether trials must save a checkpoint and stop: by the clock, or on request."""
        deadline = self.job.deadline
        late = deadline is not None and time.time() >= deadline
        return late or self.store.is_stop_requested(self.job.launch)

    def _leave(self) -> None:
        """Leave a trial to a later run, which resumes it from the checkpoint."""
        self.left = self._must_stop()
        self.run, self.curve, self.score = None, [], None
        self.tracking.end(LEAVE_SECONDS)
        self._held.close()

    def _write_progress(self, run: TrialRun) -> None:
        position = run.progress
        progress = ProgressRecord(
            signature=run.config.signature,
            launch=self.job.launch,
            host=platform.node(),
            pid=os.getpid(),
            step=position.step,
            steps=run.total_steps,
            seconds=position.train_seconds + position.evaluate_seconds + position.epoch_seconds,
            loss=run.mean_losses().get("loss"),
            updated_at=time.time(),
        )
        self.store.write_progress(progress)

    def _fail(self, config: TrialConfig, error: Exception) -> None:
        """Record the failure of a trial; raise StoreFull and OSError, which are not its fault."""
        if isinstance(error, StoreFull | OSError):
            self._held.close()
            raise error
        self.curve, self.score = [], None
        record = make_failure(config.signature, error, gpus=self.gpus)
        self.crowded = record.crowded
        self.store.commit_failure(config, record)
        self.tracking.end()
        self._release(config)
        if record.kind not in {
            "configuration",
            "diverged",
        }:  # These two depend on the settings alone.
            self.warm.forget()

    def _release(self, config: TrialConfig) -> None:
        self.run = None
        self.store.remove_running(config.signature)
        self._held.close()


def _open_shared_store(job: Job) -> Store:
    problem = f"node {platform.node()} does not see the driver's store in {job.store}"
    try:
        store = Store(job.store, create=False)
    except UserError as error:
        raise UserError(f"{problem} ({error}): share that folder with every node") from error
    if store.mark.identity != job.identity:
        raise UserError(f"{problem} but another one: share that folder with every node")
    return store


def classify(error: Exception) -> Fault:
    """Return the kind of failure of an exception that is not an OSError."""
    if isinstance(error, UserError):
        return "configuration"
    if isinstance(error, Diverged):
        return "diverged"
    return "out_of_memory" if ran_out_of_memory(error) else "exception"


def make_failure(
    signature: str, error: Exception, *, kind: Fault | None = None, gpus: float = 0.0
) -> FailureRecord:
    """Make the record of a failed trial from an exception."""
    return FailureRecord(
        signature=signature,
        kind=kind or classify(error),
        reason=one_line(error),
        traceback=clean("".join(traceback.format_exception(error))),
        host=platform.node(),
        gpus=gpus,
        failed_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
