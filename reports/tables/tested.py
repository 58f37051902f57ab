"""A cell of a table with its tests: what stands behind a mark, in numbers.

In: two chosen trials' comparison on a table's split, and the `Choice` that chose them. Out: frozen
`Tested`s, adjusted for the table's family, each with its signature line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

from reports.cells import CellResult, FinishedTrial, Key, of_one_class, paired_labels, paired_test
from reports.statistics.gap import Gap, smallest_gap
from reports.statistics.interval import Interval, paired_bootstrap
from reports.statistics.seeds import SeedSpread
from reports.statistics.significance import Comparison, benjamini_hochberg, holm
from reports.tables.choice import ALPHA, BASELINE, Choice, epochs_offered, spread_over_seeds
from reports.tables.table import percent
from search_spaces.tasks import Task
from trainers.records.outcome import TrialRecord
from trainers.records.store import Store


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A cell's best trial against the best baseline trial, on one split.

    `trials` counts those that the baseline's and the system's were chosen from;
    `baseline_choice` and `choice` are what the choice of each is worth. `p_holm` and `p_bh` adjust
    the naive p over the table's family of `family` tests. `interval` is of the difference, where it
    was asked for; it knows nothing of the choice. `selected` says that the split's examples chose
    among several trials. Then `p_after` is the two-sided p of best against best, and None where
    `choice` says why that was refused. `p_after_holm` is over the `family_after` cells of the table
    that have a `p_after`. `epoch_selected` says that the split's examples chose the epoch of either
    trial. No p allows for that: among as many epochs of both it makes the tests conservative, and
    among more of one `p_after` is refused. `one_class` says that the system predicts one class for
    every example.

    Where the split's examples took no part in the choice, `p_after` is the naive p: the held-out
    confirmation of the chosen pair. It holds for pruned and adaptive searches as well, and needs no
    correction for the trials. It is spent once: who goes back to choose again after seeing it has
    made it a dev set. A real gain may come out smaller there, and fewer examples may not show it
    (`gap`).
    """

    task: str
    encoder: str
    method: str
    definition: Task
    baseline_trial: str
    system_trial: str
    trials: tuple[int, int]
    data: str
    comparison: Comparison
    p_holm: float
    p_bh: float
    family: int
    selected: bool
    epoch_selected: bool
    baseline_choice: Choice
    choice: Choice
    gap: Gap
    interval: Interval | None
    seeds: SeedSpread | None
    p_after: float | None
    p_after_holm: float | None
    family_after: int
    one_class: bool = False

    @property
    def marked(self) -> bool:
        """The paper's mark: better than the baseline with p < .05, before any correction."""
        return self.comparison.delta > 0 and self.comparison.p_value < ALPHA

    @property
    def remains(self) -> bool:
        """p < .05 after the choice among trials and Holm's correction, whoever is ahead."""
        return self.p_after_holm is not None and self.p_after_holm < ALPHA

    @property
    def survives(self) -> bool:
        """Marked, and it remains: no number that is behind is marked as better."""
        return self.marked and self.remains

    def note(self) -> str:
        """The signature line, in the form of sacrebleu's."""
        parts = [f"{self.task}/{self.encoder}/{self.method}: {self.comparison.signature()}"]
        parts += [self._selection(), f"adj:holm({self.family})", f"p_adj:{self.p_holm:.4g}"]
        if self.p_after_holm is not None:
            parts += [f"adj_sel:holm({self.family_after})", f"p_sel_adj:{self.p_after_holm:.4g}"]
        if self.seeds is not None:
            parts += [f"seeds:{self.seeds.seeds}", f"sd_seeds:{self.seeds.deviation:.4g}"]
        return "|".join([*parts, f"data:{self.data}", f"v:{version('catsweep')}"])

    def gain(self) -> str | None:
        """The difference and its interval in points, in words; None where none was asked for."""
        if self.interval is None:
            return None
        delta, low, high = (
            percent(value, 1)
            for value in (self.comparison.delta, self.interval.low, self.interval.high)
        )
        return f"{self.definition.title} {self.encoder} {self.method} {delta} ({low} to {high})"

    def _selection(self) -> str:
        """`p_sel:none` where there is no selection to allow for, `refused` where it cannot be."""
        if self.selected and self.choice.best is not None:
            return f"{self.choice.best.signature()}|sel_on:{self.choice.split}"
        baseline, system = self.trials
        p_sel = "refused" if self.p_after is None else "none"
        return f"sel:best{system}-vs-best{baseline}|p_sel:{p_sel}|sel_on:{self.choice.split}"


def tested_cells(
    cells: Sequence[CellResult],
    split: str,
    store: Store,
    choices: Mapping[Key, Choice],
    *,
    intervals: bool = False,  # noqa: PT028  (it is no test)
) -> list[Tested]:
    """Test every cell's best trial against the best baseline trial of its task and encoder."""
    baselines = {(c.task, c.encoder): c for c in cells if c.method == BASELINE}
    flat = {cell.key for cell in of_one_class(cells, split, store)}
    found = []
    for cell in cells:
        base = baselines.get((cell.task, cell.encoder))
        first, second = base.best_on(split) if base else None, cell.best_on(split)
        if cell.method != BASELINE and base and first and second:
            both = (choices[base.key], choices[cell.key])
            test = _test((base, first), (cell, second), split, store, both, intervals)
            found.append(replace(test, one_class=cell.key in flat))
    return _adjusted(found)


def tested_notes(tests: Sequence[Tested]) -> tuple[str, ...]:
    """Write the lines under a table: differences with intervals, if asked for, and signatures."""
    gains = [gain for test in tests if (gain := test.gain())]
    said = [f"Gains on {BASELINE}: {'; '.join(gains)}."] if gains else []
    return (*said, *(test.note() for test in tests))


def _test(
    baseline: tuple[CellResult, FinishedTrial],
    system: tuple[CellResult, FinishedTrial],
    split: str,
    store: Store,
    choices: tuple[Choice, Choice],
    intervals: bool,
) -> Tested:
    (base, first), (cell, second) = baseline, system
    choice = choices[1]
    comparison, gap, interval = _pair(first, second, split, store, choice, intervals)
    several = base.total > 1 or cell.total > 1
    seen = [trial for trial in (first, second) if chose(trial.record, split)]
    selected = several and bool(seen)
    epochs = {epochs_offered(t.config) if t in seen else 1 for t in (first, second)}
    return Tested(
        task=cell.task,
        encoder=cell.encoder,
        method=cell.method,
        definition=cell.definition,
        baseline_trial=first.record.signature,
        system_trial=second.record.signature,
        trials=(len(base.finished), len(cell.finished)),
        data=second.record.fingerprints[split],
        comparison=comparison,
        p_holm=1.0,
        p_bh=1.0,
        family=0,
        selected=selected,
        epoch_selected=any(trial.config.select == "best_epoch" for trial in seen),
        baseline_choice=choices[0],
        choice=choice,
        gap=gap,
        interval=interval,
        seeds=spread_over_seeds(cell, split, comparison.delta, store),
        p_after=_p_after(choice, comparison, selected=selected, even=len(epochs) == 1),
        p_after_holm=None,
        family_after=0,
    )


def _p_after(choice: Choice, comparison: Comparison, *, selected: bool, even: bool) -> float | None:
    """p after the choice among trials and epochs, None where nothing allows for that."""
    if selected:
        return choice.best.p_value if choice.best else None
    return comparison.p_value if even else None


def _pair(
    first: FinishedTrial,
    second: FinishedTrial,
    split: str,
    store: Store,
    choice: Choice,
    intervals: bool,
) -> tuple[Comparison, Gap, Interval | None]:
    """Test two trials; on the split that chose them that is done already, but for the interval."""
    known = None
    if split == choice.split and choice.comparison and choice.gap:
        known = choice.comparison, choice.gap
    if known and not intervals:
        return *known, None
    labels = paired_labels(first, second, split, store)
    metric, classes = second.record.metric, len(second.record.labels)
    interval = paired_bootstrap(*labels, metric, classes) if intervals else None
    if known:
        return *known, interval
    comparison = paired_test(*labels, metric=metric, n_classes=classes)
    return comparison, smallest_gap(*labels, metric, classes), interval


def chose(record: TrialRecord, split: str) -> bool:
    """Say whether a split's examples chose the trial, under whatever name."""
    prints = record.fingerprints
    return record.selection == split or prints.get(record.selection) == prints[split]


def _adjusted(tests: Sequence[Tested]) -> list[Tested]:
    """Adjust over the family: naive p-values over all tests, the others over those that exist."""
    naive = [test.comparison.p_value for test in tests]
    after = {place: test.p_after for place, test in enumerate(tests) if test.p_after is not None}
    after_holm = dict(zip(after, holm(list(after.values())), strict=True))
    adjusted = zip(tests, holm(naive), benjamini_hochberg(naive), strict=True)
    return [
        replace(
            test,
            p_holm=float(p_holm),
            p_bh=float(p_bh),
            family=len(tests),
            p_after_holm=float(after_holm[place]) if place in after_holm else None,
            family_after=len(after),
        )
        for place, (test, p_holm, p_bh) in enumerate(adjusted)
    ]
