"""Search by Optuna's tree-structured Parzen estimator (TPE) over each cell's grid, with Ray Tune.

In: a plan, the store, a budget and a seed. Out: a Ray Tune searcher. The estimator starts from the
results in the store, so a search can be resumed and extended like a grid.
"""

import json
import math
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from orchestrator.plan import Plan
from search_spaces.cells import group_by_setting
from search_spaces.trial import TrialConfig
from trainers.records.store import State, Store

MAX_ASKS = 20
"""After so many suggestions in a row that were tried before, an untried setting is drawn at
random."""


class Axes:
    """The axes in which a cell's trials differ; a value is its index among the sorted values."""

    def __init__(self, trials: Sequence[TrialConfig]) -> None:
        flat = {trial.signature: trial.settings for trial in trials}
        names = sorted({name for fields in flat.values() for name in fields})
        values = {
            name: _sort_values(fields.get(name) for fields in flat.values()) for name in names
        }
        self.values = {name: found for name, found in values.items() if len(found) > 1}
        self.trials = {self._point(flat[trial.signature]): trial for trial in trials}
        self.points = {trial.signature: dict(point) for point, trial in self.trials.items()}

    def _point(self, fields: dict[str, Any]) -> tuple[tuple[str, int], ...]:
        return tuple((name, found.index(fields.get(name))) for name, found in self.values.items())

    def trial(self, point: dict[str, int]) -> TrialConfig | None:
        """Return the trial at a point, or None if the grid has none there."""
        return self.trials.get(tuple((name, point[name]) for name in self.values))


def _sort_values(values: Iterable[Any]) -> list[Any]:
    """Sort numbers by size, so that neighbours are similar, and other values by their JSON."""
    distinct = {json.dumps(value): value for value in values}
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in distinct.values())
    return sorted(distinct.values()) if numeric else [distinct[key] for key in sorted(distinct)]


class CellSearch:
    """Optuna's tree-structured Parzen estimator over one cell's grid, with Ray Tune's search.

    It proposes settings: all seeds of a setting are suggested one after the other, and Optuna gets
    their mean score when the last of them has ended. `scores` has the trials that already count
    towards the budget, with None for a trial without a score; `ready` are the trials that it may
    suggest, by default all others.
    """

    def __init__(
        self,
        trials: Sequence[TrialConfig],
        scores: dict[str, float | None],
        budget: int,
        seed: int,
        ready: Iterable[TrialConfig] | None = None,
    ) -> None:
        import optuna
        from ray.tune.search.optuna import OptunaSearch

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.settings = {group[0].with_seed(0): group for group in group_by_setting(trials)}
        self.axes, self.budget, self.asked = Axes([*self.settings]), budget, 0
        self.scores = dict(scores)
        self.ended = {name for name, score in scores.items() if score is not None}
        offered = {t.signature for t in (trials if ready is None else ready)} - scores.keys()
        left = {
            setting: [trial for trial in group if trial.signature in offered]
            for setting, group in self.settings.items()
        }
        began = {
            setting
            for setting, group in self.settings.items()
            if any(trial.signature in scores for trial in group)
        }
        self.begun = len(began)
        self.queue = [
            trial for setting in self.settings if setting in began for trial in left[setting]
        ]
        waiting = (setting for setting in self.settings if setting not in began and left[setting])
        self.untried = {s: left[s] for s in sorted(waiting, key=lambda one: one.signature)}
        self.pending: dict[TrialConfig, str] = {}
        self.random = np.random.default_rng(seed)
        space = {
            name: optuna.distributions.IntDistribution(0, len(values) - 1)
            for name, values in self.axes.values.items()
        }
        sampler = optuna.samplers.TPESampler(seed=seed)
        self.optuna = OptunaSearch(space, metric="score", mode="max", sampler=sampler)
        for setting in began:
            self._report_mean(setting)

    def suggest(self) -> TrialConfig | None:
        """Return a trial that was not suggested before, or None if budget or grid is used up."""
        if not self.queue:
            if self.begun >= self.budget or not self.untried:
                return None
            setting = self._ask() or self._draw_untried()
            self.queue += self.untried.pop(setting)
            self.begun += 1
        chosen = self.queue.pop(0)
        self.scores[chosen.signature] = None
        return chosen

    def add_result(self, trial: TrialConfig, score: float | None) -> None:
        """Add a trial's score, None if it failed; after a setting's last seed, report its mean."""
        self.scores[trial.signature] = score
        self.ended.add(trial.signature)
        self._report_mean(trial.with_seed(0))

    def skip(self, trial: TrialConfig) -> None:
        """Drop a trial that was stopped with its setting before it began: it has no score."""
        setting = trial.with_seed(0)
        self.settings[setting] = [one for one in self.settings[setting] if one != trial]
        self._report_mean(setting)

    def _mean(self, setting: TrialConfig) -> float | None:
        """Return the mean of a setting's scores, or None if a seed has none."""
        scores = [self.scores.get(trial.signature) for trial in self.settings[setting]]
        known = [score for score in scores if score is not None]
        return fmean(known) if known and len(known) == len(scores) else None

    def _report_mean(self, setting: TrialConfig) -> None:
        """Report a setting's mean score to Optuna once all its seeds have ended.

        A cell with a single setting has no axes, and Optuna has nothing to learn from it.
        """
        if any(trial.signature not in self.ended for trial in self.settings[setting]):
            return
        mean, name = self._mean(setting), self.pending.pop(setting, None)
        if name:
            result = None if mean is None else {"score": mean}
            self.optuna.on_trial_complete(name, result, error=mean is None)
        elif mean is not None and self.axes.values:
            self.optuna.add_evaluated_point(self.axes.points[setting.signature], mean)

    def _ask(self) -> TrialConfig | None:
        """Ask Optuna for settings until one is new; report the mean of those tried before."""
        for _ in range(MAX_ASKS if self.axes.values else 0):
            self.asked += 1
            name = f"ask-{self.asked}"
            setting = self.axes.trial(self.optuna.suggest(name))
            if setting is not None and setting in self.untried:
                self.pending[setting] = name
                return setting
            known = None if setting is None else self._mean(setting)
            result = None if known is None else {"score": known}
            self.optuna.on_trial_complete(name, result, error=known is None)
        return None

    def _draw_untried(self) -> TrialConfig:
        untried = list(self.untried)
        return untried[int(self.random.integers(len(untried)))]


def build_tree_search(
    ready: Sequence[TrialConfig], plan: Plan, store: Store, budget: int, seed: int
) -> Any:
    """Build a searcher over the `ready` trials, cell by cell: up to `budget` settings per cell."""
    from ray.tune.search import Searcher

    names = set(ready)
    cells = [
        CellSearch(
            trials, _read_scores(trials, plan, store), budget, seed, names.intersection(trials)
        )
        for grid in plan.grids.values()
        if not names.isdisjoint(grid)
        for trials in [[t for t in grid if not _was_never_begun(t, plan, store)]]
    ]

    class TreeSearch(Searcher):  # type: ignore[misc]
        """Suggests trials in the form that the worker takes, and receives their scores.

        All state is in attributes, never in closures: Tune pickles the searcher now and then, and
        unpickling it gives the methods of this class new copies of the variables they close over.
        """

        def __init__(self, cells: Sequence[CellSearch]) -> None:
            super().__init__(metric="score", mode="max")
            self.cells = cells
            self.running: dict[str, tuple[CellSearch, TrialConfig]] = {}

        def suggest(self, trial_id: str) -> Any:
            for cell in self.cells:
                trial = cell.suggest()
                if trial is not None:
                    self.running[trial_id] = (cell, trial)
                    return {"trial": trial.canonical_json()}
            return Searcher.FINISHED

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            cell, trial = self.running.pop(trial_id)
            if (result or {}).get("stopped"):
                cell.skip(trial)
                return
            score = (result or {}).get("score")
            usable = score is not None and math.isfinite(score) and not error
            cell.add_result(trial, score if usable else None)

        def save(self, checkpoint_path: str) -> None:
            """Save nothing: the store has all results."""

        def restore(self, checkpoint_path: str) -> None:
            """Restore nothing: see `save`."""

    return TreeSearch(cells)


def _was_never_begun(trial: TrialConfig, plan: Plan, store: Store) -> bool:
    """Return whether a trial was stopped with its setting before its first epoch."""
    stopped = plan.states[trial.signature] is State.PRUNED
    return stopped and not store.pruned(trial.signature).epochs


def _read_scores(
    trials: Sequence[TrialConfig], plan: Plan, store: Store
) -> dict[str, float | None]:
    """Return the scores of all trials that began; None for failed ones and those in training."""
    found: dict[str, float | None] = {}
    for trial in trials:
        match plan.states[trial.signature]:
            case State.DONE:
                found[trial.signature] = store.verified_record(trial.signature).selection_score
            case State.PRUNED:
                curve = store.pruned(trial.signature).epochs
                found[trial.signature] = trial.choose_score([epoch.score for epoch in curve])
            case State.FAILED | State.RUNNING | State.CORRUPT:
                found[trial.signature] = None
    return found
