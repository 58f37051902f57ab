"""The trials of a study without a score: those that failed, and those that were stopped early.

In: a study's trials and the store. Out: frozen `Failure`s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from search_spaces.trial import TrialConfig
from trainers.records.store import State, Store

STOPPED: Final = "stopped early"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A trial without a score: its signature and settings, how it ended, and why."""

    trial: str
    settings: str
    kind: str
    reason: str


def read_failures(trials: Sequence[TrialConfig], store: Store) -> tuple[Failure, ...]:
    """Read why each failed or pruned trial ended, in study order.

    Raises:
        CorruptTrial: a record is truncated or altered.
    """
    found = []
    for trial in trials:
        state = store.state(trial.signature)
        if state in (State.FAILED, State.PRUNED):
            kind, reason = _read_reason(trial.signature, state, store)
            found.append(
                Failure(trial=trial.signature, settings=trial.describe(), kind=kind, reason=reason)
            )
    return tuple(found)


def _read_reason(signature: str, state: State, store: Store) -> tuple[str, str]:
    if state is State.FAILED:
        failed = store.failure(signature)
        return failed.kind, f"{failed.reason} (on {failed.host})"
    pruned = store.pruned(signature)
    epochs = f"{len(pruned.epochs)} epoch{'' if len(pruned.epochs) == 1 else 's'}"
    when = f"after {epochs}" if pruned.epochs else "with its setting, before its first epoch"
    return STOPPED, f"by {pruned.scheduler} {when}"
