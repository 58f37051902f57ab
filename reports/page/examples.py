"""Discordant examples: those that exactly one of two compared settings predicts correctly.

The prediction of a setting with several seeds is their majority vote; the lower label if tied.

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
    """A discordant example; `text` is None if it could not be loaded."""

    id: str
    text: str | None
    gold: str
    baseline: str
    system: str
    right: Literal["baseline", "system"]


@dataclass(frozen=True, kw_only=True)
class Discordant:
    """The discordant examples of a comparison.

    `wins` and `losses` count all of them; `examples` may hold fewer. `trials` are those of the
    baseline and the system, one per seed. `no_texts` is the reason why there are no texts, or
    empty.
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


def find_discordant(
    reports: Sequence[Report], labels: Mapping[str, Sequence[object]], texts: Texts
) -> tuple[Discordant, ...]:
    """Find the discordant examples of every comparison; `labels` are the label names by task.

    At most MOST_ROWS are kept, divided evenly; what one comparison does not need goes to others.
    """
    tests = [test for report in reports if report.split for test in report.verdicts]
    votes = [(vote(test.pair.baseline), vote(test.pair.system)) for test in tests]
    wanted = [int(_differ(test, both).sum()) for test, both in zip(tests, votes, strict=True)]
    shares = share_rows(MOST_ROWS, wanted)
    return tuple(
        _make_discordant(test, both, labels[test.task], texts, most)
        for test, both, most in zip(tests, votes, shares, strict=True)
    )


def vote(rows: Labels) -> Labels:
    """Return the majority label (N,) of seeds (S, N); the lowest one if tied."""
    if len(rows) == 1:
        rows = rows[:1]
    counts = np.stack([(rows == label).sum(axis=0) for label in range(int(rows.max()) + 1)])
    votes: Labels = counts.argmax(axis=0)
    return votes


def _differ(test: Verdict, votes: tuple[Labels, Labels]) -> Flags:
    return np.asarray((votes[0] == test.pair.gold) != (votes[1] == test.pair.gold))


def share_rows(rows: int, wanted: Sequence[int]) -> list[int]:
    """Divide rows evenly among comparisons; what one does not need is divided among the others."""
    shares = [0] * len(wanted)
    fewest_first = sorted(range(len(wanted)), key=lambda index: wanted[index])
    for served, index in enumerate(fewest_first):
        shares[index] = min(wanted[index], rows // (len(wanted) - served))
        rows -= shares[index]
    return shares


def _make_discordant(
    test: Verdict,
    votes: tuple[Labels, Labels],
    labels: Sequence[object],
    texts: Texts,
    most: int,
) -> Discordant:
    pair, (first, second) = test.pair, votes
    rows = np.flatnonzero(_differ(test, votes))
    found, no_texts = _read_texts(texts, test)
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
                text=None if found is None else clip_text(found[row]),
                gold=str(labels[int(pair.gold[row])]),
                baseline=str(labels[int(first[row])]),
                system=str(labels[int(second[row])]),
                right="baseline" if first[row] == pair.gold[row] else "system",
            )
            for row in rows[:most].tolist()
        ),
    )


def _read_texts(texts: Texts, test: Verdict) -> tuple[Sequence[str] | None, str]:
    """Return the texts, or the reason why there are none; ids and labels are shown anyway."""
    if test.split == GIVEN:
        return None, "files of predictions contain no texts"
    try:
        return texts.read(test.task, test.split, test.pair.ids, test.pair.gold, test.data), ""
    except UserError as error:
        return None, str(error)


def clip_text(text: str) -> str:
    """Cut a long text, with an ellipsis."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
