"""The native head equals the classifier that transformers builds on the same encoder."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertModel,
    PreTrainedModel,
    RobertaForSequenceClassification,
)

from search_spaces.errors import UserError
from tests.fakes import example_settings, small_encoder, tiny_config
from tests.trainers.examples import Case, make_case
from trainers.encoders.classifier import Classifier
from trainers.encoders.encoder import load_encoder
from trainers.loop import TrialRun
from trainers.prepared import Prepared

KINDS = ("bert", "roberta")


def native(kind: str, **more: Any) -> Classifier:
    settings: dict[str, Any] = {"n_classes": 3, "head": "native", "init_std": 0.2} | more
    return Classifier(small_encoder(kind, dropout=settings.get("dropout", 0.0)), **settings)


def theirs(model: Classifier, kind: str) -> PreTrainedModel:
    """Build transformers' classifier with the same weights."""
    assert model.dense is not None
    encoder = model.encoder
    config = encoder.config.__class__(**encoder.config.to_dict() | {"num_labels": 3})
    config._attn_implementation = "eager"
    whole: Any
    if kind == "bert":
        whole = BertForSequenceClassification(config)
        body, dense, out = whole.bert, whole.bert.pooler.dense, whole.classifier
    else:
        whole = RobertaForSequenceClassification(config)
        body, dense, out = whole.roberta, whole.classifier.dense, whole.classifier.out_proj
    body.load_state_dict(encoder.state_dict(), strict=False)
    dense.load_state_dict(model.dense.state_dict())
    out.load_state_dict(model.head.state_dict())
    built: PreTrainedModel = whole
    return built


def their_scores(whole: PreTrainedModel, case: Case) -> Tensor:
    """One example at a time, as ids."""
    rows = [
        whole(
            input_ids=torch.tensor([example.tokens]), token_type_ids=torch.tensor([example.types])
        ).logits[0]
        for example in case.examples
    ]
    return torch.stack(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_the_native_head_is_that_of_transformers(kind: str) -> None:
    case, model = make_case(kind, 5), native(kind).eval()
    whole = theirs(model, kind).eval()
    torch.testing.assert_close(model(case.batch), their_scores(whole, case), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_is_where_transformers_has_it(kind: str) -> None:
    """Masks by position: before BERT's softmax layer; before RoBERTa's dense layer as well."""
    model = native(kind, dropout=0.5)
    assert model.dense is not None
    seen: dict[str, Tensor] = {}
    layers: dict[str, nn.Module] = {"dense": model.dense, "head": model.head}
    for name, layer in layers.items():
        layer.register_forward_pre_hook(
            lambda _, inputs, name=name: seen.__setitem__(name, inputs[0])
        )
    model.train()
    model.classify(torch.ones(40, 24))
    dropped = {name: bool((value == 0).any()) for name, value in seen.items()}
    assert dropped == {"dense": kind == "roberta", "head": True}


def test_a_pre_trained_pooler_is_taken_by_bert_alone() -> None:
    pooler = nn.Linear(24, 24)
    bert, roberta = native("bert", pooler=pooler), native("roberta", pooler=pooler)
    assert bert.dense is not None
    assert roberta.dense is not None
    assert torch.equal(bert.dense.weight, pooler.weight)
    assert torch.equal(bert.dense.bias, pooler.bias)
    assert bert.dense.weight is not pooler.weight
    assert not torch.equal(roberta.dense.weight, pooler.weight)


def test_a_new_dense_layer_is_drawn_from_the_seed_alone() -> None:
    one, again, other = native("bert"), native("bert", proj_dim=5), native("bert", seed=1)
    for model in (one, again, other):
        assert model.dense is not None
        assert model.dense.weight.abs().max() <= 0.4
        assert model.dense.bias.abs().max() == 0
    assert one.dense is not None
    assert again.dense is not None
    assert other.dense is not None
    assert torch.equal(one.dense.weight, again.dense.weight)
    assert not torch.equal(one.dense.weight, other.dense.weight)
    plain = native("bert", head="linear")
    assert plain.dense is None
    assert torch.equal(plain.head.weight, one.head.weight)


def test_the_packaged_minilm_brings_its_pooler(tiny_prepared: Prepared) -> None:
    encoder = load_encoder("packaged:minilm", [])
    assert encoder.pooler is not None
    assert encoder.pooler.weight.shape == (384, 384)
    assert tiny_prepared.encoder.pooler is None


def test_an_encoder_without_a_known_head_is_refused_in_one_line() -> None:
    config = DistilBertConfig(vocab_size=20, dim=24, n_layers=1, n_heads=2, hidden_dim=8)
    encoder = DistilBertModel(config)
    Classifier(encoder, n_classes=2)
    with pytest.raises(
        UserError, match=r"^head: native is available for bert, .*, not for distilbert"
    ):
        Classifier(encoder, n_classes=2, head="native")


@pytest.mark.parametrize("method", ["standard", "at", "cat"])
def test_a_trial_trains_with_a_native_head(method: str, tiny_prepared: Prepared) -> None:
    config = tiny_config(head="native", method=example_settings(method), epochs=1)
    run = TrialRun(config, tiny_prepared, torch.device("cpu"))
    before = {name: p.detach().clone() for name, p in run.model.named_parameters()}
    run.train_epoch()
    assert "dense.weight" in before
    unmoved = [name for name, p in run.model.named_parameters() if torch.equal(p, before[name])]
    assert unmoved == []
