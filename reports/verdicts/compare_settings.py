"""The verdict on two chosen settings: how they were tested, and what allows for how they came.

In: two cells, their chosen settings and what these predicted. Out: a `Verdict`, not yet corrected
for all others; and the correction of a family of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from reports.results.cells import CellResult, Setting
from reports.results.predictions import Pair
from reports.statistics.best_vs_best import BestVsBest
from reports.statistics.significance import benjamini_hochberg, holm
from reports.verdicts.choice import Choice, Versus, chose, epochs_offered
from reports.verdicts.pair_tests import PairTest, constant_score, is_flat, run_test
from reports.verdicts.verdict import Chosen, Verdict

Name = TypeVar("Name")


def compare_settings(
    cells: Versus, settings: tuple[Setting, Setting], split: str, pair: Pair, choice: Choice
) -> Verdict:
    """Compare two chosen settings on a split; `pair` has their predictions of it."""
    base, cell = cells
    second = settings[1]
    seen = [chose(one, split) for one in settings]
    selected = max(base.settings, cell.settings) > 1 and any(seen)
    test = run_test(pair)
    refused = test.refused or _unfair(base, cell)
    offered = [epochs_offered(one.config) for one in settings]
    epochs = {number if saw else 1 for number, saw in zip(offered, seen, strict=True)}
    if not refused and selected:
        refused = choice.refused
    elif not refused and len(epochs) > 1:
        refused = f"{base.name} and {cell.name} had different numbers of epochs to choose from"
    sides = [
        Chosen(
            setting=one.config.with_seed(0).signature,
            trials=one.signatures,
            scores=tuple(one.scores(split, one.record.metric)),
            settings=len(of.comparable),
            finished=len(of.finished),
            wanted=of.seeds,
        )
        for of, one in zip(cells, settings, strict=True)
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
            saw and one.config.select == "best_epoch"
            for one, saw in zip(settings, seen, strict=True)
        ),
        p_after=None if refused else _p_after(test, choice.best if selected else None),
        constant=constant_score(pair),
        one_class=is_flat(pair.system),
    )


def _p_after(test: PairTest, best: BestVsBest | None) -> float:
    """Of several seeds both must hold: against other seeds, and against the choice."""
    known = [one.p_value for one in (best, test.gain) if one]
    return max(known) if known else test.p_value


def _unfair(base: CellResult, cell: CellResult) -> str | None:
    """Say why no p allows for how the two cells came about, on any split; None where one may.

    Who looks after each trial, and stops when a difference shows, finds one too often. Where the
    baseline's good settings failed, it is weaker than it is.
    """
    for one in (base, cell):
        if one.missing and one.sampled != "adaptive":
            return f"{one.name}: {one.missing} of its trials {_are(one.missing)} not finished"
    shares = [one.failed / max(1, one.failed + len(one.finished)) for one in (base, cell)]
    if base.failed and shares[0] != shares[1]:
        return (
            f"{base.name}: {base.failed} of {base.total} trials failed, of {cell.name}"
            f" {cell.failed} of {cell.total}"
        )
    return None


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def adjust(found: Mapping[Name, Verdict], family: int) -> dict[Name, Verdict]:
    """Adjust over the family; a comparison that is refused or missing has p = 1."""
    values = [*found.values()]
    naive = _padded([verdict.p_value for verdict in values], family)
    after = _padded([verdict.p_after for verdict in values], family)
    columns = zip(found, holm(naive), benjamini_hochberg(naive), holm(after), strict=False)
    return {
        name: replace(
            found[name],
            p_holm=float(p_holm),
            p_bh=float(p_bh),
            p_after_holm=None if found[name].p_after is None else float(p_after),
            family=family,
        )
        for name, p_holm, p_bh, p_after in columns
    }


def _padded(values: Sequence[float | None], family: int) -> list[float]:
    known = [1.0 if value is None else value for value in values]
    return known + [1.0] * (family - len(known))
