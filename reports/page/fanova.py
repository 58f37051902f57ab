"""Importance of axes for incomplete grids, by Optuna's fANOVA.

In: a `Landscape` with gaps. Out: the evaluator's name, and each axis's share of the variance.
Optuna, whose forest is scikit-learn's, is imported when this is called.
"""

from typing import Final

from reports.page.landscape import Landscape

EVALUATOR: Final = "optuna.importance.FanovaImportanceEvaluator"
SEED: Final = 12_345


def fanova(landscape: Landscape) -> tuple[str, dict[str, float]]:
    """Estimate first-order shares of the variance with a forest of 64 trees (Hutter et al. 2014).

    The evaluator is stated because Optuna's default, PED-ANOVA, answers a different question: which
    axes separate the best trials from the rest. Values are represented by their indices, so that
    each value of an axis has the same weight, as on a full grid.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions: dict[str, optuna.distributions.BaseDistribution] = {
        axis.name: optuna.distributions.IntDistribution(0, len(axis.values) - 1)
        for axis in landscape.axes
    }
    study = optuna.create_study(direction="maximize")
    names = [axis.name for axis in landscape.axes]
    points = zip(landscape.value_indices.tolist(), landscape.scores.tolist(), strict=True)
    for indices, score in points:
        params = dict(zip(names, indices, strict=True))
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=distributions, value=score)
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=SEED)
    found = evaluator.evaluate(study)
    return EVALUATOR, {name: float(found[name]) for name in names}
