"""Losses and scores by epoch: the numbers of a trial's training curves.

In: cells. Out: frozen `TrainingCurve`s, the best trials of each cell first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.cells import CellResult, FinishedTrial
from reports.page.landscape import Landscape, written


@dataclass(frozen=True, kw_only=True)
class TrainingCurve:
    """A trial's mean training losses by name, and its selection score, each by epoch."""

    task: str
    encoder: str
    method: str
    trial: str
    setting: str
    split: str
    metric: str
    epochs: tuple[int, ...]
    losses: dict[str, tuple[float, ...]]
    scores: tuple[float, ...]


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
    return TrainingCurve(
        task=of.task,
        encoder=of.encoder,
        method=of.method,
        trial=record.signature,
        setting=setting(of, row),
        split=of.split,
        metric=of.metric,
        epochs=tuple(epoch.epoch for epoch in record.epochs),
        losses={
            name: tuple(epoch.losses.get(name, nothing) for epoch in record.epochs)
            for name in names
        },
        scores=tuple(epoch.score for epoch in record.epochs),
    )


def setting(of: Landscape, row: int) -> str:
    """Write what is a trial's own in its cell: the values of the axes."""
    pairs = zip(of.axes, of.places[row].tolist(), strict=True)
    return " ".join(f"{axis.name}={written(axis.values[place])}" for axis, place in pairs)
