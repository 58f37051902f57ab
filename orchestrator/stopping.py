"""Schedulers of Ray Tune that stop settings early: SCHEDULERS.

In: a scheduler's name. Out: a Ray Tune scheduler that calls a function for each trial it stops. A
setting is stopped with all its seeds. Of a stopped trial only the curve is kept; it has no
predictions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from search_spaces.cells import Cell
from search_spaces.trial import TrialConfig, parse_trial
from trainers.records.outcome import EpochRecord

Curve = Sequence[EpochRecord]


def _asha(epochs: int) -> Any:
    """Asynchronous successive halving (Li et al. 2020): the best third passes each rung."""
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
class SchedulerTrial:
    """A setting as a Ray Tune scheduler sees it: one trial, whatever its number of seeds."""

    trial_id: str


class NoController:
    """A stand-in for Tune's controller without live trials: a setting is never paused."""

    def get_live_trials(self) -> list[Any]:
        """Return no trial."""
        return []


class SettingScheduler:
    """One of Tune's schedulers per cell, number of epochs and number of seeds.

    A setting is judged by the mean score of its seeds at an epoch, among settings with the same
    number of seeds at that epoch. So a single seed is never compared with a mean of several, and a
    setting counts once, whatever its number of seeds. With one seed this is Tune's scheduler
    itself.
    """

    def __init__(self, build: Callable[[int], Any], cells: Mapping[str, Cell]) -> None:
        self.build, self.cells = build, dict(cells)
        self.schedulers: dict[tuple[Any, ...], Any] = {}
        self.scores: dict[tuple[TrialConfig, int], list[float]] = {}
        self.over: set[tuple[Any, ...]] = set()

    def add_score(
        self, trial: TrialConfig, epoch: int, score: float, *, last: bool = False
    ) -> bool:
        """Add a trial's score at an epoch; return whether to stop its setting."""
        from ray.tune.schedulers import TrialScheduler

        setting = trial.with_seed(0)
        scores = self.scores.setdefault((setting, epoch), [])
        scores.append(score)
        cell = self.cells.get(trial.signature, trial.cell)
        key = (*cell, trial.trained_epochs, len(scores))
        if (key, setting) in self.over:
            return False
        if key not in self.schedulers:
            self.schedulers[key] = self.build(trial.trained_epochs)
        scheduler = self.schedulers[key]
        judged, controller = SchedulerTrial(setting.signature), NoController()
        result = {"epoch": epoch, "score": fmean(scores)}
        scheduler.on_trial_add(controller, judged)
        if last:
            scheduler.on_trial_complete(controller, judged, result)
            return False
        stops = scheduler.on_trial_result(controller, judged, result) == TrialScheduler.STOP
        if stops:
            self.over.add((key, setting))
        return bool(stops)

    def add_curve(self, trial: TrialConfig, curve: Curve) -> None:
        """Add the curve of an earlier trial, up to the epoch where it would be stopped now."""
        scores: list[float] = []
        for epoch in curve:
            scores.append(epoch.score)
            if self.add_score(trial, epoch.epoch, trial.choose_score(scores)):
                break


def build_scheduler(
    name: str,
    past: Sequence[tuple[TrialConfig, Curve]],
    prune: Callable[[TrialConfig, dict[str, Any]], None],
    cells: Mapping[str, Cell] | None = None,
) -> Any:
    """Build a Ray Tune scheduler that compares settings of the same cell and number of epochs.

    It starts with the curves of `past` trials, so that an interrupted sweep stops as many settings
    as an uninterrupted one. `prune` is called with each stopped trial and its last result; all
    seeds of a setting are stopped together. `cells` maps a trial's signature to its cell; the
    default is the trial's task, encoder and method.
    """
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    build = SCHEDULERS[name]
    if build is None:
        return FIFOScheduler()
    by_setting = SettingScheduler(build, cells or {})
    for trial, curve in past:
        by_setting.add_curve(trial, curve)

    class EarlyStopping(FIFOScheduler):  # type: ignore[misc]
        """Stops a trial when `by_setting` stops its setting; a trial is never paused.

        All state is in attributes, never in closures (see `tpe.TreeSearch`).
        """

        def __init__(self, by_setting: SettingScheduler, stopped: set[TrialConfig]) -> None:
            super().__init__()
            self.by_setting, self.stopped = by_setting, stopped

        def on_trial_result(self, _controller: Any, trial: Any, result: dict[str, Any]) -> str:
            config = parse_trial(trial.config["trial"])
            if result.get("score") is None:
                return str(TrialScheduler.CONTINUE)
            setting = config.with_seed(0)
            if setting not in self.stopped:
                if not self.by_setting.add_score(config, result["epoch"], result["score"]):
                    return str(TrialScheduler.CONTINUE)
                self.stopped.add(setting)
            prune(config, result)
            return str(TrialScheduler.STOP)

        def on_trial_complete(self, _controller: Any, trial: Any, result: dict[str, Any]) -> None:
            if result.get("score") is not None:
                config = parse_trial(trial.config["trial"])
                self.by_setting.add_score(config, result["epoch"], result["score"], last=True)

    return EarlyStopping(by_setting, _find_stopped(past))


def _find_stopped(past: Iterable[tuple[TrialConfig, Curve]]) -> set[TrialConfig]:
    """Return the settings that have a seed that was stopped before its last epoch."""
    return {trial.with_seed(0) for trial, curve in past if len(curve) < trial.trained_epochs}
