"""Finished trials made by hand, for tests of code that reads a store; nothing is trained."""

import numpy as np
from numpy.typing import ArrayLike

from search_spaces.shipped_tasks import TASKS, get_task
from search_spaces.trial import TrialConfig
from trainers.data.identity import compute_fingerprints
from trainers.records.outcome import (
    Environment,
    EpochRecord,
    Predictions,
    ProgressRecord,
    PrunedRecord,
    TrialRecord,
    TrialResult,
    score_records,
)
from trainers.records.store import Store

N = 200
MOMENT = "2026-01-01T00:00:00+00:00"


def epoch(number: int, score: float) -> EpochRecord:
    return EpochRecord(
        epoch=number, losses={"loss": 1.0}, score=score, train_seconds=1.0, evaluate_seconds=0.5
    )


def predictions(split: str, right: int, *, n: int = N, n_classes: int = 2) -> Predictions:
    """Predict the first `right` of n examples correctly, and the others one class too high."""
    gold = np.arange(n, dtype=np.int64) % n_classes
    chosen = np.where(np.arange(n) < right, gold, (gold + 1) % n_classes)
    return Predictions(
        ids=[f"{split}-{row}" for row in range(n)],
        gold=gold,
        logits=np.eye(n_classes, dtype=np.float32)[chosen],
    )


def labelled(gold: ArrayLike, predicted: ArrayLike, n_classes: int = 2) -> Predictions:
    """Build predictions of examples whose ids are their positions."""
    labels, chosen = np.asarray(gold), np.asarray(predicted)
    return Predictions(
        ids=[f"id-{place}" for place in range(labels.size)],
        gold=labels,
        logits=np.eye(n_classes, dtype=np.float32)[chosen],
    )


def fingerprint(split: str) -> str:
    """Return the fingerprint of a made-up split; dev's is all zeros."""
    return "0" * 16 if split == "dev" else split.encode().hex()[:16].rjust(16, "0")


def finished(
    config: TrialConfig,
    right: dict[str, int],
    *,
    seconds: float = 10.0,
    fingerprints: dict[str, str] | None = None,
    n: int = N,
    n_classes: int = 2,
) -> TrialResult:
    """Build the result of a trial that predicts `right[split]` examples of each split correctly."""
    kept = {
        split: predictions(split, count, n=n, n_classes=n_classes) for split, count in right.items()
    }
    return result_of(config, kept, n_classes, seconds=seconds, fingerprints=fingerprints)


def result_of(
    config: TrialConfig,
    kept: dict[str, Predictions],
    n_classes: int = 2,
    *,
    seconds: float = 10.0,
    fingerprints: dict[str, str] | None = None,
) -> TrialResult:
    """Build the result of a trial with these predictions for each split."""
    scores = {
        split: score_records(entry.gold, entry.predicted, n_classes)
        for split, entry in kept.items()
    }
    selection = "heldout" if "heldout" in kept else "dev"
    metric = get_task(config.task).metric
    epoch = EpochRecord(
        epoch=1,
        losses={"loss": 0.5},
        score=scores[selection][metric].value,
        train_seconds=seconds,
        evaluate_seconds=0.0,
    )
    record = TrialRecord(
        signature=config.signature,
        labels=tuple(str(label) for label in range(n_classes)),
        metric=metric,
        selection=selection,
        selected_epoch=1,
        scores=scores,
        epochs=(epoch,),
        steps=10,
        train_seconds=seconds,
        evaluate_seconds=0.0,
        peak_memory_bytes=1,
        resumed=0,
        fingerprints=fingerprints
        or {"encoder": "0" * 16} | {name: fingerprint(name) for name in kept} | _shipped(config),
        environment=Environment(host="test", device="cpu", threads=1, versions={}),
        finished_at=MOMENT,
    )
    return TrialResult(record=record, predictions=kept)


def _shipped(config: TrialConfig) -> dict[str, str]:
    """Return the fingerprints of a packaged task's rows: others would mean other data."""
    if config.task != "library":
        return {}
    return compute_fingerprints(TASKS["library"], None, config) or {}


def keep(
    store: Store,
    config: TrialConfig,
    right: dict[str, int],
    *,
    seconds: float = 10.0,
    n: int = N,
    n_classes: int = 2,
) -> None:
    """Commit a result as `finished` builds it to a store."""
    store.commit(config, finished(config, right, seconds=seconds, n=n, n_classes=n_classes))


def stopped(trial: TrialConfig, *scores: float) -> PrunedRecord:
    """Build the record of a trial that a scheduler stopped after epochs with these scores."""
    epochs = tuple(
        EpochRecord(epoch=n, losses={}, score=score, train_seconds=1.0, evaluate_seconds=0.0)
        for n, score in enumerate(scores or (0.5,), 1)
    )
    return PrunedRecord(
        signature=trial.signature, scheduler="asha", epochs=epochs, pruned_at=MOMENT
    )


def begun(
    trial: TrialConfig, launch: str = "a", *, step: int = 1, steps: int = 2, seconds: float = 1.0
) -> ProgressRecord:
    """Build the progress of a trial that a launch began and did not finish."""
    return ProgressRecord(
        signature=trial.signature,
        launch=launch,
        host="test",
        pid=1,
        step=step,
        steps=steps,
        seconds=seconds,
        loss=None,
        updated_at=0.0,
    )
