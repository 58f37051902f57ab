"""The difficult test subset again, literally: dense vectors over the whole vocabulary.

In: texts and labels as lists. Out: the similarity of each test text. Written from the definition
in `trainers/data/difficulty.py`'s docstrings, not from its code.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def words(text: str) -> list[str]:
    """Split at whatever is no letter, digit or underscore; single characters are no words."""
    spaced = "".join(c if c.isalnum() or c == "_" else " " for c in text.lower())
    return [word for word in spaced.split() if len(word) > 1]


def dense_tfidf(train: list[str], labels: list[str], test: list[str], golds: list[str]) -> Floats:
    """Cosine of each test text with all training texts of its label, joined to one."""
    vocabulary = sorted({word for text in train for word in words(text)})
    holds = np.array([[word in words(text) for word in vocabulary] for text in train])
    idf = 1 + np.log((1 + len(train)) / (1 + holds.sum(axis=0)))

    def vector(text: str) -> Floats:
        counts = [words(text).count(word) for word in vocabulary]
        return np.asarray(counts * idf, dtype=np.float64)

    found = []
    for text, gold in zip(test, golds, strict=True):
        own = [row for row, label in zip(train, labels, strict=True) if label == gold]
        found.append(cosine(vector(text), vector(" ".join(own))))
    return np.array(found)


def cosine(first: Floats, second: Floats) -> float:
    """0 where a vector has no length."""
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths else 0.0


def hardest(similarities: Floats, texts: list[str], labels: list[str], amount: int) -> list[int]:
    """Of each label, the rows that fewer than `amount` rows of it come before."""

    def before(a: int, b: int) -> bool:
        first, second = (similarities[a], texts[a], a), (similarities[b], texts[b], b)
        return labels[a] == labels[b] and first < second

    rows = range(len(texts))
    return [row for row in rows if sum(before(other, row) for other in rows) < amount]
