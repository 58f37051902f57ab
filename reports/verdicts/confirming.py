"""The verdicts of a confirmation: comparisons of fresh seeds of the chosen settings.

In: `Results`. Out: `Verdict`s, corrected for the number of confirmed comparisons.
"""

from collections.abc import Sequence
from dataclasses import replace

from reports.results.cells import CellId
from reports.results.predictions import read_pair
from reports.results.results import Results
from reports.verdicts.choice import Choice, pair_with_baseline
from reports.verdicts.compare_settings import adjust, compare_settings
from reports.verdicts.verdict import Verdict


def confirm(results: Results) -> list[Verdict]:
    """Compare fresh seeds of chosen settings on the test set, else the dev or selection split."""
    pairs = pair_with_baseline(results.confirmed.cells)
    verdicts: dict[tuple[CellId, CellId], Verdict] = {}
    for base, cell in pairs:
        first, second = base.chosen, cell.chosen
        if first is None or second is None:
            continue
        selection = second.record.selection
        split = next(s for s in ("test", "dev", selection) if first.has(s) and second.has(s))
        pair = read_pair((base, first), (cell, second), split, results.store)
        verdict = compare_settings((base, cell), (first, second), split, pair, Choice())
        verdicts[base.id, cell.id] = verdict
    return list(adjust(verdicts, len(pairs)).values())


def with_confirmation(verdict: Verdict, confirmed: Sequence[Verdict]) -> Verdict:
    """Add the verdict on fresh seeds of the same settings on the same split, if there is one."""
    wanted = (*verdict.key, verdict.split)
    same = next((one for one in confirmed if (*one.key, one.split) == wanted), None)
    if same is None or (same.baseline.setting, same.system.setting) != (
        verdict.baseline.setting,
        verdict.system.setting,
    ):
        return verdict
    return replace(verdict, confirmation=same)
