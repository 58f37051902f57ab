"""The numbers of a trial's training curves: losses and scores by epoch.

In: landscapes and cells. Out: frozen `TrainingCurve`s, the best trials of each cell first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from reports.page.landscape import Landscape, written
from reports.results.cells import CellResult, FinishedTrial
from reports.results.class_counts import ClassCounts
from trainers.records.outcome import TrialRecord

ATTACK: Final = "attack_"  # prefix of statistics of the perturbation; all others are losses
NORM: Final = "attack_norm"
Count = Callable[[TrialRecord, str], ClassCounts]


@dataclass(frozen=True, kw_only=True)
class TrainingCurve:
    """A trial's mean training losses and attack norms by name, and its score, by epoch.

    `metrics` are its final scores by split and metric, `counts` its prediction counts by split.
    """

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
    selected_epoch: int
    finished_at: str
    metrics: dict[str, dict[str, float]]
    counts: dict[str, ClassCounts]

    @property
    def loss(self) -> tuple[float, ...]:
        """The loss that training minimised: the total, if it has several parts."""
        return self.losses.get("loss") or next(iter(self.losses.values()), ())


def read_training_curves(
    landscapes: Sequence[Landscape],
    cells: Sequence[CellResult],
    most: int,
    count: Count | None = None,
) -> tuple[TrainingCurve, ...]:
    """Read the curves of each cell's best trials: at most `most`, but at least one per cell.

    `count` counts predictions by label: on every split for the best setting, and only on the
    selection split for the others.
    """
    with_trials = [cell for cell in cells if cell.finished]
    each = max(1, most // max(1, len(with_trials)))
    return tuple(
        _curve(cell.finished[row], landscape, row, count)
        for landscape, cell in zip(landscapes, with_trials, strict=True)
        for row in landscape.ranking[:each].tolist()
    )


def _curve(
    trial: FinishedTrial, landscape: Landscape, row: int, count: Count | None
) -> TrainingCurve:
    record = trial.record
    best = landscape.setting[row] == landscape.setting[landscape.ranking[0]]
    splits = [*record.scores] if best else [record.selection]
    names = dict.fromkeys(name for epoch in record.epochs for name in epoch.losses)
    nothing = float("nan")
    means = {
        name: tuple(epoch.losses.get(name, nothing) for epoch in record.epochs) for name in names
    }
    return TrainingCurve(
        task=landscape.task,
        encoder=landscape.encoder,
        method=landscape.method,
        trial=record.signature,
        setting=describe_setting(landscape, row),
        split=landscape.split,
        metric=landscape.metric,
        epochs=tuple(epoch.epoch for epoch in record.epochs),
        losses={name: means[name] for name in means if not name.startswith(ATTACK)},
        norms={name: means[name] for name in means if name.startswith(NORM)},
        scores=tuple(epoch.score for epoch in record.epochs),
        selected_epoch=record.selected_epoch,
        finished_at=record.finished_at,
        metrics={
            split: {name: score.value for name, score in scores.items()}
            for split, scores in record.scores.items()
        },
        counts={split: count(record, split) for split in splits} if count else {},
    )


def describe_setting(landscape: Landscape, row: int) -> str:
    """Write the values of the axes of a trial: `lr=1e-05 tau=0.1`."""
    pairs = zip(landscape.axes, landscape.value_indices[row].tolist(), strict=True)
    return " ".join(f"{axis.name}={written(axis.values[index])}" for axis, index in pairs)
