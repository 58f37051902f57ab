"""Each type of model that is packed, beside its own code; and some that are padded instead."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    CONFIG_MAPPING,
    AutoModel,
    AutoModelForMaskedLM,
    DebertaV2Config,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedConfig,
    PreTrainedModel,
)

from search_spaces.errors import UserError
from search_spaces.methods import METHODS
from tests.fakes import VOCABULARY, example_settings
from tests.trainers.examples import assert_close, gradients, make_case, one_by_one, run_step
from trainers.encoders.classifier import Classifier
from trainers.encoders.encoder import load_encoder, tiny_tokenizer
from trainers.encoders.packing import PACKED_MODELS

TEXTS = ("where is the card", "the card is here")

SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 32,
    "max_position_embeddings": 48,
    "initializer_range": 0.2,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
OWN: dict[str, dict[str, Any]] = {
    "electra": {"embedding_size": 16},
    "albert": {"embedding_size": 16, "num_hidden_groups": 2, "type_vocab_size": 2},
    "distilbert": {"dim": 24, "n_layers": 3, "n_heads": 3, "hidden_dim": 32, "dropout": 0.0}
    | {"attention_dropout": 0.0},
    "ernie": {"use_task_id": True, "type_vocab_size": 2},
}
PADDED: dict[str, PreTrainedConfig] = {
    "mpnet": MPNetConfig(**SHAPE, pad_token_id=1),
    "deberta-v2": DebertaV2Config(
        **SHAPE, relative_attention=True, pos_att_type=["p2c", "c2p"], type_vocab_size=2
    ),
    "modernbert": ModernBertConfig(
        **{name: value for name, value in SHAPE.items() if "dropout" not in name},
        local_attention=4,
        global_attn_every_n_layers=2,
        pad_token_id=0,
        attn_implementation="sdpa",
    ),
}


def random_model(config: PreTrainedConfig) -> PreTrainedModel:
    """A model whose weights are large enough to matter: biases and norms, too."""
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModel.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def packed_model(kind: str) -> PreTrainedModel:
    padding = {"pad_token_id": 1} if PACKED_MODELS[kind].from_padding else {"pad_token_id": 0}
    types = {"type_vocab_size": 1} if PACKED_MODELS[kind].from_padding else {}
    return random_model(CONFIG_MAPPING[kind](**(SHAPE | padding | types | OWN.get(kind, {}))))


def case_kind(kind: str) -> str:
    return "roberta" if PACKED_MODELS[kind].from_padding else "bert"


@pytest.mark.parametrize("kind", PACKED_MODELS)
def test_a_masked_language_model_is_the_same_encoder_each_time(kind: str, tmp_path: Path) -> None:
    """It has no pooler; one drawn at random would give each worker an encoder of its own."""
    tokenizer = tiny_tokenizer(TEXTS)
    settings = SHAPE | {"vocab_size": len(tokenizer), "pad_token_id": 0} | OWN.get(kind, {})
    AutoModelForMaskedLM.from_config(CONFIG_MAPPING[kind](**settings)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    first, second = (load_encoder(str(tmp_path), []) for _ in range(2))
    assert first.model.config.model_type == kind
    assert first.fingerprint == second.fingerprint
    assert not [name for name, _ in first.model.named_parameters() if "pooler" in name]


@pytest.mark.parametrize("n", [7, 1])
@pytest.mark.parametrize("kind", PACKED_MODELS)
def test_packed_states_are_those_of_the_model_s_own_code(kind: str, n: int) -> None:
    case, encoder = make_case(case_kind(kind), n, pairs=True), packed_model(kind).eval()
    expected = one_by_one(encoder, case)
    assert expected.std() > 0.1
    model = Classifier(copy.deepcopy(encoder), n_classes=3).eval()
    assert model.packed
    found = model.encode(model.embed(case.batch), case.batch)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", ["standard", "cat", "freelb", "smart"])
@pytest.mark.parametrize("kind", PACKED_MODELS)
def test_packed_and_padded_steps_are_equal(kind: str, method: str) -> None:
    case, encoder = make_case(case_kind(kind), 6, pairs=True), packed_model(kind)
    found = []
    for packed in (True, False):
        model = Classifier(
            copy.deepcopy(encoder), n_classes=3, proj_dim=8, dropout=0.0, packed=packed
        ).train()
        losses = run_step(method, model, case.batch, example_settings(method))
        found.append({**losses, **gradients(model)})
    assert_close(found[0], found[1])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", PADDED)
def test_another_type_of_model_falls_back_to_padding_and_trains(kind: str, method: str) -> None:
    encoder, case = random_model(PADDED[kind]), make_case("bert", 5, pairs=True)
    model = Classifier(copy.deepcopy(encoder), n_classes=3, proj_dim=8, dropout=0.0).eval()
    assert not model.packed
    h_BD = model.encode(model.embed(case.batch), case.batch)
    expected = one_by_one(encoder.eval(), case)
    torch.testing.assert_close(h_BD, expected, atol=1e-5, rtol=1e-5)

    losses = run_step(method, model.train(), case.batch, example_settings(method))
    assert all(torch.isfinite(loss) for loss in losses.values())
    reached = [name for name, value in gradients(model.encoder).items() if value.abs().max() > 0]
    assert len(reached) > 0.8 * len(gradients(model.encoder))


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "fnet": ({}, "encodes a text differently when it is padded"),
    "convbert": ({"embedding_size": 24, "head_ratio": 1}, "encodes a text differently"),
    "esm": ({}, "encodes a text differently when it is padded"),
    "modernbert-decoder": ({"local_attention": 4}, "cannot be run on a padded batch"),
    "xmod": ({"languages": ["en_XX"]}, "(ValueError: Input language unknown."),
}
"""Types that read padding, or whose own code does more to word embeddings; and what is said."""


def saved(config: PreTrainedConfig, folder: Path) -> str:
    tokenizer = tiny_tokenizer(TEXTS)
    config.vocab_size = len(tokenizer)
    random_model(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("kind", UNFIT)
def test_a_type_whose_padded_states_are_others_is_refused(kind: str, tmp_path: Path) -> None:
    own, said = UNFIT[kind]
    name = saved(CONFIG_MAPPING[kind](**(SHAPE | {"pad_token_id": 0} | own)), tmp_path)
    with pytest.raises(UserError) as caught:
        load_encoder(name, [])
    assert f": {kind} " in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", PADDED)
def test_a_type_that_is_padded_loads(kind: str, tmp_path: Path) -> None:
    name = saved(copy.deepcopy(PADDED[kind]), tmp_path)
    assert load_encoder(name, []).model.config.model_type == kind
