"""Confirmation: the chosen pair of trials again, on examples that took no part in the choice.

In: both trials' predictions on such a split, and the ids of the examples that were chosen on.
Out: a frozen `Comparison`, the ordinary test, which is then free of any selection.
"""

from collections.abc import Collection

from reports.cells import align
from reports.statistics.significance import Comparison, fisher_randomization, mcnemar
from search_spaces.errors import UserError
from trainers.outcome import Predictions


def confirm(
    baseline: Predictions,
    system: Predictions,
    *,
    chosen_on: Collection[str],
    metric: str,
    n_classes: int,
    resamples: int = 9999,
    seed: int = 12345,
) -> Comparison:
    """Test two chosen trials on a split apart: McNemar's exact test for accuracy, else Fisher's.

    One test of one pair needs no correction for the trials that it was chosen from, and holds for
    pruned and adaptive searches as well.

    Caveats. It is spent once: going back to choose again after seeing it makes it a dev set. Both
    trials were chosen elsewhere, so a real gain may come out smaller here. With fewer examples than
    the dev set it may not show what the dev set showed (see `reports.statistics.gap`).

    Raises:
        UserError: an example took part in the choice, or the two trials did not predict the same
            examples with the same gold labels, or no metric has that name.
        ValueError: as in `fisher_randomization`.
    """
    shared = sorted(set(chosen_on).intersection(baseline.ids))
    if shared:
        raise UserError(
            f"no confirmation: {len(shared)} of its examples took part in the choice of the trials,"
            f" {shared[0]!r} for one (an id must name one example over all splits)"
        )
    labels = (baseline.gold, baseline.predicted, align(baseline, system).predicted)
    if metric == "accuracy":
        return mcnemar(*labels)
    return fisher_randomization(
        *labels, metric=metric, n_classes=n_classes, resamples=resamples, seed=seed
    )
