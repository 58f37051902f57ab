"""Losses and scores by epoch: the numbers of a trial's training curves.

In: cells. Out: frozen `TrainingCurve`s, the best trials of each cell first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reports.page.landscape import Landscape, written
from reports.results.cells import CellResult, FinishedTrial

ATTACK: Final = "attack_"  # begins what is said of the perturbation; all else is a loss
NORM: Final = "attack_norm"


@dataclass(frozen=True, kw_only=True)
class TrainingCurve:
    """A trial's mean losses and attack norms in training, by name, and its score; each by epoch."""

    task: str
    encoder: str
    method: str
    trial: str
    setting: str
    split: str
    metric: str
    epochs: tuple[int, ...]
    losses: dict[str, tuple[float, ...]]
    norms: dict[str, tuple[float, ...]]
    scores: tuple[float, ...]

    @property
    def loss(self) -> tuple[float, ...]:
        """What training minimised: the sum of its parts where it has parts."""
        return self.losses.get("loss") or next(iter(self.losses.values()), ())


def training_curves(
    of: Sequence[Landscape], cells: Sequence[CellResult], most: int
) -> tuple[TrainingCurve, ...]:
    """Take each cell's best trials, at most `most` over all cells but one of each at least."""
    with_trials = [cell for cell in cells if cell.finished]
    each = max(1, most // max(1, len(with_trials)))
    return tuple(
        _curve(cell.finished[row], landscape, row)
        for landscape, cell in zip(of, with_trials, strict=True)
        for row in landscape.ranking[:each].tolist()
    )


def _curve(trial: FinishedTrial, of: Landscape, row: int) -> TrainingCurve:
    record = trial.record
    names = dict.fromkeys(name for epoch in record.epochs for name in epoch.losses)
    nothing = float("nan")
    means = {
        name: tuple(epoch.losses.get(name, nothing) for epoch in record.epochs) for name in names
    }
    return TrainingCurve(
        task=of.task,
        encoder=of.encoder,
        method=of.method,
        trial=record.signature,
        setting=setting(of, row),
        split=of.split,
        metric=of.metric,
        epochs=tuple(epoch.epoch for epoch in record.epochs),
        losses={name: means[name] for name in means if not name.startswith(ATTACK)},
        norms={name: means[name] for name in means if name.startswith(NORM)},
        scores=tuple(epoch.score for epoch in record.epochs),
    )


def setting(of: Landscape, row: int) -> str:
    """Write what is a trial's own in its cell: the values of the axes."""
    pairs = zip(of.axes, of.places[row].tolist(), strict=True)
    return " ".join(f"{axis.name}={written(axis.values[place])}" for axis, place in pairs)
