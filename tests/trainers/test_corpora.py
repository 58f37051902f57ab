"""The shipped corpora: their shape, and that no single word gives a label away."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

import pytest

CORPORA = Path(__file__).parents[2] / "trainers" / "corpora"
LIBRARY = CORPORA / "library"
PER_LABEL = {"train": 36, "dev": 12, "test": 32}


@dataclass(frozen=True, kw_only=True)
class Utterance:
    text: str
    label: str

    @property
    def normalised(self) -> str:
        return " ".join(self.text.lower().split())

    @property
    def words(self) -> frozenset[str]:
        return frozenset(re.findall(r"[a-z0-9']+", self.text.lower()))


def read(split: str) -> list[Utterance]:
    with (LIBRARY / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert rows[0] == ["text", "label"]
    return [Utterance(text=text, label=label) for text, label in rows[1:]]


@pytest.fixture(scope="module")
def utterances() -> list[Utterance]:
    return list(chain.from_iterable(map(read, PER_LABEL)))


def best_words(utterances: list[Utterance]) -> dict[str, tuple[float, str]]:
    """Per label the word w whose rule "w occurs, so it is this label" has the highest F1."""
    size = Counter(utterance.label for utterance in utterances)
    anywhere = Counter(word for utterance in utterances for word in utterance.words)
    inside = Counter((u.label, word) for u in utterances for word in u.words)
    best: dict[str, tuple[float, str]] = {}
    for (label, word), hits in inside.items():
        f1 = 2 * hits / (size[label] + anywhere[word])
        best[label] = max(best.get(label, (0.0, "")), (f1, word))
    return best


@pytest.mark.parametrize("split", PER_LABEL)
def test_every_split_holds_the_same_number_of_every_label(
    split: str, utterances: list[Utterance]
) -> None:
    labels = {utterance.label for utterance in utterances}
    assert len(labels) == 14
    assert Counter(u.label for u in read(split)) == dict.fromkeys(labels, PER_LABEL[split])


def test_no_utterance_occurs_twice(utterances: list[Utterance]) -> None:
    texts = Counter(utterance.normalised for utterance in utterances)
    assert [text for text, times in texts.items() if times > 1] == []


def test_utterances_are_clean_and_of_natural_length(utterances: list[Utterance]) -> None:
    assert [u.text for u in utterances if u.text != " ".join(u.text.split())] == []
    assert [u.text for u in utterances if not 3 <= len(u.text.split()) <= 30] == []


def test_rows_are_not_sorted_by_label(utterances: list[Utterance]) -> None:
    labels = [utterance.label for utterance in utterances]
    repeats = sum(a == b for a, b in pairwise(labels))
    assert repeats < len(labels) / 5


def test_no_label_has_a_word_of_its_own(utterances: list[Utterance]) -> None:
    """A word in more than 60 % of a label's utterances is also in 3 % or more of the others."""
    size = sum(PER_LABEL.values())
    for label in {utterance.label for utterance in utterances}:
        own = Counter(w for u in utterances if u.label == label for w in u.words)
        others = Counter(w for u in utterances if u.label != label for w in u.words)
        assert {w for w in own if own[w] > 0.6 * size and others[w] < 0.4 * size} == set(), label


def test_the_best_single_word_of_a_label_is_a_poor_rule(utterances: list[Utterance]) -> None:
    assert {label: rule for label, rule in best_words(utterances).items() if rule[0] >= 0.75} == {}


def test_one_word_per_label_does_not_classify(utterances: list[Utterance]) -> None:
    """Each label's best word votes; the word with the higher F1 wins; none occurs: unknown."""
    ranked = sorted(((f1, word, label) for label, (f1, word) in best_words(utterances).items()))
    right = 0
    for utterance in utterances:
        votes = [label for _, word, label in ranked if word in utterance.words]
        right += votes[-1:] == [utterance.label]
    assert 0.2 < right / len(utterances) < 0.6


def test_the_readme_describes_every_label(utterances: list[Utterance]) -> None:
    described = re.findall(r"^\| (\w+_\w+) \|", (LIBRARY / "README.md").read_text("utf-8"), re.M)
    assert described == sorted({utterance.label for utterance in utterances})
