"""Compare two chosen settings, and correct a family of such comparisons.

In: two cells, their chosen settings and the predictions of these. Out: a `Verdict` that is not yet
corrected for the other comparisons; `adjust` corrects all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from reports.results.cells import CellResult, Setting
from reports.results.predictions import Pair
from reports.statistics.best_vs_best import BestVsBest
from reports.statistics.significance import benjamini_hochberg, holm
from reports.verdicts.choice import CellPair, Choice, count_epochs_offered, was_chosen_on
from reports.verdicts.pair_tests import PairTest, constant_score, is_flat, run_test
from reports.verdicts.verdict import Chosen, Verdict

Name = TypeVar("Name")


def compare_settings(
    cells: CellPair, settings: tuple[Setting, Setting], split: str, pair: Pair, choice: Choice
) -> Verdict:
    """Compare two chosen settings on a split, given their predictions of it."""
    base, cell = cells
    second = settings[1]
    used = [was_chosen_on(setting, split) for setting in settings]
    selected = max(base.settings, cell.settings) > 1 and any(used)
    test = run_test(pair)
    refused = test.refused or _find_bias(base, cell)
    offered = [count_epochs_offered(setting.config) for setting in settings]
    epochs = {number if chose else 1 for number, chose in zip(offered, used, strict=True)}
    if not refused and selected:
        refused = choice.refused
    elif not refused and len(epochs) > 1:
        refused = f"{base.name} and {cell.name} had different numbers of epochs to choose from"
    sides = [
        Chosen(
            setting=setting.config.with_seed(0).signature,
            trials=setting.signatures,
            scores=tuple(setting.scores(split, setting.record.metric)),
            settings=len(side.comparable),
            finished=len(side.finished),
            wanted=side.seeds,
        )
        for side, setting in zip(cells, settings, strict=True)
    ]
    return Verdict(
        task=cell.task,
        encoder=cell.encoder,
        method=cell.method,
        split=split,
        definition=cell.definition,
        baseline=sides[0],
        system=sides[1],
        data=second.record.fingerprints[split],
        chosen_on=second.record.selection,
        pair=pair,
        comparison=test.comparison,
        gain=test.gain,
        least=test.least,
        interval=None,
        best=choice.best if selected else None,
        budget=choice.budget if selected else None,
        refused=refused,
        selected=selected,
        epoch_selected=any(
            chose and setting.config.select == "best_epoch"
            for setting, chose in zip(settings, used, strict=True)
        ),
        p_after=None if refused else _p_after(test, choice.best if selected else None),
        constant=constant_score(pair),
        one_class=is_flat(pair.system),
    )


def _p_after(test: PairTest, best: BestVsBest | None) -> float:
    """Return the p-value that allows for the choice, and with several seeds also for the seeds."""
    p_values = [result.p_value for result in (best, test.gain) if result]
    return max(p_values) if p_values else test.p_value


def _find_bias(base: CellResult, cell: CellResult) -> str | None:
    """Return why no p-value is valid for the two cells on any split, or None.

    Stopping as soon as a difference shows finds differences too often. If good settings of the
    baseline failed, the baseline is underrated.
    """
    for side in (base, cell):
        if side.missing and side.sampled != "adaptive":
            return f"{side.name}: {side.missing} of its trials {_are(side.missing)} not finished"
    shares = [side.failed / max(1, side.failed + len(side.finished)) for side in (base, cell)]
    if base.failed and shares[0] != shares[1]:
        return (
            f"{base.name}: {base.failed} of {base.total} trials failed, but {cell.failed} of"
            f" {cell.total} of {cell.name}"
        )
    return None


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def adjust(verdicts: Mapping[Name, Verdict], family: int) -> dict[Name, Verdict]:
    """Adjust the p-values over the family; a comparison that is refused or missing has p = 1."""
    values = [*verdicts.values()]
    naive = _padded([verdict.p_value for verdict in values], family)
    after = _padded([verdict.p_after for verdict in values], family)
    columns = zip(verdicts, holm(naive), benjamini_hochberg(naive), holm(after), strict=False)
    return {
        name: replace(
            verdicts[name],
            p_holm=float(p_holm),
            p_bh=float(p_bh),
            p_after_holm=None if verdicts[name].p_after is None else float(p_after),
            family=family,
        )
        for name, p_holm, p_bh, p_after in columns
    }


def _padded(values: Sequence[float | None], family: int) -> list[float]:
    known = [1.0 if value is None else value for value in values]
    return known + [1.0] * (family - len(known))
