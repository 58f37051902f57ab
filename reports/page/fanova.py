"""Importance of axes where the grid has gaps: Optuna's fANOVA, by name.

In: a `Landscape` with gaps. Out: the evaluator's name, and each axis's share of the variance. The
only importer of optuna in reports, when it is called; Optuna's forest is scikit-learn's.
"""

from typing import Final

from reports.page.landscape import Landscape

EVALUATOR: Final = "optuna.importance.FanovaImportanceEvaluator"
SEED: Final = 12_345


def fanova(of: Landscape) -> tuple[str, dict[str, float]]:
    """Estimate the first-order shares with a forest of 64 trees (Hutter et al. 2014).

    The evaluator is named because Optuna's default, PED-ANOVA, answers another question: which axes
    tell the best trials from the rest. An axis enters by its values' places, so that each weighs
    the same, as on a full grid.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions: dict[str, optuna.distributions.BaseDistribution] = {
        axis.name: optuna.distributions.IntDistribution(0, len(axis.values) - 1) for axis in of.axes
    }
    study = optuna.create_study(direction="maximize")
    names = [axis.name for axis in of.axes]
    for places, score in zip(of.places.tolist(), of.scores.tolist(), strict=True):
        params = dict(zip(names, places, strict=True))
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=distributions, value=score)
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=SEED)
    found = evaluator.evaluate(study)
    return EVALUATOR, {name: float(found[name]) for name in names}
