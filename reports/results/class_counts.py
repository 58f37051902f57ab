"""What a trial made of each label: counts of a split's predictions, by label and by confusion.

In: a record, a split and the store. Out: a frozen `ClassCounts`. Shapes: C labels.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from trainers.records.outcome import TrialRecord
from trainers.records.store import Store

WHOLE: Final = 12
"""Up to so many labels every confusion is listed."""
MOST_CONFUSED: Final = 30


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """`classes` has of each label how many examples are of it, were predicted as it, and both.

    `confused` has (gold, predicted, count), the most frequent first; all of them of few labels.
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
    right = matrix.diagonal()
    wrong = matrix - np.diag(right)
    rows, columns = np.nonzero(wrong)
    order = np.argsort(-wrong[rows, columns], kind="stable")
    order = order if n <= WHOLE else order[:MOST_CONFUSED]
    return ClassCounts(
        classes=tuple(
            (int(gold), int(predicted), int(both))
            for gold, predicted, both in zip(
                matrix.sum(axis=1), matrix.sum(axis=0), right, strict=True
            )
        ),
        confused=tuple(
            (int(rows[at]), int(columns[at]), int(wrong[rows[at], columns[at]])) for at in order
        ),
    )
