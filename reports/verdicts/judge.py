"""Compare every method of a study with the baseline, and correct for all comparisons.

In: `Results`. Out: `Verdicts`. Statistics that need a finished search are None for a cell whose
search is unfinished, pruned or adaptive; the verdict gives the reason.

The cells of each (task, encoder) are read once, several groups at a time in threads.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

from reports.results.cells import CellId, CellResult, list_splits
from reports.results.predictions import (
    pair_best,
    read_candidates,
    read_pair,
    read_settings,
)
from reports.results.results import CellGroup, Results
from reports.statistics.candidates import Candidates
from reports.statistics.honest import HonestScore, honest_score
from reports.verdicts.choice import CellPair, Choice, choose, pair_with_baseline, was_chosen_on
from reports.verdicts.compare_settings import adjust, compare_settings
from reports.verdicts.confirming import confirm, with_confirmation
from reports.verdicts.looks import Looks
from reports.verdicts.pair_tests import SEED, bootstrap_interval, is_flat
from reports.verdicts.verdict import Verdict
from trainers.records.store import Store

AT_ONCE: Final = 2
"""Tasks and encoders: each takes up to half a gigabyte; matrix products use all cores anyway."""

VerdictId = tuple[CellId, CellId, str]


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """All verdicts of a study, and the honest score of each cell that has one.

    `confirmed` are verdicts on fresh seeds, each on one split. `planned` is the number of the
    study's comparisons, including refused and missing ones. `flat` has the cells whose chosen
    setting predicts one class for every example of a split. `looks` counts how often results on a
    test set were looked at. `worth` is the smallest gain that matters, if it is given.
    """

    by_id: Mapping[VerdictId, Verdict]
    confirmed: tuple[Verdict, ...] = ()
    honest: Mapping[CellId, HonestScore | None]
    flat: frozenset[tuple[CellId, str]]
    planned: int
    looks: Looks = field(default_factory=dict)
    worth: float | None = None

    def on_split(self, cells: CellGroup, split: str) -> list[Verdict]:
        """Return the verdicts on a group of cells, in the order of the cells."""
        ids = ((base.id, cell.id, split) for base, cell in pair_with_baseline(cells))
        return [self.by_id[name] for name in ids if name in self.by_id]

    def flat_cells(self, cells: Sequence[CellResult], split: str) -> list[CellResult]:
        """Return the cells whose chosen setting predicts one class for every example of a split.

        Such a setting can have a high F1 or accuracy, and can differ significantly from another.
        """
        return [cell for cell in cells if (cell.id, split) in self.flat]

    def on_selection_split(self, cells: CellGroup) -> dict[CellId, Verdict]:
        """Return, by cell, the verdict on the split that chose the cell's setting."""
        return {
            cell.id: self.by_id[name]
            for base, cell in pair_with_baseline(cells)
            if cell.chosen
            and (name := (base.id, cell.id, cell.chosen.record.selection)) in self.by_id
        }


def judge(results: Results, *, intervals: bool = False) -> Verdicts:
    """Make every comparison of a study.

    `intervals` adds bootstrap intervals for comparisons of two trained models.

    Raises:
        CorruptTrial: predictions do not match their checksum.
        UserError: examples or gold labels differ between trials of a cell.
    """
    splits = list_splits(cell for cells in results.groups for cell in cells)
    planned = {
        (base.id, cell.id, split): (base, cell)
        for cells in results.groups
        for base, cell in pair_with_baseline(cells)
        for split in splits
        if base.has_split(split) and cell.has_split(split)
    }
    groups = [
        _Group(
            cells=cells,
            planned={name: pair for name, pair in planned.items() if pair[1].id in cells},
            splits=splits,
            store=results.store,
            family=len(planned),
            intervals=intervals,
        )
        for cells in _group_cells(results)
    ]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        judged = list(pool.map(_Group.judge, groups))
    honest = {name: score for part in judged for name, score in part.honest.items()}
    verdicts = {name: verdict for part in judged for name, verdict in part.by_id.items()}
    order = [name for name in planned if name in verdicts]
    adjusted = adjust({name: verdicts[name] for name in order}, len(planned))
    confirmed = tuple(confirm(results))
    return Verdicts(
        by_id={name: with_confirmation(one, confirmed) for name, one in adjusted.items()},
        confirmed=confirmed,
        honest=honest,
        flat=frozenset(name for part in judged for name in part.flat),
        planned=len(planned),
    )


def _group_cells(results: Results) -> list[dict[CellId, CellResult]]:
    """Group the cells with a finished trial by task and encoder."""
    groups: dict[tuple[str, str], dict[CellId, CellResult]] = {}
    for cell in (cell for cells in results.groups for cell in cells if cell.finished):
        groups.setdefault((cell.task, cell.encoder), {}).setdefault(cell.id, cell)
    return list(groups.values())


@dataclass(frozen=True, kw_only=True)
class _Group:
    """The cells of one task and encoder; the predictions of each are read once."""

    cells: Mapping[CellId, CellResult]
    planned: Mapping[VerdictId, CellPair]
    splits: Sequence[str]
    store: Store
    family: int
    intervals: bool

    def judge(self) -> Verdicts:
        """Return the group's verdicts, not yet corrected for those of the other groups."""
        candidates = {name: read_candidates(cell, self.store) for name, cell in self.cells.items()}
        honest = {
            name: None if side.design.unfair else honest_score(side, seed=SEED)
            for name, side in candidates.items()
        }
        choices: dict[tuple[CellId, CellId], Choice] = {}
        verdicts, flat = dict[VerdictId, Verdict](), dict[tuple[CellId, str], bool]()
        for (base_id, cell_id, split), (base, cell) in self.planned.items():
            first, second = base.chosen_on(split), cell.chosen_on(split)
            if first is None or second is None:
                continue
            sides = candidates[base_id], candidates[cell_id]
            chosen = any(was_chosen_on(one, split) for one in (first, second))
            if chosen and (base_id, cell_id) not in choices:
                choices[base_id, cell_id] = choose((base, cell), sides, self.family)
            if {first.record.selection, second.record.selection} == {split}:
                pair = pair_best(*sides)
            else:
                pair = read_pair((base, first), (cell, second), split, self.store)
            choice = choices.get((base_id, cell_id), Choice())
            verdict = compare_settings((base, cell), (first, second), split, pair, choice)
            if self.intervals and verdict.comparison:
                verdict = replace(verdict, interval=bootstrap_interval(pair))
            verdicts[base_id, cell_id, split] = verdict
            flat |= {(base_id, split): is_flat(pair.baseline), (cell_id, split): verdict.one_class}
        others = [
            (name, split)
            for name in candidates
            for split in self.splits
            if (name, split) not in flat
        ]
        for name, split in others:
            if chosen_setting := self._read_chosen(name, split, candidates[name]):
                flat[name, split] = is_flat(chosen_setting.predicted)
        return Verdicts(
            by_id=verdicts,
            honest=honest,
            flat=frozenset(name for name, holds in flat.items() if holds),
            planned=len(verdicts),
        )

    def _read_chosen(self, name: CellId, split: str, candidates: Candidates) -> Candidates | None:
        """Return the chosen setting's predictions of a split, or None if it has none."""
        cell = self.cells[name]
        chosen = cell.chosen_on(split)
        if chosen is None:
            return None
        if chosen.record.selection == split:
            return candidates.select_setting(candidates.best)
        return read_settings(cell, [chosen], split, self.store)
