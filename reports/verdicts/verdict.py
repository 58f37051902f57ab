"""A verdict: the comparison of a method with the baseline on one task, encoder and split.

In: the chosen settings of two cells and their tests. Out: a frozen `Verdict`, which all tables,
pages and figures show.
"""

from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from statistics import fmean
from typing import Final, Literal

from reports.results.cells import CellKey, spread
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
"""The split name of predictions from other programs: the examples in their files."""

Side = Literal["ahead", "behind", "even"]
Mark = Literal["dagger", "asterisk", "double-dagger", "section"]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A cell's chosen setting on a split: its trials, one per seed, and their scores.

    `setting` is its signature with seed 0. It was chosen from `settings` settings with `finished`
    finished trials in total; `wanted` is the number of seeds that the study has of each setting.
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
        """The standard deviation (n - 1) over seeds; None for a single seed."""
        return spread(self.scores)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A cell's chosen setting against the baseline's, on one split.

    With one seed on both sides `comparison` tests the two trained models; with two or more on both
    sides `gain` tests the methods, over seeds and examples; with one seed on one side only, both
    are None. `least` is the smallest difference that this test can call significant here.
    `interval` is the bootstrap interval of the difference of two trained models, if requested.

    `selected` means that the split's examples chose among several settings. Then `p_after` is the
    two-sided p-value of best against best (`best`), and with several seeds the larger of that and
    the method test's p-value. If the split's examples took no part in the choice, `p_after` is the
    p-value of the test itself, since the chosen pair is then tested on held-out examples.
    `refused` is the reason if there is none. `epoch_selected` means that the split's examples chose
    the epoch of a trial; no p-value allows for that.

    `p_holm` and `p_bh` adjust the test's p-value, and `p_after_holm` adjusts `p_after`, over the
    `family` comparisons that the study plans, on all splits; a missing p-value counts as 1.
    `confirmation` is the verdict on fresh seeds of these settings; its family are the confirmed
    comparisons. `constant` is the best score of a classifier that predicts one class for every
    example; `one_class` means that the system is such a classifier; `against` is the baseline's
    name.
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
    def key(self) -> CellKey:
        """(task, encoder, method) of the system's cell."""
        return (self.task, self.encoder, self.method)

    @property
    def name(self) -> str:
        """The name of the comparison: the task's title, the encoder, the method."""
        return " ".join(part for part in (self.definition.title, self.encoder, self.method) if part)

    @property
    def delta(self) -> float:
        """The system's mean score minus the baseline's; exactly 0 if they are equal."""
        difference = self.system.score - self.baseline.score
        return difference if abs(difference) > TIE else 0.0

    @cached_property
    def wins(self) -> WinProbability | None:
        """P(a run of the method beats one of the baseline); None unless both have several seeds."""
        if self.gain is None:
            return None
        return win_probability(self.system.scores, self.baseline.scores)

    @property
    def p_value(self) -> float | None:
        """The test's p-value, uncorrected; None if only one side has several seeds."""
        test = self.comparison or self.gain
        return None if test is None else test.p_value

    @property
    def side(self) -> Side:
        """Whether the method is significantly ahead of or behind the baseline, uncorrected."""
        if self.p_value is None or self.p_value >= ALPHA or self.delta == 0:
            return "even"
        return "ahead" if self.delta > 0 else "behind"

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The interval of the difference, or None if it was not computed."""
        source = self.gain or self.interval
        return None if source is None else (source.low, source.high)

    @property
    def is_least_shown(self) -> bool:
        """Whether the difference is at least the smallest that the test can show."""
        return self.least is not None and abs(self.delta) >= self.least - TIE

    @property
    def marked(self) -> bool:
        """Better than the baseline with p < .05, uncorrected, and better than a constant."""
        return self.side == "ahead" and self.system.score > self.constant + TIE

    @property
    def remains(self) -> bool:
        """p < .05 after the choice among settings and Holm's correction, in either direction."""
        return self.p_after_holm is not None and self.p_after_holm < ALPHA

    @property
    def survives(self) -> bool:
        """Marked, and still significant after the choice and Holm's correction."""
        return self.marked and self.remains

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks of the system's number in a table."""
        first: Mark = "asterisk" if self.gain else "dagger"
        held: dict[Mark, bool] = {
            first: self.marked,
            "double-dagger": self.survives,
            "section": self.confirmation is not None and self.confirmation.survives,
        }
        return tuple(mark for mark, holds in held.items() if holds)

    def signature(self) -> str:
        """Return the signature line, in the style of sacrebleu.

        For predictions of other programs it has no parts on selection and data.
        """
        test = self.comparison or self.gain
        tested = test.signature() if test else "test:refused"
        path = "/".join(part for part in (self.task, self.encoder, self.method) if part)
        parts = [f"{path}: {tested}", *([self._selection()] if self.chosen_on else [])]
        if test:
            parts += [f"adj:holm({self.family})", f"p_adj:{self.p_holm:.4g}"]
        if self.p_after_holm is not None:
            parts += [f"p_sel_adj:{self.p_after_holm:.4g}"]
        parts += [f"data:{self.data}"] if self.data else []
        return "|".join([*parts, f"v:{version('catsweep')}"])

    def _selection(self) -> str:
        """Return the part on selection; `p_sel` is a p-value, `none` or `refused`."""
        if self.selected and self.best is not None:
            return f"{self.best.signature()}|sel_on:{self.chosen_on}"
        p_sel = "refused" if self.p_after is None else "none"
        settings = f"best{self.system.settings}-vs-best{self.baseline.settings}"
        return f"sel:{settings}|p_sel:{p_sel}|sel_on:{self.chosen_on}"
