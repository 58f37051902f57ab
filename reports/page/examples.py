"""The examples that one of two compared trials gets right and the other wrong.

In: the comparisons of reports, the store and a source of texts. Out: frozen `Discordant`s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from reports.page.texts import Texts
from reports.statistics.alignment import align
from reports.tables.build import Report, Tested
from search_spaces.errors import UserError
from trainers.records.outcome import Predictions, TrialRecord
from trainers.records.store import Store

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

    `no_texts` says why there are no texts; empty where there are.
    """

    split: str
    task: str
    encoder: str
    method: str
    baseline_trial: str
    system_trial: str
    wins: int
    losses: int
    no_texts: str
    examples: tuple[Example, ...]


def discordant_examples(
    reports: Sequence[Report], store: Store, texts: Texts
) -> tuple[Discordant, ...]:
    """Find them for every comparison, at most MOST_ROWS in all.

    They are shared out evenly; what a comparison leaves of its share is for the others.

    Raises:
        CorruptTrial: predictions do not match their checksum.
        UserError: as `align` does.
    """
    pairs = [(report.split, test) for report in reports if report.split for test in report.tests]
    shares = shared_out(MOST_ROWS, [test.comparison.discordant for _, test in pairs])
    return tuple(
        _of(split, test, store, texts, most)
        for (split, test), most in zip(pairs, shares, strict=True)
    )


def shared_out(rows: int, wanted: Sequence[int]) -> list[int]:
    """Give each what it wants as far as the rows suffice, and the same to those who want more."""
    shares = [0] * len(wanted)
    fewest_first = sorted(range(len(wanted)), key=lambda place: wanted[place])
    for served, place in enumerate(fewest_first):
        shares[place] = min(wanted[place], rows // (len(wanted) - served))
        rows -= shares[place]
    return shares


def _of(split: str, test: Tested, store: Store, texts: Texts, most: int) -> Discordant:
    records = [store.record(trial) for trial in (test.baseline_trial, test.system_trial)]
    first = store.predictions(records[0], split)
    second = align(first, store.predictions(records[1], split))
    right = first.predicted == first.gold, second.predicted == first.gold
    rows = np.flatnonzero(right[0] != right[1])
    found, no_texts = _texts(texts, test.task, split, first, records[0].fingerprints[split])
    return Discordant(
        split=split,
        task=test.task,
        encoder=test.encoder,
        method=test.method,
        baseline_trial=test.baseline_trial,
        system_trial=test.system_trial,
        wins=int(right[1][rows].sum()),
        losses=int(right[0][rows].sum()),
        no_texts=no_texts,
        examples=tuple(
            _example(row, records[0], (first, second), found) for row in rows[:most].tolist()
        ),
    )


def _texts(
    texts: Texts, task: str, split: str, predictions: Predictions, fingerprint: str
) -> tuple[Sequence[str] | None, str]:
    """Return the texts, or the reason why there are none: ids and labels are worth a table, too."""
    try:
        return texts.of(task, split, predictions, fingerprint), ""
    except UserError as error:
        return None, str(error)


def _example(
    row: int,
    record: TrialRecord,
    both: tuple[Predictions, Predictions],
    texts: Sequence[str] | None,
) -> Example:
    first, second = both
    gold = int(first.gold[row])
    labels: Mapping[int, str] = dict(enumerate(record.labels))
    return Example(
        id=first.ids[row],
        text=None if texts is None else clipped(texts[row]),
        gold=labels[gold],
        baseline=labels[int(first.predicted[row])],
        system=labels[int(second.predicted[row])],
        right="baseline" if int(first.predicted[row]) == gold else "system",
    )


def clipped(text: str) -> str:
    """Cut a long text, visibly."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
