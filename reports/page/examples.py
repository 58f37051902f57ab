"""The examples that one of two compared settings gets right and the other wrong.

Of several seeds a setting's prediction is the label that most of them name; the lower of equals.

In: the verdicts of reports and a source of texts. Out: frozen `Discordant`s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from reports.page.texts import Texts
from reports.tables.report import Report
from reports.verdicts.verdict import GIVEN, Verdict
from search_spaces.errors import UserError
from trainers.records.metrics import Flags, Labels

MOST_ROWS: Final = 4_000  # over all comparisons
LONGEST: Final = 600  # characters of a text


@dataclass(frozen=True, kw_only=True)
class Example:
    """One such example; `text` is None where it could not be loaded."""

    id: str
    text: str | None
    gold: str
    baseline: str
    system: str
    right: Literal["baseline", "system"]


@dataclass(frozen=True, kw_only=True)
class Discordant:
    """The examples of a comparison: `wins` and `losses` count all, `examples` may hold fewer.

    `trials` are the baseline's and the system's, one for each seed. `no_texts` says why there are
    no texts; empty where there are.
    """

    split: str
    task: str
    encoder: str
    method: str
    against: str
    trials: tuple[tuple[str, ...], tuple[str, ...]]
    wins: int
    losses: int
    no_texts: str
    examples: tuple[Example, ...]


def discordant_examples(
    reports: Sequence[Report], labels: Mapping[str, Sequence[object]], texts: Texts
) -> tuple[Discordant, ...]:
    """Find them for every comparison, at most MOST_ROWS in all; `labels` are each task's.

    They are shared out evenly; what a comparison leaves of its share is for the others.
    """
    tests = [test for report in reports if report.split for test in report.verdicts]
    votes = [(vote(test.pair.baseline), vote(test.pair.system)) for test in tests]
    wanted = [int(_differ(test, both).sum()) for test, both in zip(tests, votes, strict=True)]
    shares = shared_out(MOST_ROWS, wanted)
    return tuple(
        _of(test, both, labels[test.task], texts, most)
        for test, both, most in zip(tests, votes, shares, strict=True)
    )


def vote(rows: Labels) -> Labels:
    """Return the label that most seeds (S, N) name (N,); the lowest one of equals."""
    if len(rows) == 1:
        rows = rows[:1]
    counts = np.stack([(rows == label).sum(axis=0) for label in range(int(rows.max()) + 1)])
    votes: Labels = counts.argmax(axis=0)
    return votes


def _differ(test: Verdict, votes: tuple[Labels, Labels]) -> Flags:
    return np.asarray((votes[0] == test.pair.gold) != (votes[1] == test.pair.gold))


def shared_out(rows: int, wanted: Sequence[int]) -> list[int]:
    """Give each what it wants as far as the rows suffice, and the same to those who want more."""
    shares = [0] * len(wanted)
    fewest_first = sorted(range(len(wanted)), key=lambda place: wanted[place])
    for served, place in enumerate(fewest_first):
        shares[place] = min(wanted[place], rows // (len(wanted) - served))
        rows -= shares[place]
    return shares


def _of(
    test: Verdict,
    votes: tuple[Labels, Labels],
    labels: Sequence[object],
    texts: Texts,
    most: int,
) -> Discordant:
    pair, (first, second) = test.pair, votes
    rows = np.flatnonzero(_differ(test, votes))
    found, no_texts = _texts(texts, test)
    return Discordant(
        split=test.split,
        task=test.task,
        encoder=test.encoder,
        method=test.method,
        against=test.against,
        trials=(test.baseline.trials, test.system.trials),
        wins=int((second[rows] == pair.gold[rows]).sum()),
        losses=int((first[rows] == pair.gold[rows]).sum()),
        no_texts=no_texts,
        examples=tuple(
            Example(
                id=pair.ids[row],
                text=None if found is None else clipped(found[row]),
                gold=str(labels[int(pair.gold[row])]),
                baseline=str(labels[int(first[row])]),
                system=str(labels[int(second[row])]),
                right="baseline" if first[row] == pair.gold[row] else "system",
            )
            for row in rows[:most].tolist()
        ),
    )


def _texts(texts: Texts, test: Verdict) -> tuple[Sequence[str] | None, str]:
    """Return the texts, or the reason why there are none: ids and labels are worth a table, too."""
    if test.split == GIVEN:
        return None, "files of predictions hold none"
    try:
        return texts.of(test.task, test.split, test.pair.ids, test.pair.gold, test.data), ""
    except UserError as error:
        return None, str(error)


def clipped(text: str) -> str:
    """Cut a long text, visibly."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
