"""Counts of a trial's predictions on a split, by label and by confusion.

In: a record, a split and the store. Out: a frozen `ClassCounts`. Shapes: C labels.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from trainers.records.outcome import TrialRecord
from trainers.records.store import Store

MOST_LABELS_IN_FULL: Final = 12
"""With at most this many labels every confusion is listed."""
MOST_CONFUSED: Final = 30


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """`classes` has, for each label, the counts of gold examples, predictions, and hits.

    `confused` has (gold, predicted, count), the most frequent first; with many labels only the
    first MOST_CONFUSED.
    """

    classes: tuple[tuple[int, int, int], ...]
    confused: tuple[tuple[int, int, int], ...]


def count_classes(record: TrialRecord, split: str, store: Store) -> ClassCounts:
    """Count a finished trial's predictions on a split.

    Raises:
        CorruptTrial: predictions do not match their checksum.
    """
    found, n = store.labels(record, split), len(record.labels)
    matrix = np.bincount(found.gold * n + found.predicted, minlength=n * n).reshape(n, n)
    correct = matrix.diagonal()
    wrong = matrix - np.diag(correct)
    rows, columns = np.nonzero(wrong)
    order = np.argsort(-wrong[rows, columns], kind="stable")
    order = order if n <= MOST_LABELS_IN_FULL else order[:MOST_CONFUSED]
    return ClassCounts(
        classes=tuple(
            (int(gold), int(predicted), int(both))
            for gold, predicted, both in zip(
                matrix.sum(axis=1), matrix.sum(axis=0), correct, strict=True
            )
        ),
        confused=tuple(
            (int(rows[i]), int(columns[i]), int(wrong[rows[i], columns[i]])) for i in order
        ),
    )
