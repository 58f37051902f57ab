"""Schedulers that stop settings early: SCHEDULERS, from Ray Tune.

In: a scheduler's name. Out: Ray Tune's scheduler, and a call for each trial that it stops. A
setting is stopped with all its seeds. What a stopped trial leaves is its curve: it has no
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
class Judged:
    """A setting, as a scheduler knows trials: all its seeds are one to it."""

    trial_id: str


class Nobody:
    """Stands for Tune's controller: no trial of a setting is paused, so none is asked for."""

    def get_live_trials(self) -> list[Any]:
        """Return no trial."""
        return []


class SettingJudge:
    """One of Tune's schedulers for each cell, number of epochs, and number of seeds.

    A setting is judged by the mean of its seeds' scores at an epoch, among the settings that have
    as many seeds there: so it is never compared by the luck of one seed with the mean of several,
    and counts once, however many seeds it has. With one seed this is the scheduler itself.
    """

    def __init__(self, build: Callable[[int], Any], cells: Mapping[str, Cell]) -> None:
        self.build, self.cells = build, dict(cells)
        self.inner: dict[tuple[Any, ...], Any] = {}
        self.scores: dict[tuple[TrialConfig, int], list[float]] = {}
        self.over: set[tuple[Any, ...]] = set()

    def hear(self, trial: TrialConfig, epoch: int, score: float, *, last: bool = False) -> bool:
        """Take in a trial's score at an epoch; return whether its setting is to be stopped."""
        from ray.tune.schedulers import TrialScheduler

        setting = trial.with_seed(0)
        scores = self.scores.setdefault((setting, epoch), [])
        scores.append(score)
        cell = self.cells.get(trial.signature, trial.cell)
        key = (*cell, trial.trained_epochs, len(scores))
        if (key, setting) in self.over:
            return False
        if key not in self.inner:
            self.inner[key] = self.build(trial.trained_epochs)
        scheduler, judged, nobody = self.inner[key], Judged(setting.signature), Nobody()
        result = {"epoch": epoch, "score": fmean(scores)}
        scheduler.on_trial_add(nobody, judged)
        if last:
            scheduler.on_trial_complete(nobody, judged, result)
            return False
        stops = scheduler.on_trial_result(nobody, judged, result) == TrialScheduler.STOP
        if stops:
            self.over.add((key, setting))
        return bool(stops)

    def hear_curve(self, trial: TrialConfig, curve: Curve) -> None:
        """Take in a trial that ended before, as far as it would have been trained now."""
        scores: list[float] = []
        for epoch in curve:
            scores.append(epoch.score)
            if self.hear(trial, epoch.epoch, trial.choose_score(scores)):
                break


def early_stopping(
    name: str,
    past: Sequence[tuple[TrialConfig, Curve]],
    prune: Callable[[TrialConfig, dict[str, Any]], None],
    cells: Mapping[str, Cell] | None = None,
) -> Any:
    """Build Ray Tune's scheduler: settings of one cell and number of epochs are compared.

    It is told the curves of the past trials first, so that a sweep that was interrupted stops as
    many. `prune` is called with a trial that is stopped, and its last result; all seeds of a
    setting are stopped together. `cells` has the cell of each trial by signature; one that is not
    there is in that of its task, encoder and method.
    """
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    build = SCHEDULERS[name]
    if build is None:
        return FIFOScheduler()
    judge = SettingJudge(build, cells or {})
    for trial, curve in past:
        judge.hear_curve(trial, curve)

    class EarlyStopping(FIFOScheduler):  # type: ignore[misc]
        """Stops settings as `judge` says. A pause would need a checkpoint: it goes on instead.

        Its state is the object's own, never a closure's (`tpe.TreeSearch` says why).
        """

        def __init__(self, judge: SettingJudge, stopped: set[TrialConfig]) -> None:
            super().__init__()
            self.judge, self.stopped = judge, stopped

        def on_trial_result(self, _controller: Any, trial: Any, result: dict[str, Any]) -> str:
            config = parse_trial(trial.config["trial"])
            if result.get("score") is None:
                return str(TrialScheduler.CONTINUE)
            setting = config.with_seed(0)
            if setting not in self.stopped:
                if not self.judge.hear(config, result["epoch"], result["score"]):
                    return str(TrialScheduler.CONTINUE)
                self.stopped.add(setting)
            prune(config, result)
            return str(TrialScheduler.STOP)

        def on_trial_complete(self, _controller: Any, trial: Any, result: dict[str, Any]) -> None:
            if result.get("score") is not None:
                config = parse_trial(trial.config["trial"])
                self.judge.hear(config, result["epoch"], result["score"], last=True)

    return EarlyStopping(judge, _stopped(past))


def _stopped(past: Iterable[tuple[TrialConfig, Curve]]) -> set[TrialConfig]:
    """Return the settings of which a seed was stopped before its last epoch."""
    return {trial.with_seed(0) for trial, curve in past if len(curve) < trial.trained_epochs}
