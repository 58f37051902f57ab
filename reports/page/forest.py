"""The numbers of a forest plot: gains over the baseline with intervals, a row per task and method.

In: reports with their verdicts. Out: frozen `Forest`s: the confirmation first, then one per split,
splits that took no part in the choice of the trials before the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from reports.statistics.across_tasks import Equivalence, equivalence
from reports.tables.marks import SPLIT_TITLES
from reports.tables.report import Report
from reports.tables.table import MARKS, percent
from reports.verdicts.verdict import GIVEN, Side, Verdict

Reach = Literal["seeds", "bootstrap", "test"]
REACHES: Final[Mapping[Reach, str]] = {
    "seeds": "95 % intervals over seeds and examples",
    "bootstrap": "95 % bootstrap intervals of two trained models, over examples only",
    "test": "the gain plus and minus the smallest difference that the test can show at p < .05",
}
"""What the ends of a bar mean, for an axis or a caption."""
FRESH: Final = "confirmation"


@dataclass(frozen=True, kw_only=True)
class ForestRow:
    """The gain (0 .. 1) of a method on a task; `low` and `high` are None if unknown.

    `marks` are its marks, the strongest last; `tested` are the marks that its tests could assign.
    `side` says whether it is significantly ahead or behind, `remains` whether p < .05 after all
    corrections in either direction. `settled` is what a test over seeds says about the smallest
    gain that matters.
    """

    task: str
    encoder: str
    method: str
    gain: float
    low: float | None
    high: float | None
    reach: Reach
    marks: str
    tested: str
    side: Side
    remains: bool = False
    settled: Equivalence | None = None

    @property
    def mark(self) -> str:
        """Its strongest mark, or empty."""
        return self.marks[-1:]

    @property
    def text(self) -> str:
        """`+1.2 (−0.3 to 2.7) ‡`, in points."""
        bounds = ""
        if self.low is not None and self.high is not None and self.reach != "test":
            bounds = f" ({minus(self.low)} to {minus(self.high)})"
        return f"{signed(self.gain)}{bounds}{f' {self.mark}' if self.mark else ''}"


@dataclass(frozen=True, kw_only=True)
class Forest:
    """The gains on one split, in study order; `tests` are their verdicts, `name` is for files."""

    name: str
    title: str
    against: str
    rows: tuple[ForestRow, ...]
    tests: tuple[Verdict, ...] = field(default=(), repr=False, compare=False)

    @property
    def span(self) -> tuple[float, float]:
        """The range that an axis must show: all gains and bars, and 0."""
        values = [v for row in self.rows for v in (row.gain, row.low, row.high) if v is not None]
        return min(0.0, *values), max(0.0, *values)

    @property
    def bars(self) -> str:
        """What the ends of the bars mean, in words."""
        kinds = dict.fromkeys(row.reach for row in self.rows if row.low is not None)
        return "; ".join(REACHES[kind] for kind in kinds)

    @property
    def has_encoders(self) -> bool:
        """Whether there is more than one encoder, so that rows name it."""
        return len({row.encoder for row in self.rows}) > 1

    @property
    def groups(self) -> dict[str, list[ForestRow]]:
        """The rows by task, and by encoder if there are several."""
        found: dict[str, list[ForestRow]] = {}
        for row in self.rows:
            name = f"{row.task}, {row.encoder}" if self.has_encoders else row.task
            found.setdefault(name, []).append(row)
        return found


def build_forests(
    reports: Sequence[Report], labels: Mapping[str, str], worth: float | None = None
) -> tuple[Forest, ...]:
    """Collect the gains on every tested split.

    `labels` are display names, `worth` is the smallest gain that matters (0 .. 1).
    """
    tested = [(r.split, r.verdicts) for r in reports if r.verdicts and r.split]
    tested.sort(key=lambda part: any(test.selected for test in part[1]))
    fresh = [v.confirmation for _, tests in tested for v in tests if v.confirmation]
    found = [_forest(split, _heading(split), tests, labels, worth) for split, tests in tested]
    if not fresh:
        return tuple(found)
    title = "Fresh seeds, which took no part in the choice"
    return (_forest(FRESH, title, fresh, labels, worth, fresh=True), *found)


def _heading(split: str) -> str:
    if split == GIVEN:
        return "The examples given"
    return f"{SPLIT_TITLES.get(split, split).capitalize()} set"


def _forest(
    name: str,
    title: str,
    tests: Sequence[Verdict],
    labels: Mapping[str, str],
    worth: float | None,
    *,
    fresh: bool = False,
) -> Forest:
    against = tests[0].against
    rows = tuple(_row(test, labels, worth, fresh=fresh) for test in tests)
    return Forest(
        name=name,
        title=title,
        against=labels.get(against, against),
        rows=rows,
        tests=tuple(tests),
    )


def _row(
    test: Verdict, labels: Mapping[str, str], worth: float | None, *, fresh: bool
) -> ForestRow:
    low, high, reach = _bounds(test)
    marks = "".join(MARKS[mark] for mark in test.marks)
    tested = ("*" if test.gain else "†") + "‡" * (test.p_after_holm is not None)
    return ForestRow(
        task=labels.get(test.task, test.definition.title),
        encoder=labels.get(test.encoder, test.encoder),
        method=labels.get(test.method, test.method),
        gain=test.delta,
        low=low,
        high=high,
        reach=reach,
        marks="§" * test.survives if fresh else marks,
        tested="§" if fresh else tested,
        side=test.side,
        remains=test.remains,
        settled=equivalence(test.gain, worth) if worth and test.gain else None,
    )


def _bounds(test: Verdict) -> tuple[float | None, float | None, Reach]:
    """Return the interval of the gain, or else the gain +- the smallest significant difference."""
    if test.bounds:
        return *test.bounds, "seeds" if test.gain else "bootstrap"
    if test.least is None:
        return None, None, "test"
    return test.delta - test.least, test.delta + test.least, "test"


def signed(share: float) -> str:
    """Write points with their sign: +1.2, −0.3, 0.0."""
    text = minus(share)
    return f"+{text}" if share > 0 and text.strip("0.") else text


def minus(share: float) -> str:
    """Write points with a true minus sign."""
    return percent(share, 1).replace("-", "\u2212")
