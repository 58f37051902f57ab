"""The difficult test subsets: the definition again by other means, and the published sets."""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from search_spaces.errors import UserError
from tests.fakes import tiny_config
from tests.references.difficulty import cosine, dense_tfidf, hardest
from trainers.data.difficulty import (
    add_difficult_split,
    encoder_similarity,
    find_least_similar,
    tfidf_similarity,
)
from trainers.data.hub import locate_encoder
from trainers.data.loading import Split, TaskData, load_task
from trainers.encoders.sentence_vectors import sentence_vectors
from trainers.prepared import prepare, warm_key

CATSWEEP_DATA = os.environ.get("CATSWEEP_DATA", "")


@pytest.fixture(scope="module")
def library() -> TaskData:
    return load_task("library")


def as_lists(split: Split) -> tuple[list[str], list[str]]:
    return split.texts[0], [str(label) for label in split.labels.tolist()]


def split_of(*rows: tuple[str, int]) -> Split:
    return Split(
        ids=[str(place) for place in range(len(rows))],
        texts=([text for text, _ in rows],),
        labels=np.array([label for _, label in rows], dtype=np.int64),
    )


def test_tfidf_is_that_of_the_literal_reference(library: TaskData) -> None:
    """On rows of 13 of the 14 intents: a test example whose intent has none is like nothing."""
    train, test = library.splits["train"], library.splits["test"].take(range(100))
    train = train.take([row for row in range(150) if train.labels[row] != 3])
    expected = dense_tfidf(*as_lists(train), *as_lists(test))
    np.testing.assert_allclose(tfidf_similarity(train, test), expected, rtol=1e-12, atol=1e-15)
    assert set(expected[test.labels == 3]) == {0.0}
    assert len(set(expected.tolist())) > 80


def test_the_least_similar_are_those_of_the_literal_reference(library: TaskData) -> None:
    test = library.splits["test"]
    coarse = np.round(tfidf_similarity(library.splits["train"], test), 1)  # with many ties
    for amount in (1, 10, 99):
        assert find_least_similar(coarse, test, amount) == hardest(coarse, *as_lists(test), amount)


def test_similarities_by_hand() -> None:
    """Two training examples of two intents; `lost` is in one of them, `card` in both."""
    train = split_of(("lost card", 0), ("Card, card!", 1))
    test = split_of(("CARD", 0), ("card", 1), ("x lost-x unheard", 0), ("y", 1))
    lost = 1 + np.log(3 / 2)
    expected = [1 / np.hypot(lost, 1), 1, lost / np.hypot(lost, 1), 0]
    np.testing.assert_allclose(tfidf_similarity(train, test), expected, rtol=1e-12)


def test_the_same_words_in_another_order_tie_and_go_by_text() -> None:
    train = split_of(("what is my credit rating", 0), ("what does a rating say", 0), ("hello", 1))
    rows = (("what is my credit rating", 0), ("my credit rating is what", 0), ("hello", 1))
    for turned in (rows, rows[::-1]):
        test = split_of(*turned)
        similarity = tfidf_similarity(train, test)
        first, second = (similarity[place] for place, row in enumerate(turned) if row[1] == 0)
        assert first == second
        chosen = [test.texts[0][row] for row in find_least_similar(similarity, test, 1)]
        assert sorted(chosen) == ["hello", "my credit rating is what"]


def test_the_order_of_words_does_not_matter_to_the_last_bit(library: TaskData) -> None:
    train, test = library.splits["train"], library.splits["test"]
    backwards = [" ".join(reversed(text.split())) for text in test.texts[0]]
    found = tfidf_similarity(train, replace(test, texts=(backwards,)))
    np.testing.assert_array_equal(found, tfidf_similarity(train, test))


def test_a_built_subset_is_part_of_the_test_set_under_the_same_ids(library: TaskData) -> None:
    built = add_difficult_split(library, tiny_config(difficulty="tfidf")).splits
    part = built["test_difficult"]
    assert Counter(part.labels.tolist()) == dict.fromkeys(range(14), 10)
    rows = [library.splits["test"].ids.index(name) for name in part.ids]
    assert rows == sorted(rows)
    assert library.splits["test"].take(rows).fingerprint() == part.fingerprint()
    assert set(built) == {*library.splits, "test_difficult"}


def test_a_published_subset_gives_way_to_the_one_asked_for(data_folder: Path) -> None:
    data = load_task("banking77", data_folder)
    assert add_difficult_split(data, tiny_config()) is data
    built = add_difficult_split(data, tiny_config(difficulty="tfidf")).splits["test_difficult"]
    assert set(built.ids) <= set(data.splits["test"].ids)
    assert built.fingerprint() != data.splits["test_difficult"].fingerprint()


def test_a_task_without_difficult_subset_is_left_as_it_is(data_folder: Path) -> None:
    data = load_task("rte", data_folder)
    assert add_difficult_split(data, tiny_config(difficulty="tfidf")) is data


def test_encoder_similarity_is_that_of_single_texts_without_padding() -> None:
    """Mean of the last hidden states over all tokens, one text at a time; mean of the intent's."""
    location = locate_encoder("packaged:minilm")
    tokenizer, model = AutoTokenizer.from_pretrained(location), AutoModel.from_pretrained(location)

    def vector(text: str) -> Any:
        with torch.no_grad():
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state
        return hidden[0].mean(0).double().numpy()

    train = split_of(("where is my card", 0), ("track it, please", 0), ("euro rates", 1), ("hi", 1))
    test = split_of(("my card has not come", 0), ("rate", 1), ("hi", 1), ("my card", 0))
    means = {0: "where is my card|track it, please", 1: "euro rates|hi"}
    expected = [
        cosine(vector(text), np.mean([vector(own) for own in means[label].split("|")], axis=0))
        for text, label in zip(test.texts[0], test.labels.tolist(), strict=True)
    ]
    found = encoder_similarity(train, test, "packaged:minilm", sentence_vectors)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert min(expected) + 0.05 < max(expected)


def test_vectors_are_computed_once_and_equal_texts_have_equal_ones(library: TaskData) -> None:
    train, test = library.splits["train"], library.splits["test"]
    sentence_vectors.cache_clear()
    first = encoder_similarity(train, test, "tiny", sentence_vectors)
    twice = test.take([0, 1, 0])
    np.testing.assert_array_equal(encoder_similarity(train, test, "tiny", sentence_vectors), first)
    assert sentence_vectors.cache_info().hits == 1
    again = encoder_similarity(train, twice, "tiny", sentence_vectors)
    assert again[0] == again[2] != again[1]


def test_an_unknown_sentence_encoder_is_one_line(library: TaskData) -> None:
    with pytest.raises(UserError, match="unknown encoder 'packaged:minilms'"):
        add_difficult_split(
            library,
            tiny_config(difficulty="encoder", difficulty_encoder="packaged:minilms"),
            sentence_vectors,
        )


def test_prepared_trials_have_the_subset_that_they_ask_for() -> None:
    """The whole training set decides, not the part that is trained on."""
    configs = [tiny_config(difficulty="tfidf", n_per_class=n) for n in (2, 4)]
    few, more = (prepare(config, None) for config in configs)
    assert few.ids["test_difficult"] == more.ids["test_difficult"]
    assert few.fingerprints["test_difficult"] == more.fingerprints["test_difficult"]
    assert len(few.inputs["test_difficult"]) == 140
    other = tiny_config(difficulty="encoder", difficulty_encoder="tiny")
    assert len({warm_key(config) for config in (*configs, other, tiny_config())}) == 4
    by_encoder = prepare(other, None)
    assert by_encoder.fingerprints["test_difficult"] != few.fingerprints["test_difficult"]
    assert "test_difficult" not in prepare(tiny_config(), None).ids


@pytest.mark.full
@pytest.mark.skipif(not CATSWEEP_DATA, reason="CATSWEEP_DATA names no folder with the real data")
@pytest.mark.parametrize("task", ["banking77", "clinc150", "hwu64"])
def test_tfidf_gives_the_published_subsets(task: str) -> None:
    folder = Path(CATSWEEP_DATA)
    if not (folder / task / "test_difficult.csv").is_file():
        pytest.skip(f"{folder} has no published {task}/test_difficult.csv")
    data = load_task(task, folder)
    built = add_difficult_split(data, tiny_config(task=task, difficulty="tfidf"))
    published, found = (examples(each.splits["test_difficult"]) for each in (data, built))
    assert found == published
    other_order = replace(data, splits=dict(data.splits) | {"test": turned(data.splits["test"])})
    again = add_difficult_split(other_order, tiny_config(task=task, difficulty="tfidf"))
    assert examples(again.splits["test_difficult"]) == published


def turned(split: Split) -> Split:
    return split.take(range(len(split) - 1, -1, -1))


def examples(split: Split) -> Counter[tuple[str, int]]:
    return Counter(zip(split.texts[0], split.labels.tolist(), strict=True))
