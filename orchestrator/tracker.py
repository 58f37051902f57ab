"""The interface of an experiment tracker: subclass `Tracker` to support another program.

In: a trial, its epochs, its end. Out: a run in the tracker. To add a tracker, add a file with one
subclass to `orchestrator/trackers/`; the file's name is what `--track` accepts.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from reports.exports.rows import TrialRow
from search_spaces.trial import TrialConfig
from trainers.records.store import Store

LOSS: Final = "loss/"
"""Prefix of the name of each loss."""


@dataclass(frozen=True, kw_only=True)
class TrackedTrial:
    """The trial of a tracker's run, and where the tracker stores the run."""

    study: str
    location: str
    config: TrialConfig


class Tracker(ABC):
    """One trial's run in a tracker. The worker calls the methods in order, from one thread.

    An exception from `begin`, `log` or `end` becomes one warning; the trial is not affected. These
    methods may be slow: training waits only for `end`, and only for a limited time.
    """

    package: ClassVar[str]
    """The module that must be importable."""
    install: ClassVar[str]
    """What to install with pip if it is not."""

    @classmethod
    @abstractmethod
    def locate(cls, given: str | None, study: str, store: Store) -> str:
        """Return where workers store runs: the place that the user gave, or the default."""

    @classmethod  # noqa: B027
    def check(cls, given: str | None) -> None:
        """Raise UserError if the user's place cannot be used; nothing is written yet."""

    @classmethod  # noqa: B027
    def prepare(cls, study: str, location: str) -> None:
        """Run once in the driver what the workers would otherwise all do at the same time."""

    @abstractmethod
    def begin(self, trial: TrackedTrial, last_epoch: int | None) -> int:
        """Begin the run or continue it; return the last epoch that it has.

        `last_epoch` is the last epoch that was logged before this attempt was interrupted. None
        means a new attempt: whatever the tracker has of the trial belongs to an earlier one.
        """

    @abstractmethod
    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log one epoch: its score, `loss/<name>` and `seconds/train`; `epoch` counts from 1."""

    @abstractmethod
    def end(self, row: TrialRow) -> None:
        """End the run as done, failed or pruned, or as missing if the trial was interrupted."""


def epoch_values(epoch: Mapping[str, Any]) -> dict[str, float]:
    """Return the values of an epoch that trackers log, by name."""
    losses = {f"{LOSS}{name}": value for name, value in epoch["losses"].items()}
    return {"score": epoch["score"], **losses, "seconds/train": epoch["train_seconds"]}
