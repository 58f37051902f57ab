"""The verdicts on a confirmation: fresh seeds of the chosen settings, compared on their own.

In: `Results`. Out: `Verdict`s, corrected for each other.
"""

from collections.abc import Sequence
from dataclasses import replace

from reports.results.cells import CellId
from reports.results.predictions import read_pair
from reports.results.results import Results
from reports.verdicts.choice import Choice, versus
from reports.verdicts.compare_settings import adjust, compare_settings
from reports.verdicts.verdict import Verdict


def confirm(results: Results) -> list[Verdict]:
    """Compare fresh seeds of chosen settings, each on the split that a claim is about.

    That is the test set where there is one, else the dev set, else the one that chose.
    """
    pairs = versus(results.confirmed.cells)
    found: dict[tuple[CellId, CellId], Verdict] = {}
    for base, cell in pairs:
        first, second = base.chosen, cell.chosen
        if first is None or second is None:
            continue
        selection = second.record.selection
        split = next(s for s in ("test", "dev", selection) if first.has(s) and second.has(s))
        pair = read_pair((base, first), (cell, second), split, results.store)
        verdict = compare_settings((base, cell), (first, second), split, pair, Choice())
        found[base.id, cell.id] = verdict
    return list(adjust(found, len(pairs)).values())


def with_confirmation(verdict: Verdict, confirmed: Sequence[Verdict]) -> Verdict:
    """Add the verdict on fresh seeds of these very settings, on this split, if there is one."""
    of = (*verdict.key, verdict.split)
    same = next((one for one in confirmed if (*one.key, one.split) == of), None)
    if same is None or (same.baseline.setting, same.system.setting) != (
        verdict.baseline.setting,
        verdict.system.setting,
    ):
        return verdict
    return replace(verdict, confirmation=same)
