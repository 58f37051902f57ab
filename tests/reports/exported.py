"""A small study with a trial of every state, for tests of exports; nothing is trained here."""

from search_spaces.study import Study, parse_study
from search_spaces.trial import TrialConfig
from tests.results import finished
from trainers.records.outcome import EpochRecord, FailureRecord, PrunedRecord
from trainers.records.store import Store

STUDY = """
name: small
tasks: [mrpc]
encoders: [tiny]
methods: [standard, pgd]
axes:
  {lr: [1e-5, 1e-3], adv_lr: [0.1], norm: [l2, linf], init_mag: [0.1], max_norm: [1], steps: [2]}
seeds: [0, 1]
"""


def study() -> Study:
    return parse_study(STUDY, "test")


def epoch(number: int, score: float) -> EpochRecord:
    return EpochRecord(
        epoch=number,
        losses={"loss": 1 / number, "clean": 0.25},
        score=score,
        train_seconds=2.0,
        evaluate_seconds=0.5,
    )


def keep_done(store: Store, trial: TrialConfig, right: int, day: int = 1) -> None:
    """Keep a trial of three epochs that predicts `right` of 200 dev examples correctly."""
    result = finished(trial, {"dev": right, "test": right - 9})
    last = result.record.selection_score
    curve = (epoch(1, 0.5), epoch(2, 0.625), epoch(3, last))
    known = {"epochs": curve, "train_seconds": 7.5, "finished_at": f"2026-01-0{day}T00:00:00+00:00"}
    record = result.record.model_copy(update=known)
    store.commit(trial, type(result)(record=record, predictions=result.predictions))


def keep_pruned(store: Store, trial: TrialConfig) -> None:
    record = PrunedRecord(
        signature=trial.signature,
        scheduler="asha",
        epochs=(epoch(1, 0.25), epoch(2, 0.125)),
        pruned_at="2026-01-02T00:00:00+00:00",
    )
    store.commit_pruned(trial, record)


def keep_failed(store: Store, trial: TrialConfig) -> None:
    record = FailureRecord(
        signature=trial.signature,
        kind="diverged",
        reason="epoch 1: loss nan",
        traceback="",
        host="test",
        failed_at="2026-01-03T00:00:00+00:00",
    )
    store.commit_failure(trial, record)


def fill(store: Store) -> list[TrialConfig]:
    """Of the twelve trials: all of `standard` done, then one pruned, failed, done, five missing."""
    trials = study().trials()
    for place, trial in enumerate(trials[:4]):
        keep_done(store, trial, 150 + place)
    keep_pruned(store, trials[4])
    keep_failed(store, trials[5])
    keep_done(store, trials[6], 170)
    return trials
