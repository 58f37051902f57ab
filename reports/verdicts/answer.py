"""The answer of a study: does a method beat the baseline?

In: verdicts. Out: a frozen `Answer` for each method and encoder, and sentences that the terminal
and the page share. Words carry the meaning; marks and colours only repeat it.

On each task the answer is based on one split: the test set if there is one, otherwise the dev set.
If the chosen settings were confirmed with fresh seeds, it is based on those seeds only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from reports.verdicts.verdict import Mark, Verdict
from search_spaces.display_names import DisplayNames

SIGNS: Final[dict[Mark, str]] = {
    "dagger": "†",
    "asterisk": "*",
    "double-dagger": "‡",
    "section": "§",
}
SPLITS: Final = ("test", "dev")
"""The answer uses the first of these splits that a task has, or else the selection split."""

Outcome = Literal[
    "confirmed", "ahead", "marked", "even", "unconfirmed", "doubtful", "behind", "untested"
]
"""The outcome of one comparison, the most certain gain first.

`confirmed`: § on fresh seeds. `ahead`: ‡, significant after all corrections. `marked`: † or *,
significant before the corrections. `even`: not significant. `unconfirmed`: not significant on fresh
seeds. `doubtful`: significantly worse before the corrections, `behind`: also after them.
`untested`: there is no p-value.
"""
NO_LABELS: Final[Mapping[str, str]] = {}


def outcome(verdict: Verdict) -> Outcome:
    """Return the outcome of a comparison; it is based on fresh seeds if there are any."""
    fresh = verdict.confirmation
    if fresh is not None and fresh.p_value is not None:
        if fresh.survives:
            return "confirmed"
        return "behind" if fresh.side == "behind" and fresh.remains else "unconfirmed"
    if verdict.p_value is None:
        return "untested"
    if verdict.marked:
        return "ahead" if verdict.survives else "marked"
    if verdict.side == "behind":
        return "behind" if verdict.remains else "doubtful"
    return "even"


def sign(verdict: Verdict) -> str:
    """Return the mark of the outcome, or an empty string."""
    shown = outcome(verdict)
    if shown == "confirmed":
        return SIGNS["section"]
    return SIGNS[verdict.marks[-1]] if shown in {"ahead", "marked"} else ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether a method beats the baseline with one encoder, on each task that both have.

    `verdicts` has one verdict per task. `labels` are display names of tasks, methods and encoders;
    `several_encoders` means that there are other encoders, so that this one is named.
    """

    verdicts: tuple[Verdict, ...]
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    several_encoders: bool = False

    @property
    def method(self) -> str:
        """The display name of the method."""
        return display_name(self.verdicts[0].method, self.labels)

    @property
    def against(self) -> str:
        """The display name of the baseline."""
        return display_name(self.verdicts[0].against, self.labels)

    @property
    def question(self) -> str:
        """`Does CAT beat standard?`, with the encoder if there are several."""
        encoder = self.verdicts[0].encoder
        at = (
            f" with {DisplayNames(labels=self.labels)(encoder)}"
            if self.several_encoders and encoder
            else ""
        )
        return f"Does {self.method} beat {self.against}{at}?"

    def with_outcome(self, *outcomes: Outcome) -> list[Verdict]:
        """Return the verdicts with one of these outcomes."""
        return [verdict for verdict in self.verdicts if outcome(verdict) in outcomes]

    @property
    def is_about_models(self) -> bool:
        """Whether the answer is about trained models, not methods: one seed each, not confirmed."""
        shown = self.with_outcome("confirmed", "ahead", "marked", "behind", "doubtful")
        return any(v.comparison and not v.confirmation for v in shown)

    @property
    def outcome(self) -> Outcome:
        """The strongest outcome on any task, gains before losses."""
        order: tuple[Outcome, ...] = ("confirmed", "ahead", "marked", "unconfirmed", "even")
        order += ("behind", "doubtful", "untested")
        outcomes = {outcome(verdict) for verdict in self.verdicts}
        return next(one for one in order if one in outcomes)

    @property
    def words(self) -> str:
        """The answer: `yes on 2 of 3 tasks (MRPC ‡, CoLA ‡), not shown on RTE`."""
        if len(self.verdicts) == 1:
            return self._describe_single_task()
        parts = [self._describe_wins(), self._describe_marked()]
        named: dict[Outcome, str] = {
            "behind": "worse on",
            "doubtful": "worse before corrections on",
            "unconfirmed": "not confirmed on fresh seeds on",
            "even": "not shown on",
            "untested": "not tested on",
        }
        for kind, start in named.items():
            if found := self.with_outcome(kind):
                parts.append(f"{start} {self._list_tasks(found)}")
        words = ", ".join(part for part in parts if part)
        alone = {"even": "not shown", "unconfirmed": "not confirmed on fresh seeds"}
        alone |= {"untested": "not tested"}
        kinds = {outcome(verdict) for verdict in self.verdicts}
        (kind, *others) = kinds
        return f"{alone[kind]} on any task" if kind in alone and not others else words

    @property
    def remark(self) -> str:
        """A caveat on the answer, or an empty string."""
        if self.is_about_models:
            return "One seed: this holds for these trained models, not for the methods."
        return ""

    def _describe_single_task(self) -> str:
        """The answer on a single task, which need not be named."""
        (verdict,) = self.verdicts
        models = self.is_about_models
        words: dict[Outcome, str] = {
            "confirmed": "yes, confirmed on fresh seeds",
            "ahead": "its trained model does" if models else "yes",
            "marked": "its trained model does before corrections, not after them"
            if models
            else "before corrections, not after them",
            "unconfirmed": "not confirmed on fresh seeds",
            "even": "not shown",
            "doubtful": "worse before corrections, not after them",
            "behind": "its trained model is worse" if models else "no, worse",
            "untested": "not tested",
        }
        mark = sign(verdict)
        return f"{words[outcome(verdict)]}{f' {mark}' if mark else ''}"

    def _describe_wins(self) -> str:
        found = self.with_outcome("confirmed", "ahead")
        if not found:
            return ""
        models = self.is_about_models and not any(v.confirmation or v.gain for v in found)
        start = "its trained models do" if models else "yes"
        return f"{start} on {len(found)} of {len(self.verdicts)} tasks ({self._list_tasks(found)})"

    def _describe_marked(self) -> str:
        found = self.with_outcome("marked")
        return f"only before corrections on {self._list_tasks(found)}" if found else ""

    def _list_tasks(self, verdicts: Sequence[Verdict]) -> str:
        return ", ".join(
            " ".join(part for part in (task_display_name(one, self.labels), sign(one)) if part)
            for one in verdicts
        )


def find_answers(
    verdicts: Iterable[Verdict], labels: Mapping[str, str] = NO_LABELS
) -> list[Answer]:
    """Answer for each method and encoder, in the order of the verdicts.

    The verdict of a task is the one on the first of `SPLITS`; if several tables have one, the first
    counts. `labels` are display names of tasks, methods and encoders.
    """
    groups: dict[tuple[str, str], dict[str, Verdict]] = {}
    for one in verdicts:
        tasks = groups.setdefault((one.encoder, one.method), {})
        if one.task not in tasks or _split_rank(one) < _split_rank(tasks[one.task]):
            tasks[one.task] = one
    several = len({encoder for encoder, _ in groups}) > 1
    return [
        Answer(verdicts=tuple(tasks.values()), labels=labels, several_encoders=several)
        for tasks in groups.values()
    ]


def _split_rank(verdict: Verdict) -> int:
    return SPLITS.index(verdict.split) if verdict.split in SPLITS else len(SPLITS)


def display_name(name: str, labels: Mapping[str, str]) -> str:
    """Return the display name of a method or of a variant (`cat norm=mix`)."""
    return DisplayNames(labels=labels, titles={})(name)


def task_display_name(verdict: Verdict, labels: Mapping[str, str]) -> str:
    """Return the display name of a verdict's task."""
    return labels.get(verdict.task, verdict.definition.title)


def conclusion(verdict: Verdict) -> str:
    """Return one sentence, with its mark, on what the comparison shows, in either direction."""
    if verdict.p_value is None:
        return f"Not tested: {verdict.refused or ''}."
    if verdict.side == "even":
        return "Not significantly different."
    if verdict.side == "ahead" and not verdict.marked:
        return "Predicting one class for every example scores as high."
    mark = "".join(f"{SIGNS[name]} " for name in verdict.marks[-1:])
    what = (
        f"{mark}Significant"
        if verdict.side == "ahead"
        else f"{verdict.against[:1].upper()}{verdict.against[1:]} is significantly better"
    )
    if verdict.p_after_holm is None:
        reason = verdict.refused or "best against best is not available"
        return f"{what}, but this cannot be corrected for the choice among the trials: {reason}."
    remains = "also" if verdict.remains else "but not"
    return f"{what}, {remains} after {_corrections(verdict)}."


def _corrections(verdict: Verdict) -> str:
    applied = {
        "the choice among the trials": verdict.selected,
        f"Holm's correction over {verdict.family} comparisons": verdict.family > 1,
    }
    return " and ".join(what for what, holds in applied.items() if holds) or "all corrections"
