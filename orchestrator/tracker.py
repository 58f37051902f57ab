"""What a program that people watch training with is to catsweep: `Tracker`, a class of four calls.

In: one trial, its epochs, its end. Out: a run in that program. A new one is a file in
`orchestrator/trackers/`, named as `--track` names it, with one subclass.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from reports.exports.rows import TrialRow
from search_spaces.trial import TrialConfig
from trainers.records.store import Store

LOSS: Final = "loss/"
"""Begins the name of each loss."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a tracker's run is of, and where it is kept."""

    study: str
    place: str
    config: TrialConfig


class Tracker(ABC):
    """One trial's run in another program. All is called in a thread of the worker, in order.

    What `begin`, `tell` and `end` raise is one warning, and costs the trial nothing. They may
    take long: training does not wait, but for `end`, and for that not for ever.
    """

    package: ClassVar[str]
    """The module that has to be installed."""
    install: ClassVar[str]
    """What pip is to install where it is not."""

    @classmethod
    @abstractmethod
    def place(cls, given: str | None, study: str, store: Store) -> str:
        """Return where runs are kept, for workers: from what the user gave, or the default."""

    @classmethod  # noqa: B027
    def check(cls, given: str | None) -> None:
        """Refuse what the user gave, before anything is written; UserError."""

    @classmethod  # noqa: B027
    def prepare(cls, study: str, place: str) -> None:
        """Do once, in the driver, what workers would do at the same time."""

    @abstractmethod
    def begin(self, trial: Trial, told: int | None) -> int:
        """Begin the run or go on with it; return the last epoch that it has.

        `told` is the last epoch that an interrupted part of this attempt told; None: it is new,
        and what the program has of the trial is of an earlier attempt.
        """

    @abstractmethod
    def tell(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add one epoch: its score, `loss/<name>` and `seconds/train`; `epoch` counts from 1."""

    @abstractmethod
    def end(self, row: TrialRow) -> None:
        """End the run: done, failed, pruned, or missing where the trial was only interrupted."""


def values_of(epoch: Mapping[str, Any]) -> dict[str, float]:
    """Return what trackers are told of an epoch, by name."""
    losses = {f"{LOSS}{name}": value for name, value in epoch["losses"].items()}
    return {"score": epoch["score"], **losses, "seconds/train": epoch["train_seconds"]}
