"""Losses and scores by epoch: the numbers of a trial's training curves.

In: cells. Out: frozen `TrainingCurve`s, the best trials of each cell first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from reports.page.landscape import Landscape, written
from reports.results.cells import CellResult, FinishedTrial
from reports.results.class_counts import ClassCounts
from trainers.records.outcome import TrialRecord

ATTACK: Final = "attack_"  # begins what is said of the perturbation; all else is a loss
NORM: Final = "attack_norm"
Count = Callable[[TrialRecord, str], ClassCounts]


@dataclass(frozen=True, kw_only=True)
class TrainingCurve:
    """A trial's mean losses and attack norms in training, by name, and its score; each by epoch.

    `metrics` are its final scores by split and metric, `counts` of its predictions by split.
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
        """What training minimised: the sum of its parts where it has parts."""
        return self.losses.get("loss") or next(iter(self.losses.values()), ())


def training_curves(
    of: Sequence[Landscape], cells: Sequence[CellResult], most: int, count: Count | None = None
) -> tuple[TrainingCurve, ...]:
    """Take each cell's best trials, at most `most` over all cells but one of each at least.

    `count` counts predictions by label: on every split those of the best setting, and of all
    others on the split that chose.
    """
    with_trials = [cell for cell in cells if cell.finished]
    each = max(1, most // max(1, len(with_trials)))
    return tuple(
        _curve(cell.finished[row], landscape, row, count)
        for landscape, cell in zip(of, with_trials, strict=True)
        for row in landscape.ranking[:each].tolist()
    )


def _curve(trial: FinishedTrial, of: Landscape, row: int, count: Count | None) -> TrainingCurve:
    record = trial.record
    best = of.setting[row] == of.setting[of.ranking[0]]
    splits = [*record.scores] if best else [record.selection]
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
        selected_epoch=record.selected_epoch,
        finished_at=record.finished_at,
        metrics={
            split: {name: score.value for name, score in scores.items()}
            for split, scores in record.scores.items()
        },
        counts={split: count(record, split) for split in splits} if count else {},
    )


def setting(of: Landscape, row: int) -> str:
    """Write what is a trial's own in its cell: the values of the axes."""
    pairs = zip(of.axes, of.places[row].tolist(), strict=True)
    return " ".join(f"{axis.name}={written(axis.values[place])}" for axis, place in pairs)
