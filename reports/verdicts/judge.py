"""Judges: every comparison of a study with its baseline, made once, and corrected for all of them.

In: `Results`. Out: `Verdicts`. Whatever needs all trials trained to their end is None for a cell
whose trials were not, and the reason is kept in words.

Cells are read one (task, encoder) at a time, side by side in threads: predictions without class
scores, and as many resamples as a large cell leaves time for.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from reports.results.cells import CellId, CellResult, Setting, report_splits
from reports.results.predictions import (
    Pair,
    pair_of,
    read_candidates,
    read_pair,
    read_settings,
)
from reports.results.results import Board, Results
from reports.statistics.best_vs_best import BestVsBest, best_vs_best
from reports.statistics.budget import BudgetComparison, compare_budgets
from reports.statistics.candidates import Candidates
from reports.statistics.honest import HonestScore, honest_score
from reports.statistics.interval import paired_bootstrap
from reports.statistics.significance import benjamini_hochberg, holm
from reports.verdicts.pair_tests import SEED, PairTest, constant_score, is_flat, run_test
from reports.verdicts.verdict import BASELINE, Chosen, Verdict
from search_spaces.errors import UserError
from search_spaces.trial import TrialConfig
from trainers.records.store import Store

AT_ONCE: Final = 2
"""Tasks and encoders: each takes up to half a gigabyte; matrix products use all cores anyway."""
MOST_TOSSES: Final = 12_000_000
"""Of a cell and its baseline's: trials times resamples; 9,999 for up to 1,200 trials, 100 MB."""
MOST_RESAMPLES: Final = 9_999
FEWEST_RESAMPLES: Final = 999
PER_TEST: Final = 160
"""Resamples for each test of a family: the least p, twice 1 / (1 + R), is then ALPHA / 4 after
Holm's correction."""

VerdictId = tuple[CellId, CellId, str]
Versus = tuple[CellResult, CellResult]
"""A baseline's cell, and a system's."""


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """All verdicts of a study, and each cell's honest score where there is one.

    `planned` counts the comparisons that the study has, whether made, refused or missing. `flat`
    are the cells whose chosen setting names one class for every example of a split.
    """

    found: Mapping[VerdictId, Verdict]
    honest: Mapping[CellId, HonestScore | None]
    flat: frozenset[tuple[CellId, str]]
    planned: int

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


def versus(board: Board) -> list[Versus]:
    """Pair each cell of a board with the baseline's of its task and encoder, if it has one."""
    bases = {(cell.task, cell.encoder): cell for cell in board if cell.method == BASELINE}
    return [
        (bases[cell.task, cell.encoder], cell)
        for cell in board
        if cell.method != BASELINE and (cell.task, cell.encoder) in bases
    ]


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
    return Verdicts(
        found=_adjusted({name: found[name] for name in order}, len(planned)),
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
        choices: dict[tuple[CellId, CellId], _Choice] = {}
        found, flat = dict[VerdictId, Verdict](), dict[tuple[CellId, str], bool]()
        for (base_id, cell_id, split), (base, cell) in self.planned.items():
            first, second = base.chosen_on(split), cell.chosen_on(split)
            if first is None or second is None:
                continue
            sides = read[base_id], read[cell_id]
            chosen = any(chose(one, split) for one in (first, second))
            if chosen and (base_id, cell_id) not in choices:
                choices[base_id, cell_id] = _choose((base, cell), sides, self.family)
            if {first.record.selection, second.record.selection} == {split}:
                pair = pair_of(*sides)
            else:
                pair = read_pair((base, first), (cell, second), split, self.store)
            choice = choices.get((base_id, cell_id), _Choice())
            verdict = _verdict((base, cell), (first, second), split, pair, choice)
            if self.intervals and verdict.comparison:
                rows = pair.gold, pair.baseline[0], pair.system[0]
                interval = paired_bootstrap(*rows, pair.metric, pair.n_classes)
                verdict = replace(verdict, interval=interval)
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
            return read.only(read.best)
        return read_settings(cell, [chosen], split, self.store)


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """What allows for the choice among all settings of two cells, or why nothing does."""

    best: BestVsBest | None = None
    budget: BudgetComparison | None = None
    refused: str | None = None


def _choose(cells: Versus, sides: tuple[Candidates, Candidates], family: int) -> _Choice:
    base, cell = cells
    splits = {side.finished[0].record.selection for side in cells}
    if len(splits) > 1:
        return _Choice(refused=f"{base.name} and {cell.name} were chosen on different splits")
    reasons = [f"{side.cell}: {side.design.unfair}" for side in sides if side.design.unfair]
    epochs = [{epochs_offered(trial.config) for trial in side.finished} for side in cells]
    if epochs[0] != epochs[1]:
        reasons.append(
            f"{base.name} and {cell.name} had different numbers of epochs to choose from"
        )
    if reasons:
        return _Choice(refused="; ".join(reasons))
    budget = compare_budgets(sides[0].scores, sides[1].scores)
    trials = len(sides[0].trials) + len(sides[1].trials)
    try:
        best = best_vs_best(*sides, resamples=resamples_for(trials, family), seed=SEED)
    except UserError as error:  # Of the metric, or of uneven seeds: nothing else is left to refuse.
        return _Choice(refused=str(error), budget=budget)
    return _Choice(best=best, budget=budget)


def epochs_offered(config: TrialConfig) -> int:
    """Among how many epochs of a trial its selection split chose."""
    return config.trained_epochs if config.select == "best_epoch" else 1


def resamples_for(trials: int, tests: int) -> int:
    """As many resamples as so many trials leave time for, and a family of tests needs."""
    enough = max(FEWEST_RESAMPLES, PER_TEST * tests)
    return max(enough, min(MOST_RESAMPLES, MOST_TOSSES // trials))


def _verdict(
    cells: Versus, settings: tuple[Setting, Setting], split: str, pair: Pair, choice: _Choice
) -> Verdict:
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
        if one.missing:
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


def chose(setting: Setting, split: str) -> bool:
    """Say whether a split's examples chose the setting, under whatever name."""
    prints = setting.record.fingerprints
    selection = setting.record.selection
    return selection == split or prints.get(selection) == prints[split]


def _adjusted(found: Mapping[VerdictId, Verdict], family: int) -> dict[VerdictId, Verdict]:
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
