"""A store with all trials of `paper-mini`, made by hand: nothing is trained."""

from pathlib import Path

from search_spaces.study import Study, load_study
from search_spaces.trial import TrialConfig
from tests.results import keep
from trainers.records.store import Store

GAINS = {"standard": 0, "at": 8, "cat": 16, "scl": 2, "pgd": 4, "freeat": 3, "freelb": 6}
"""Of 200 examples, how many more than `standard` a method predicts correctly."""


def right(trial: TrialConfig) -> int:
    """How many of 200 dev examples: one more at one of two settings, fewer with each variant."""
    options = trial.method.model_dump()
    lost = 5 * (options.get("perturb") == "embedding") + 7 * (options.get("norm") == "mix")
    lost += 9 * (trial.train_fraction == 0.025)
    better = trial.lr == 5e-4 or options.get("epsilon") == 1e-3
    return 100 + GAINS[trial.method.name] - lost + better


def mini() -> Study:
    """The study; its packaged encoder need not be installed to be named."""
    return load_study("paper-mini")


def fill(store: Store, study: Study) -> None:
    """Finish every trial; test sets have 10 fewer right, difficult ones 40."""
    for trial in study.trials():
        hits = right(trial)
        if trial.select_on == "heldout":
            keep(store, trial, {"heldout": hits, "test": hits - 10, "test_difficult": hits - 40})
        else:
            keep(store, trial, {"dev": hits})


def filled(folder: Path) -> tuple[Study, Store]:
    """Return `paper-mini` and its full store."""
    study, store = mini(), Store(folder / "store", create=True)
    fill(store, study)
    return study, store
