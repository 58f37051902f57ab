"""Schedulers that stop a trial early: SCHEDULERS, from Ray Tune, one for each cell.

In: a scheduler's name. Out: Ray Tune's scheduler, and a call for each trial that it stops. What a
stopped trial leaves is its curve: it has no predictions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search_spaces.cells import Cell
from search_spaces.trial import TrialConfig, parse_trial
from trainers.records.outcome import EpochRecord

Curve = Sequence[EpochRecord]


def _asha(epochs: int) -> Any:
    """Asynchronous successive halving (Li et al. 2020): a third goes on from each rung."""
    from ray.tune.schedulers import ASHAScheduler

    return ASHAScheduler(
        time_attr="epoch",
        metric="score",
        mode="max",
        max_t=epochs,
        grace_period=1,
        reduction_factor=3,
    )


def _median(_epochs: int) -> Any:
    """Stop a trial whose best score is below the median of the others' running means."""
    from ray.tune.schedulers import MedianStoppingRule

    return MedianStoppingRule(
        time_attr="epoch", metric="score", mode="max", grace_period=1, min_samples_required=3
    )


SCHEDULERS: dict[str, Callable[[int], Any] | None] = {
    "fifo": None,
    "asha": _asha,
    "median": _median,
}


@dataclass(frozen=True)
class Past:
    """A trial that ended before this sweep began, as a scheduler knows trials."""

    trial_id: str


class Nobody:
    """Stands for Tune's controller while the past is told: no trial is live."""

    def get_live_trials(self) -> list[Any]:
        """Return no trial."""
        return []


def early_stopping(
    name: str,
    past: Sequence[tuple[TrialConfig, Curve]],
    prune: Callable[[TrialConfig, dict[str, Any]], None],
    cells: Mapping[str, Cell] | None = None,
) -> Any:
    """Build Ray Tune's scheduler: one of this name for each cell and number of epochs.

    It is told the curves of the past trials first, so that a sweep that was interrupted stops as
    many. `prune` is called with a trial that is stopped, and its last result. `cells` has the cell
    of each trial by signature; one that is not there is in that of its task, encoder and method.
    """
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    make = SCHEDULERS[name]
    if make is None:
        return FIFOScheduler()
    build = make

    class EarlyStopping(FIFOScheduler):  # type: ignore[misc]
        """Compares trials of one cell only. A pause would need a checkpoint: it goes on instead.

        Its state is the object's own, never a closure's (`tpe.TreeSearch` says why).
        """

        def __init__(self) -> None:
            super().__init__()
            self.inner: dict[tuple[Any, ...], Any] = {}
            self.cells = dict(cells or {})
            for trial, curve in past:
                _tell(self._for(trial), trial, curve)

        def _for(self, trial: TrialConfig) -> Any:
            key = (*self.cells.get(trial.signature, trial.cell), trial.trained_epochs)
            if key not in self.inner:
                self.inner[key] = build(trial.trained_epochs)
            return self.inner[key]

        def on_trial_add(self, controller: Any, trial: Any) -> None:
            self._for(parse_trial(trial.config["trial"])).on_trial_add(controller, trial)

        def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
            config = parse_trial(trial.config["trial"])
            if result.get("score") is None:
                return str(TrialScheduler.CONTINUE)
            decision = self._for(config).on_trial_result(controller, trial, result)
            if decision != TrialScheduler.STOP:
                return str(TrialScheduler.CONTINUE)
            prune(config, result)
            return str(TrialScheduler.STOP)

        def on_trial_complete(self, controller: Any, trial: Any, result: dict[str, Any]) -> None:
            if result.get("score") is not None:
                inner = self._for(parse_trial(trial.config["trial"]))
                inner.on_trial_complete(controller, trial, result)

    return EarlyStopping()


def _tell(scheduler: Any, trial: TrialConfig, curve: Curve) -> None:
    from ray.tune.schedulers import TrialScheduler

    past, nobody = Past(trial.signature), Nobody()
    scheduler.on_trial_add(nobody, past)
    scores: list[float] = []
    for epoch in curve:
        scores.append(epoch.score)
        result = {"epoch": epoch.epoch, "score": trial.selected(scores)}
        if scheduler.on_trial_result(nobody, past, result) == TrialScheduler.STOP:
            break
