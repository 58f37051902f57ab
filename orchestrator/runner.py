"""Runs trials one after the other in one process: lock, warm start, checkpoints, commit.

In: a Job (where the store and the data are) and trial settings. Out: finished trials, or recorded
failures, in the store. Knows nothing of Ray: `worker.py` is its Ray Tune face.
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


class TrialRunner:
    """Trains one trial at a time; keeps the task and the encoder of the last one warm.

    `gpus` is the share of a GPU that its trials have.

    Raises:
        UserError: this machine does not see the driver's store.
    """

    def __init__(self, job: Job, gpus: float = 0.0) -> None:
        self.job, self.gpus = job, gpus
        self.store = _shared_store(job)
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
        self.crowded = self.stopped = False
        self.remark: str | None = None
        self.tracking = Tracking(job.tracked, job.study, self.store)
        self._owned = ExitStack()

    def start(self, config: TrialConfig) -> None:
        """Lock a trial and bring it to where its checkpoint left it; a failure is recorded.

        A trial that is finished, or that another process trains, is left alone; so is one that was
        stopped with its setting, as long as trials are stopped early.

        Raises:
            Unreadable: its lock or its checkpoint may not be read.
        """
        self._owned.close()
        self.tracking.end()
        self.run, self.curve, self.score = None, [], None
        self.crowded, self.remark = False, None
        free_memory(self.device)
        mine = self._owned.enter_context(self.store.lock(config.signature))
        state = self.store.state(config.signature)
        self.stopped = state is State.PRUNED and self.job.every_epoch
        ended = state in {State.DONE, State.FAILED} or self.stopped
        if mine and ended:
            self._release(config)
        if ended or not mine:
            self._owned.close()
            return
        self.tracking.begin(config)
        try:
            self.run = self._resumed(config)
        except Unreadable:
            self._owned.close()
            raise
        except Exception as error:
            self._fail(config, error)
        if self.run is None:
            free_memory(self.device)
            return
        self._meter = DeviceMeter(self.device, self.gpus)
        self._saved_at = self._told_at = time.monotonic()
        self._tell(self.run)

    def _resumed(self, config: TrialConfig) -> TrialRun:
        """Bring a trial to where its checkpoint left it, or begin afresh where that is of no use.

        `remark` then says so.
        """
        prepared = self.warm.prepare(config, self.job.data)
        run = TrialRun(config, prepared, self.device, self.store.code)
        try:
            load_snapshot(run, self.store.checkpoint(config.signature))
            return run
        except UnusableSnapshot as error:
            self.remark = (
                f"trial {config.signature} begins afresh: its checkpoint is of no use ({error})"
            )
        del run  # It may be half restored.
        free_memory(self.device)
        return TrialRun(config, prepared, self.device, self.store.code)

    def advance(self) -> bool:
        """Train one epoch; after the last one commit. Returns whether the trial is over.

        Raises:
            StoreFull: there is no space to keep what was trained.
            OSError: the store or the machine fails; the trial is not to blame.
        """
        if self.run is None:
            return True
        config = self.run.config
        try:
            if not self._train(self.run):
                return False
        except (StoreFull, OSError):
            self._owned.close()
            raise
        except Exception as error:
            self._fail(config, error)
        # Not before here: an error holds the frames that it came from, and they the model.
        free_memory(self.device)
        return True

    def _train(self, run: TrialRun) -> bool:
        """Train one epoch; after the last one commit. Returns whether the trial is over."""
        if not run.done:
            run.train_epoch(lambda: self._after_step(run))
            self._note(run)
        if run.done:
            self._commit(run)
        return run.done

    def _note(self, run: TrialRun) -> None:
        """Keep the curve so far, and the score that its weights would be selected with."""
        self.curve = run.progress.curve
        self.tracking.tell(self.curve)
        self.score = run.config.choose_score([epoch["score"] for epoch in self.curve])

    def _commit(self, run: TrialRun) -> None:
        result = run.result()
        self._meter.look()
        record = result.record.model_copy(update={"device_use": self._meter.read()})
        # The model before its result, the clean-up after it: a kill loses no best model.
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
        if now - self._told_at >= PROGRESS_EVERY:
            self._meter.look()
            self._tell(run)
            self._told_at = now

    def _tell(self, run: TrialRun) -> None:
        place = run.progress
        progress = ProgressRecord(
            signature=run.config.signature,
            launch=self.job.launch,
            host=platform.node(),
            pid=os.getpid(),
            step=place.step,
            steps=run.total_steps,
            seconds=place.train_seconds + place.evaluate_seconds + place.epoch_seconds,
            loss=run.mean_losses().get("loss"),
            updated_at=time.time(),
        )
        self.store.write_progress(progress)

    def _fail(self, config: TrialConfig, error: Exception) -> None:
        """Record a trial's own failure; StoreFull and OSError are not the trial's."""
        if isinstance(error, StoreFull | OSError):
            self._owned.close()
            raise error
        self.curve, self.score = [], None
        record = failure(config.signature, error, gpus=self.gpus)
        self.crowded = record.crowded
        self.store.commit_failure(config, record)
        self.tracking.end()
        self._release(config)
        if record.kind not in {"configuration", "diverged"}:  # Those are the settings' alone.
            self.warm.forget()

    def _release(self, config: TrialConfig) -> None:
        self.run = None
        self.store.remove_running(config.signature)
        self._owned.close()


def _shared_store(job: Job) -> Store:
    here = f"node {platform.node()} does not see the driver's store in {job.store}"
    try:
        store = Store(job.store, create=False)
    except UserError as error:
        raise UserError(f"{here} ({error}): share that folder with every node") from error
    if store.mark.identity != job.identity:
        raise UserError(f"{here} but another one: share that folder with every node")
    return store


def classify(error: Exception) -> Fault:
    """Name what kind of failure an exception is; OSError never comes here."""
    if isinstance(error, UserError):
        return "configuration"
    if isinstance(error, Diverged):
        return "diverged"
    return "out_of_memory" if ran_out_of_memory(error) else "exception"


def failure(
    signature: str, error: Exception, *, kind: Fault | None = None, gpus: float = 0.0
) -> FailureRecord:
    """Put an exception on record."""
    return FailureRecord(
        signature=signature,
        kind=kind or classify(error),
        reason=one_line(error),
        traceback=clean("".join(traceback.format_exception(error))),
        host=platform.node(),
        gpus=gpus,
        failed_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
