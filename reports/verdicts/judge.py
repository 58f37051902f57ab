"""Judges: every comparison of a study with its baseline, made once, and corrected for all of them.

In: `Results`. Out: `Verdicts`. Whatever needs all trials trained to their end is None for a cell
whose trials were not, and the reason is kept in words.

Cells are read one (task, encoder) at a time, side by side in threads: predictions without class
scores, and as many resamples as a large cell leaves time for.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

from reports.results.cells import CellId, CellResult, report_splits
from reports.results.predictions import (
    pair_of,
    read_candidates,
    read_pair,
    read_settings,
)
from reports.results.results import Board, Results
from reports.statistics.candidates import Candidates
from reports.statistics.honest import HonestScore, honest_score
from reports.verdicts.choice import Choice, Versus, choose, chose, versus
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
    """All verdicts of a study, and each cell's honest score where there is one.

    `confirmed` are those on fresh seeds, each on one split. `planned` counts the comparisons that
    the study has, whether made, refused or missing. `flat` are the cells whose chosen setting names
    one class for every example of a split; `looks` says how often results on a test set were looked
    at, where that is counted. `worth` is the smallest gain that matters, where somebody has said
    it.
    """

    found: Mapping[VerdictId, Verdict]
    confirmed: tuple[Verdict, ...] = ()
    honest: Mapping[CellId, HonestScore | None]
    flat: frozenset[tuple[CellId, str]]
    planned: int
    looks: Looks = field(default_factory=dict)
    worth: float | None = None

    def of(self, board: Board, split: str) -> list[Verdict]:
        """Return those on a board's cells, in the board's order."""
        ids = ((base.id, cell.id, split) for base, cell in versus(board))
        return [self.found[name] for name in ids if name in self.found]

    def flat_of(self, cells: Sequence[CellResult], split: str) -> list[CellResult]:
        """Return those whose chosen setting names one class for every example of a split.

        Such a one may have a high F1 or accuracy, and a difference from it may be significant.
        """
        return [cell for cell in cells if (cell.id, split) in self.flat]

    def on_choice(self, board: Board) -> dict[CellId, Verdict]:
        """Return each cell's on the split that chose it, by the cell."""
        return {
            cell.id: self.found[name]
            for base, cell in versus(board)
            if cell.chosen
            and (name := (base.id, cell.id, cell.chosen.record.selection)) in self.found
        }


def judge(results: Results, *, intervals: bool = False) -> Verdicts:
    """Make every comparison of a study; with `intervals`, of trained models' differences, too.

    Raises:
        CorruptTrial: predictions do not match their checksum.
        UserError: trials of a cell did not predict the same examples with the same gold labels.
    """
    splits = report_splits(cell for board in results.boards for cell in board)
    planned = {
        (base.id, cell.id, split): (base, cell)
        for board in results.boards
        for base, cell in versus(board)
        for split in splits
        if base.has_split(split) and cell.has_split(split)
    }
    groups = _grouped(results)
    group_of = [
        _Group(
            cells=cells,
            planned={name: pair for name, pair in planned.items() if pair[1].id in cells},
            splits=splits,
            store=results.store,
            family=len(planned),
            intervals=intervals,
        )
        for cells in groups
    ]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        judged = list(pool.map(_Group.judge, group_of))
    honest = {name: score for part in judged for name, score in part.honest.items()}
    found = {name: verdict for part in judged for name, verdict in part.found.items()}
    order = [name for name in planned if name in found]
    adjusted = adjust({name: found[name] for name in order}, len(planned))
    confirmed = tuple(confirm(results))
    return Verdicts(
        found={name: with_confirmation(one, confirmed) for name, one in adjusted.items()},
        confirmed=confirmed,
        honest=honest,
        flat=frozenset(name for part in judged for name in part.flat),
        planned=len(planned),
    )


def _grouped(results: Results) -> list[dict[CellId, CellResult]]:
    """Put the cells with a finished trial together that have a task and encoder in common."""
    groups: dict[tuple[str, str], dict[CellId, CellResult]] = {}
    for cell in (cell for board in results.boards for cell in board if cell.finished):
        groups.setdefault((cell.task, cell.encoder), {}).setdefault(cell.id, cell)
    return list(groups.values())


@dataclass(frozen=True, kw_only=True)
class _Group:
    """The cells of one task and encoder: each one's predictions are read once."""

    cells: Mapping[CellId, CellResult]
    planned: Mapping[VerdictId, Versus]
    splits: Sequence[str]
    store: Store
    family: int
    intervals: bool

    def judge(self) -> Verdicts:
        """Return the group's, not yet corrected for those of the others."""
        read = {name: read_candidates(cell, self.store) for name, cell in self.cells.items()}
        honest = {
            name: None if side.design.unfair else honest_score(side, seed=SEED)
            for name, side in read.items()
        }
        choices: dict[tuple[CellId, CellId], Choice] = {}
        found, flat = dict[VerdictId, Verdict](), dict[tuple[CellId, str], bool]()
        for (base_id, cell_id, split), (base, cell) in self.planned.items():
            first, second = base.chosen_on(split), cell.chosen_on(split)
            if first is None or second is None:
                continue
            sides = read[base_id], read[cell_id]
            chosen = any(chose(one, split) for one in (first, second))
            if chosen and (base_id, cell_id) not in choices:
                choices[base_id, cell_id] = choose((base, cell), sides, self.family)
            if {first.record.selection, second.record.selection} == {split}:
                pair = pair_of(*sides)
            else:
                pair = read_pair((base, first), (cell, second), split, self.store)
            choice = choices.get((base_id, cell_id), Choice())
            verdict = compare_settings((base, cell), (first, second), split, pair, choice)
            if self.intervals and verdict.comparison:
                verdict = replace(verdict, interval=bootstrap_interval(pair))
            found[base_id, cell_id, split] = verdict
            flat |= {(base_id, split): is_flat(pair.baseline), (cell_id, split): verdict.one_class}
        others = [
            (name, split) for name in read for split in self.splits if (name, split) not in flat
        ]
        for name, split in others:
            if alone := self._predicted(name, split, read[name]):
                flat[name, split] = is_flat(alone.predicted)
        return Verdicts(
            found=found,
            honest=honest,
            flat=frozenset(name for name, holds in flat.items() if holds),
            planned=len(found),
        )

    def _predicted(self, name: CellId, split: str, read: Candidates) -> Candidates | None:
        """Return the chosen setting's predictions of a split, where it has it."""
        cell = self.cells[name]
        chosen = cell.chosen_on(split)
        if chosen is None:
            return None
        if chosen.record.selection == split:
            return read.select_setting(read.best)
        return read_settings(cell, [chosen], split, self.store)
