"""Tokenised examples and batches: nothing lost, nothing twice, every index where it belongs."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import random_inputs
from trainers.encoders.batches import (
    Batch,
    Inputs,
    collate,
    evaluation_batches,
    tokenise,
    training_order,
)
from trainers.encoders.encoder import tiny_tokenizer

SENTENCE = "the quick brown fox jumps over the lazy dog and the quick cat sleeps over there"
TOKENIZER = tiny_tokenizer([SENTENCE, SENTENCE])


def literal_collate(inputs: Inputs, rows: list[int]) -> dict[str, Any]:
    """The same batch, token by token, in plain Python."""
    examples = [
        list(
            zip(
                inputs.tokens_S[inputs.starts[row] : inputs.starts[row + 1]].tolist(),
                inputs.types_S[inputs.starts[row] : inputs.starts[row + 1]].tolist(),
                strict=True,
            )
        )
        for row in rows
    ]
    longest = max(map(len, examples))
    known = sorted({token for example in examples for token, _ in example})
    made: dict[str, Any] = {key: [] for key in ("tokens", "types", "positions", "cells", "starts")}
    for number, example in enumerate(examples):
        made["starts"].append(len(made["tokens"]))
        for position, (token, kind) in enumerate(example):
            made["tokens"].append(token)
            made["types"].append(kind)
            made["positions"].append(position)
            made["cells"].append(number * longest + position)
    made["mask"] = [[place < len(example) for place in range(longest)] for example in examples]
    made["slots"] = [known.index(token) for token in made["tokens"]]
    made["labels"] = [int(inputs.labels_N[row]) for row in rows]
    return made | {"n_slots": len(known)}


def as_lists(batch: Batch) -> dict[str, Any]:
    return {
        "tokens": batch.tokens_P.tolist(),
        "types": batch.types_P.tolist(),
        "positions": batch.positions_P.tolist(),
        "cells": batch.cells_P.tolist(),
        "starts": batch.starts_B.tolist(),
        "mask": batch.mask_BT.tolist(),
        "slots": batch.slots_P.tolist(),
        "labels": batch.labels_B.tolist(),
        "n_slots": batch.n_slots,
    }


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_packed_batch_is_what_a_slow_one_is(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 9))
    inputs = random_inputs("bert", n, pairs=True, seed=data.draw(st.integers(0, 99)))
    rows = data.draw(st.permutations(range(n)))[: data.draw(st.integers(1, n))]
    batch = collate(inputs, np.array(rows, dtype=np.int64))
    assert as_lists(batch) == literal_collate(inputs, rows)
    assert len(batch) == len(rows)


def test_a_batch_on_the_cpu_is_itself() -> None:
    batch = collate(random_inputs("bert", 3), np.arange(3))
    assert batch.to(torch.device("cpu")) is batch


@pytest.mark.parametrize(("n", "size"), [(56, 16), (32, 16), (5, 16), (1, 4), (17, 1)])
def test_an_epoch_holds_every_example_exactly_once(n: int, size: int) -> None:
    batches = training_order(n, size, (0, 3, 0), drop_last=False)
    assert sorted(np.concatenate(batches).tolist()) == list(range(n))
    full, rest = divmod(n, size)
    assert [len(batch) for batch in batches] == [size] * full + ([rest] if rest else [])


def test_drop_last_leaves_out_the_short_batch_only() -> None:
    kept = training_order(56, 16, (0, 3, 0), drop_last=True)
    whole = training_order(56, 16, (0, 3, 0), drop_last=False)
    assert [batch.tolist() for batch in kept] == [batch.tolist() for batch in whole[:3]]
    assert [len(batch) for batch in training_order(32, 16, (0,), drop_last=True)] == [16, 16]
    assert [len(batch) for batch in training_order(5, 16, (0,), drop_last=True)] == [5]


def test_the_order_follows_from_seed_stream_and_epoch() -> None:
    def order(*seeds: int) -> list[int]:
        return [int(row) for row in np.concatenate(training_order(56, 16, seeds, drop_last=False))]

    assert order(0, 3, 0) == order(0, 3, 0)
    distinct = {tuple(order(*seeds)) for seeds in ((0, 3, 0), (0, 3, 1), (0, 4, 0), (1, 3, 0))}
    assert len(distinct) == 4
    assert order(0, 3, 0) != list(range(56))


@pytest.mark.parametrize(("n", "size"), [(23, 8), (16, 8), (3, 8), (1, 1)])
def test_evaluation_sees_every_example_exactly_once(n: int, size: int) -> None:
    inputs = random_inputs("bert", n)
    seen = []
    for rows, batch in evaluation_batches(inputs, size):
        assert as_lists(batch) == literal_collate(inputs, rows.tolist())
        seen += rows.tolist()
    assert sorted(seen) == list(range(n))


def test_evaluation_puts_similar_lengths_together() -> None:
    inputs = random_inputs("bert", 40)
    longest = [batch.mask_BT.shape[1] for _, batch in evaluation_batches(inputs, 8)]
    assert longest == sorted(longest)


def rows_of(inputs: Inputs) -> list[list[int]]:
    return [row.tolist() for row in np.split(inputs.tokens_S, inputs.starts[1:-1])]


def test_single_texts_are_tokenised_one_by_one() -> None:
    texts = ["the fox", "", "n/a", "the lazy dog jumps over the quick brown fox"]
    inputs = tokenise(TOKENIZER, (texts,), np.arange(4), 8)
    assert rows_of(inputs) == [
        TOKENIZER(text, truncation=True, max_length=8)["input_ids"] for text in texts
    ]
    assert max(map(len, rows_of(inputs))) == 8
    assert len(inputs) == 4
    assert set(inputs.types_S.tolist()) == {0}
    assert {row[0] for row in rows_of(inputs)} == {TOKENIZER.cls_token_id}


def test_a_pair_loses_tokens_of_its_longer_text_first() -> None:
    short, long = "the cat sleeps", SENTENCE
    inputs = tokenise(TOKENIZER, ([short, long], [long, short]), np.array([0, 1]), 12)
    cls, sep = TOKENIZER.cls_token_id, TOKENIZER.sep_token_id
    ids = {text: TOKENIZER(text, add_special_tokens=False)["input_ids"] for text in (short, long)}
    expected = [
        [cls, *ids[short], sep, *ids[long][:6], sep],
        [cls, *ids[long][:6], sep, *ids[short], sep],
    ]
    assert rows_of(inputs) == expected
    assert inputs.types_S.tolist() == [0] * 5 + [1] * 7 + [0] * 8 + [1] * 4
