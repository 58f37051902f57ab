"""A verdict: what may be said of a method beside the baseline, on one task, encoder and split.

In: the chosen settings of two cells and their tests. Out: a frozen `Verdict`, which every table,
page and figure repeats.
"""

from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from statistics import fmean
from typing import Final, Literal

from reports.results.cells import Key, spread
from reports.results.predictions import Pair
from reports.statistics.across_tasks import WinProbability, win_probability
from reports.statistics.best_vs_best import BestVsBest
from reports.statistics.budget import BudgetComparison
from reports.statistics.interval import Interval
from reports.statistics.method_test import MethodTest
from reports.statistics.randomization import TIE
from reports.statistics.significance import Comparison
from search_spaces.tasks import Task

BASELINE: Final = "standard"
ALPHA: Final = 0.05
GIVEN: Final = "given"
"""The one split of predictions that were made elsewhere: the examples that their files have."""

Side = Literal["ahead", "behind", "even"]
Mark = Literal["dagger", "asterisk", "double-dagger", "section"]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A cell's chosen setting on a split: its trials, one for each seed, and their scores.

    `setting` is its signature with seed 0. It was chosen from `settings` settings, which have
    `finished` finished trials among them; `wanted` is how many seeds the study has of each.
    """

    setting: str
    trials: tuple[str, ...]
    scores: tuple[float, ...]
    settings: int
    finished: int
    wanted: int

    @property
    def score(self) -> float:
        """The mean over seeds."""
        return fmean(self.scores)

    @property
    def deviation(self) -> float | None:
        """The standard deviation (n - 1) over seeds; None of one."""
        return spread(self.scores)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A cell's chosen setting against the baseline's, on one split.

    With one seed on both sides `comparison` tests the two trained models; with two or more on both
    `gain` tests the methods, over seeds and examples; with one on one side alone both are None.
    `least` is the smallest difference that this test would have called significant here.
    `interval` is the bootstrap interval of two trained models' difference, where it was asked for.

    `selected` says that the split's examples chose among several settings. Then `p_after` is the
    two-sided p of best against best (`best`), with several seeds the larger of that and of the
    method test's. Where the split's examples took no part in the choice it is the test's own p: the
    held-out confirmation of the chosen pair, spent once. `refused` says why there is none.
    `epoch_selected` says that the split's examples chose the epoch of a trial; no p allows for
    that.

    `p_holm` and `p_bh` adjust the test's p, `p_after_holm` adjusts `p_after`, all over the
    `family` comparisons that the study has planned, on every split; one without a p counts as p =
    1. `confirmation` is the verdict on fresh seeds of these settings, whose family are the
    comparisons that were confirmed. `constant` is the best score of a classifier that names one
    class for every example; `one_class` says that the system is such a one; `against` is the
    baseline's name.
    """

    task: str
    encoder: str
    method: str
    split: str
    definition: Task
    baseline: Chosen
    system: Chosen
    data: str
    chosen_on: str
    pair: Pair = field(repr=False, compare=False)
    comparison: Comparison | None
    gain: MethodTest | None
    least: float | None
    interval: Interval | None
    best: BestVsBest | None
    budget: BudgetComparison | None
    refused: str | None
    selected: bool
    epoch_selected: bool
    p_after: float | None
    constant: float
    one_class: bool
    p_holm: float = 1.0
    p_bh: float = 1.0
    p_after_holm: float | None = None
    family: int = 1
    confirmation: "Verdict | None" = None
    against: str = BASELINE

    @property
    def key(self) -> Key:
        """(task, encoder, method): the cell that it is of."""
        return (self.task, self.encoder, self.method)

    @property
    def name(self) -> str:
        """The comparison as captions name it: the task's title, the encoder, the method."""
        return " ".join(part for part in (self.definition.title, self.encoder, self.method) if part)

    @property
    def delta(self) -> float:
        """The system's score less the baseline's, means over seeds; 0 where these are equal."""
        difference = self.system.score - self.baseline.score
        return difference if abs(difference) > TIE else 0.0

    @cached_property
    def wins(self) -> WinProbability | None:
        """How often a run of the method beats one of the baseline, with two seeds or more each."""
        if self.gain is None:
            return None
        return win_probability(self.system.scores, self.baseline.scores)

    @property
    def p_value(self) -> float | None:
        """Of the test, before any correction; None where one side alone has several seeds."""
        test = self.comparison or self.gain
        return None if test is None else test.p_value

    @property
    def side(self) -> Side:
        """On which side of the baseline the test puts the method."""
        if self.p_value is None or self.p_value >= ALPHA or self.delta == 0:
            return "even"
        return "ahead" if self.delta > 0 else "behind"

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The interval of the difference, where there is one."""
        of = self.gain or self.interval
        return None if of is None else (of.low, of.high)

    @property
    def is_least_shown(self) -> bool:
        """Whether the difference is at least the smallest that the test can show."""
        return self.least is not None and abs(self.delta) >= self.least - TIE

    @property
    def marked(self) -> bool:
        """Better than the baseline with p < .05, before any correction, and than a constant."""
        return self.side == "ahead" and self.system.score > self.constant + TIE

    @property
    def remains(self) -> bool:
        """p < .05 after the choice among settings and Holm's correction, whoever is ahead."""
        return self.p_after_holm is not None and self.p_after_holm < ALPHA

    @property
    def survives(self) -> bool:
        """Marked, and it remains: no number that is behind is marked as better."""
        return self.marked and self.remains

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks of its number in a table."""
        first: Mark = "asterisk" if self.gain else "dagger"
        held: dict[Mark, bool] = {
            first: self.marked,
            "double-dagger": self.survives,
            "section": self.confirmation is not None and self.confirmation.survives,
        }
        return tuple(mark for mark, holds in held.items() if holds)

    def note(self) -> str:
        """The signature line, in the form of sacrebleu's.

        Of predictions made elsewhere nothing is known of a choice, nor of the data.
        """
        test = self.comparison or self.gain
        said = test.signature() if test else "test:refused"
        path = "/".join(part for part in (self.task, self.encoder, self.method) if part)
        parts = [f"{path}: {said}", *([self._selection()] if self.chosen_on else [])]
        if test:
            parts += [f"adj:holm({self.family})", f"p_adj:{self.p_holm:.4g}"]
        if self.p_after_holm is not None:
            parts += [f"p_sel_adj:{self.p_after_holm:.4g}"]
        parts += [f"data:{self.data}"] if self.data else []
        return "|".join([*parts, f"v:{version('catsweep')}"])

    def _selection(self) -> str:
        """`p_sel:none` where there is no selection to allow for, `refused` where it cannot be."""
        if self.selected and self.best is not None:
            return f"{self.best.signature()}|sel_on:{self.chosen_on}"
        p_sel = "refused" if self.p_after is None else "none"
        settings = f"best{self.system.settings}-vs-best{self.baseline.settings}"
        return f"sel:{settings}|p_sel:{p_sel}|sel_on:{self.chosen_on}"
