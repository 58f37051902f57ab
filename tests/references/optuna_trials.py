"""Optuna trials by Optuna's own public functions, one at a time: slow, and independent.

In: what a trial should be. Out: an Optuna study in a storage of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

from reports.exports.rows import TrialRow
from trainers.records.store import State


def add_slowly(
    path: Path, rows: Sequence[TrialRow], axes: Mapping[str, BaseDistribution]
) -> optuna.Study:
    """Add each trial with `create_trial` and `add_trial`; parameters are looked up by name."""
    made = optuna.create_study(storage=f"sqlite:///{path}", study_name="s", direction="maximize")
    for row in rows:
        of_trial = row.config.model_dump(by_alias=True) | row.config.method.model_dump(
            by_alias=True
        )
        state = {State.DONE: "COMPLETE", State.PRUNED: "PRUNED", State.FAILED: "FAIL"}[row.state]
        ended = row.record or row.pruned
        trial = optuna.trial.create_trial(
            state=optuna.trial.TrialState[state],
            value=ended.epochs[-1].score if ended else None,
            params={name: of_trial[name] for name in axes},
            distributions=dict(axes),
            user_attrs=_attributes(row),
            intermediate_values={e.epoch: e.score for e in ended.epochs} if ended else {},
        )
        trial.datetime_complete = _local(row)
        made.add_trial(trial)
    return made


def _attributes(row: TrialRow) -> dict[str, Any]:
    about: dict[str, Any] = {"signature": row.config.signature, "seed": row.config.seed}
    if row.record:
        about |= {"selection": "dev", "metric": "f1", "seconds": 7.5}
        about |= {
            f"{split}.{name}": found.value
            for split, scores in row.record.scores.items()
            for name, found in scores.items()
        }
    if row.pruned:
        about |= {"seconds": 5.0, "reason": "stopped by asha"}
    if row.failure:
        about |= {"reason": "diverged: epoch 1: loss nan"}
    return about


def _local(row: TrialRow) -> datetime:
    """Optuna's times are local and name no zone."""
    day = 1 if row.record else 2 if row.pruned else 3
    moment = datetime.fromisoformat(f"2026-01-0{day}T00:00:00+00:00")
    return moment.astimezone().replace(tzinfo=None)
