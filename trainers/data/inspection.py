"""A summary of a task's rows before anything is trained. Pure; no torch here.

In: a loaded task, and optionally a tokenizer's count of tokens. Out: a frozen `Inspection`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trainers.data.loading import Split, TaskData

TokenCounter = Callable[[Sequence[Sequence[str]]], Sequence[int]]
"""Maps the texts of N examples, by column, to their lengths in tokens (N,)."""

EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class SplitInspection:
    """A split: rows, rows per label, lengths, and how many are truncated (None: not counted)."""

    rows: int
    label_counts: Mapping[str, int]
    mean: float
    longest: int
    cut: int | None


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """A task's splits; lengths are in `unit`s.

    `repeated` counts the texts that a split has more than once, `shared` the texts of each other
    split that train has too; `contradicted` are texts with two or more labels, in any split.
    `examples` are training rows: (label, text).
    """

    splits: Mapping[str, SplitInspection]
    unit: str
    repeated: Mapping[str, int]
    shared: Mapping[str, int]
    contradicted: Sequence[tuple[str, tuple[str, ...]]]
    examples: Sequence[tuple[str, str]]


def inspect_task(data: TaskData, count: TokenCounter | None, max_length: int) -> Inspection:
    """Summarise a task; without a count of tokens, lengths are in words and `cut` is None."""
    texts = {name: _join_texts(split) for name, split in data.splits.items()}
    train = set(texts["train"])
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for name, split in data.splits.items():
        for text, label in zip(texts[name], split.labels.tolist(), strict=True):
            labels[text].add(data.labels[label])
    first = data.splits["train"]
    return Inspection(
        splits={
            name: _inspect_split(data, split, count, max_length)
            for name, split in data.splits.items()
        },
        unit="tokens" if count else "words",
        repeated={
            name: _count_repeated(found) for name, found in texts.items() if _count_repeated(found)
        },
        shared={
            name: n
            for name, found in texts.items()
            if name != "train" and (n := sum(text in train for text in found))
        },
        contradicted=[
            (text, tuple(sorted(names))) for text, names in labels.items() if len(names) > 1
        ],
        examples=[
            (data.labels[label], text)
            for label, text in zip(first.labels.tolist()[:EXAMPLES], texts["train"], strict=False)
        ],
    )


def _join_texts(split: Split) -> list[str]:
    return [" | ".join(parts) for parts in zip(*split.texts, strict=True)]


def _count_repeated(texts: Sequence[str]) -> int:
    return sum(n > 1 for n in Counter(texts).values())


def _inspect_split(
    data: TaskData, split: Split, count: TokenCounter | None, max_length: int
) -> SplitInspection:
    lengths = (count or _count_words)(split.texts)
    numbers = Counter(split.labels.tolist())
    return SplitInspection(
        rows=len(split),
        label_counts={data.labels[label]: n for label, n in numbers.most_common()},
        mean=float(np.mean(lengths)),
        longest=int(max(lengths)),
        cut=sum(n > max_length for n in lengths) if count else None,
    )


def _count_words(texts: Sequence[Sequence[str]]) -> list[int]:
    return [sum(len(text.split()) for text in row) for row in zip(*texts, strict=True)]
