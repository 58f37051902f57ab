"""A packed batch gives what a padded one gives, and what the encoder's authors' code gives."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from search_spaces.methods import METHODS
from tests.fakes import example_settings, small_classifier, small_encoder
from tests.trainers.examples import Case, assert_close, gradients, make_case, one_by_one, run_step
from trainers.encoders import grids, packing
from trainers.encoders.attention import PACKED, packed_attention
from trainers.encoders.packing import run_packed, run_padded, use_packed_attention

KINDS = ("bert", "roberta")


@pytest.fixture(autouse=True)
def _several_grids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let examples as short as these lie on more than one grid, with padding in some."""
    monkeypatch.setattr(grids, "COST", 20)


@pytest.mark.parametrize("pairs", [False, True], ids=["single", "pairs"])
@pytest.mark.parametrize("kind", KINDS)
def test_these_examples_lie_on_several_grids(kind: str, pairs: bool) -> None:
    laid_out = make_case(kind, 7, pairs=pairs).batch.grids
    assert len(laid_out.shapes) > 1
    assert not all(bool(mask.all()) for mask in laid_out.masks)


def padded(encoder: PreTrainedModel, case: Case) -> Tensor:
    """h at [CLS] from the plain encoder on one batch of `input_ids`, padding masked."""
    examples = case.examples
    longest = max(len(example.tokens) for example in examples)
    ids = torch.full((len(examples), longest), encoder.config.pad_token_id)
    types, mask = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, example in enumerate(examples):
        ids[row, : len(example.tokens)] = torch.tensor(example.tokens)
        types[row, : len(example.types)] = torch.tensor(example.types)
        mask[row, : len(example.tokens)] = 1
    hidden: Tensor = encoder(
        input_ids=ids, attention_mask=mask, token_type_ids=types
    ).last_hidden_state
    return hidden[:, 0]


@pytest.mark.parametrize("pairs", [False, True], ids=["single", "pairs"])
@pytest.mark.parametrize("n", [7, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_packed_and_padded_states_are_those_of_the_plain_encoder(
    kind: str, n: int, pairs: bool
) -> None:
    case = make_case(kind, n, pairs=pairs)
    plain = small_encoder(kind).eval()
    expected = one_by_one(plain, case)
    assert expected.std() > 0.1
    torch.testing.assert_close(padded(plain, case), expected, atol=1e-5, rtol=1e-5)

    words = plain.get_input_embeddings()(case.batch.tokens_P)
    on_grid = run_padded(plain, words, case.batch)
    torch.testing.assert_close(on_grid, expected, atol=1e-5, rtol=1e-5)

    quick = copy.deepcopy(plain)
    assert use_packed_attention(quick)
    in_row = run_packed(quick, words, case.batch)
    torch.testing.assert_close(in_row, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_does_not_see_its_neighbours(kind: str) -> None:
    batch = make_case(kind, 6).batch
    model = small_classifier(kind).eval()
    words = model.embed(batch).detach()
    second = int(batch.starts_B[1])
    changed = torch.cat([words[:second], words[second:].flip(-1)])
    before, after = model.encode(words, batch), model.encode(changed, batch)
    torch.testing.assert_close(after[0], before[0], atol=1e-6, rtol=0)
    assert (after[1:] - before[1:]).abs().amax(dim=1).min() > 1e-2


@pytest.mark.parametrize("pairs", [False, True], ids=["single", "pairs"])
@pytest.mark.parametrize("n", [7, 1])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_packed_and_padded_steps_give_equal_losses_and_gradients(
    method: str, kind: str, n: int, pairs: bool
) -> None:
    case = make_case(kind, n, pairs=pairs)
    found = []
    for packed in (True, False):
        model = small_classifier(kind, packed=packed)
        assert model.packed is packed
        losses = run_step(method, model, case.batch, example_settings(method))
        found.append((losses, gradients(model)))
    (fast_losses, fast), (slow_losses, slow) = found
    assert_close(fast_losses, slow_losses)
    assert_close(fast, slow)


def test_switching_one_encoder_leaves_the_original_as_it_was() -> None:
    plain = small_encoder("bert")
    before = plain.config._attn_implementation
    assert use_packed_attention(copy.deepcopy(plain))
    assert plain.config._attn_implementation == before != PACKED


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_the_last_layer_drops_out_attention_in_training_alone(
    training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last layer alone: it is computed at [CLS], not by the encoder's own code."""
    asked: list[float] = []

    def spy(*args: Any, dropout: float, **options: Any) -> tuple[Tensor, None]:
        asked.append(dropout)
        return packed_attention(*args, dropout=dropout, **options)

    monkeypatch.setattr(packing, "packed_attention", spy)
    model, batch = small_classifier("bert", dropout=0.3).train(training), make_case("bert", 3).batch
    model.encode(model.embed(batch), batch)
    assert asked == [0.3 if training else 0.0]
