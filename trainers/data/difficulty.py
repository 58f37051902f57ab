"""The difficult test subset: for each intent, the test examples least like its training examples.

In: a loaded task and a trial's settings. Out: the task with its `test_difficult` split rebuilt, if
the settings ask for it, from the whole training set, whatever part of it is trained on.

`tfidf` is the construction of Qi et al. 2021 (arXiv:2012.03929), whose subsets the paper uses. They
do not describe it in full; this one reproduces their published subsets of BANKING77, CLINC150 and
HWU64 row for row. `encoder` is the paper's own variant: sentence vectors instead of word counts.
Legend: N test examples, M training examples, D the encoder's width, C intents.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from search_spaces.trial import TrainingSettings
from trainers.data.loading import Split, TaskData

Floats = npt.NDArray[np.float64]
Vector = Mapping[str, float]
Embed = Callable[[str, tuple[str, ...]], Floats]

WORD = re.compile(r"\b\w\w+\b")


def add_difficult_split(
    data: TaskData, settings: TrainingSettings, embed: Embed | None = None
) -> TaskData:
    """Build the difficult test subset of a task that has one; `published` keeps the loaded one.

    `embed(encoder, texts)` returns vectors (len(texts), D); `difficulty: encoder` needs it.

    Raises:
        UserError: as `embed`.
        ValueError: `embed` is needed, and not given.
    """
    amount = data.task.difficult
    if settings.difficulty == "published" or amount is None:
        return data
    train, test = data.splits["train"], data.splits["test"]
    if settings.difficulty == "tfidf":
        similarity = tfidf_similarity(train, test)
    elif embed is None:
        raise ValueError("difficulty: encoder needs sentence vectors")
    else:
        similarity = encoder_similarity(train, test, settings.difficulty_encoder, embed)
    rows = find_least_similar(similarity, test, amount)
    return replace(data, splits={**data.splits, "test_difficult": test.take(rows)})


def find_least_similar(similarity_N: Floats, test: Split, amount: int) -> list[int]:
    """Return the `amount` least similar rows of each label (or all, if fewer), ascending.

    Ties are broken by text, so that the choice does not depend on the order of the rows.
    """
    values, texts = similarity_N.tolist(), _join_texts(test)
    labels, taken, rows = test.labels.tolist(), Counter[int](), []
    for row in sorted(range(len(test)), key=lambda row: (values[row], texts[row])):
        if taken[labels[row]] < amount:
            taken[labels[row]] += 1
            rows.append(row)
    return sorted(rows)


def tfidf_similarity(train: Split, test: Split) -> Floats:
    """Cosine (N,) between each test example and all training examples of its intent as one text.

    A word is two or more letters, digits or underscores, in lower case. A text's vector has, for
    each word, its count times idf = 1 + ln((1 + M) / (1 + df)), where df is the number of training
    examples that contain the word; words of no training example are ignored. A text without known
    words has similarity 0.
    """
    documents = [_count_words(text) for text in _join_texts(train)]
    df = Counter(word for document in documents for word in document)
    idf = {word: 1 + math.log((1 + len(train)) / (1 + n)) for word, n in df.items()}
    intents: dict[int, Counter[str]] = {label: Counter() for label in set(test.labels.tolist())}
    for document, label in zip(documents, train.labels.tolist(), strict=True):
        intents.get(label, Counter()).update(document)
    vectors = {label: _unit_vector(counts, idf) for label, counts in intents.items()}
    pairs = zip(_join_texts(test), test.labels.tolist(), strict=True)
    return np.array(
        [_dot(_unit_vector(_count_words(text), idf), vectors[label]) for text, label in pairs]
    )


def _count_words(text: str) -> Counter[str]:
    return Counter(WORD.findall(text.lower()))


def _unit_vector(counts: Mapping[str, int], idf: Vector) -> Vector:
    """Multiply counts by idf, and scale the vector to length 1."""
    weights = {word: n * idf[word] for word, n in counts.items() if word in idf}
    length = math.sqrt(math.fsum(weight * weight for weight in weights.values()))
    return {word: weight / length for word, weight in weights.items()}


def _dot(first: Vector, second: Vector) -> float:
    """Dot product, exactly rounded, so that the order of the words does not matter."""
    return math.fsum(weight * second.get(word, 0.0) for word, weight in first.items())


def encoder_similarity(train: Split, test: Split, encoder: str, embed: Embed) -> Floats:
    """Cosine (N,) between each test example's sentence vector and the mean vector of its intent.

    Raises:
        UserError: as `embed`.
    """
    texts = _join_texts(train) + _join_texts(test)
    distinct = tuple(sorted(set(texts), key=lambda text: (len(text), text)))
    row_numbers = {text: row for row, text in enumerate(distinct)}
    vectors = embed(encoder, distinct)[[row_numbers[text] for text in texts]]
    train_MD, test_ND = vectors[: len(train)], vectors[len(train) :]
    sums_CD = np.zeros((int(max(train.labels.max(), test.labels.max())) + 1, vectors.shape[1]))
    np.add.at(sums_CD, train.labels, train_MD)
    return _cosine(test_ND, sums_CD[test.labels])


def _cosine(first_ND: Floats, second_ND: Floats) -> Floats:
    lengths = np.linalg.norm(first_ND, axis=1) * np.linalg.norm(second_ND, axis=1)
    return np.asarray((first_ND * second_ND).sum(axis=1) / np.maximum(lengths, 1e-12))


def _join_texts(split: Split) -> list[str]:
    """Return one text per example; the two texts of a pair are joined."""
    return [" ".join(columns) for columns in zip(*split.texts, strict=True)]
