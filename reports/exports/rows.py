"""The rows of an export: each trial's flat settings and its record in the store.

In: trials and a store. Out: a `TrialRow` per trial, in the study's order. Nothing is recomputed.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig
from trainers.records.outcome import EpochRecord, FailureRecord, PrunedRecord, TrialRecord
from trainers.records.store import State, Store

Scalar = str | int | float | bool | None
ENDED = (State.DONE, State.PRUNED, State.FAILED)


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """One trial: its settings, its state, and the record for that state."""

    config: TrialConfig
    state: State
    record: TrialRecord | None = None
    pruned: PrunedRecord | None = None
    failure: FailureRecord | None = None

    @property
    def signature(self) -> str:
        """The trial's signature."""
        return self.config.signature

    @property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """The epochs that a finished or pruned trial trained; empty for others."""
        ended = self.record or self.pruned
        return ended.epochs if ended else ()

    @property
    def score(self) -> float | None:
        """The selection score; for a pruned trial that of its last epoch, for others None."""
        if self.record:
            return self.record.selection_score
        return self.pruned.epochs[-1].score if self.pruned and self.pruned.epochs else None

    @property
    def seconds(self) -> float | None:
        """Seconds of training and evaluation, or None."""
        ended = self.record or self.pruned
        return ended.seconds if ended else None

    @property
    def ended_at(self) -> datetime | None:
        """The time at which the trial finished, failed or was stopped."""
        if self.record:
            return datetime.fromisoformat(self.record.finished_at)
        if self.pruned:
            return datetime.fromisoformat(self.pruned.pruned_at)
        return datetime.fromisoformat(self.failure.failed_at) if self.failure else None

    @property
    def began_at(self) -> datetime | None:
        """The end minus the seconds; a trial that was resumed began earlier."""
        return self.ended_at and self.ended_at - timedelta(seconds=self.seconds or 0.0)

    @property
    def reason(self) -> str | None:
        """Why there is no result: the failure's kind and reason, or who stopped it."""
        if self.failure:
            return f"{self.failure.kind}: {self.failure.reason}"
        return f"stopped by {self.pruned.scheduler}" if self.pruned else None

    @property
    def scores(self) -> dict[str, float]:
        """All metrics on all splits, with names like `dev.accuracy`."""
        if self.record is None:
            return {}
        return {
            f"{split}.{metric}": found.value
            for split, metrics in self.record.scores.items()
            for metric, found in metrics.items()
        }


Watch = Callable[[Sequence[TrialRow]], Iterable[TrialRow]]
"""Wraps a loop over trials to show its progress."""


def read_rows(trials: Sequence[TrialConfig], store: Store) -> list[TrialRow]:
    """Read the records of all trials.

    Raises:
        CorruptTrial: a result is truncated or altered.
    """
    ended = store.ended()
    return [
        read_row(trial, store)
        if trial.signature in ended or store.is_locked(trial.signature)
        else TrialRow(config=trial, state=State.MISSING)
        for trial in trials
    ]


def read_row(trial: TrialConfig, store: Store) -> TrialRow:
    """Read the record of one trial.

    Raises:
        CorruptTrial: its result is truncated or altered.
    """
    name = trial.signature
    state = store.state(name)
    match state:
        case State.DONE | State.CORRUPT:
            return TrialRow(config=trial, state=State.DONE, record=store.verified_record(name))
        case State.PRUNED:
            return TrialRow(config=trial, state=state, pruned=store.pruned(name))
        case State.FAILED:
            return TrialRow(config=trial, state=state, failure=store.failure(name))
    return TrialRow(config=trial, state=state)


HEADS: Final = {"csv": (b"signature", b'"signature'), "parquet": (b"PAR1",)}
"""The first bytes of each kind of file."""


def refuse_other(path: Path, kind: str) -> None:
    """Refuse to overwrite a folder, or a file that is not an export of this kind.

    Raises:
        UserError: the path is such a folder or file.
        OSError: the name is too long, or the file cannot be read.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: expected the name of a file")
    if not path.exists():
        return
    if not path.is_file():
        raise UserError(f"{path} is not a regular file: choose another name")
    with path.open("rb") as file:
        start = file.read(16)
    if start and not start.startswith(HEADS[kind]):
        raise UserError(f"{path} is not a {kind} file of trials: remove it, or choose another name")


def settings(trial: TrialConfig) -> dict[str, Scalar]:
    """Return a trial's settings; a value that is neither a number nor a text is written as JSON."""
    return {name: _scalar(value) for name, value in trial.settings.items()}


def run_name(trial: TrialConfig) -> str:
    """Return a readable name for a trial's run in other programs."""
    return f"{trial.task} {trial.method.name} {trial.signature}"


def _scalar(value: object) -> Scalar:
    return value if isinstance(value, Scalar) else json.dumps(value)
