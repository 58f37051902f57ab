"""A model folder: transformers loads it without our code, and it scores as our classifier does."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    PreTrainedModel,
)

from search_spaces.errors import UserError
from tests.fakes import VOCABULARY, small_encoder
from trainers.encoders.batches import collate, tokenise
from trainers.encoders.classifier import Classifier
from trainers.encoders.encoder import tiny_tokenizer
from trainers.encoders.pretrained import LINEAR, NATIVE, write_pretrained

TEXTS = ("a short one", "one that is a little longer than the short one", "a b", "the end")
SHAPE: dict[str, Any] = {"vocab_size": VOCABULARY, "max_position_embeddings": 48}


def encoder_of(kind: str) -> PreTrainedModel:
    """A small encoder of any type that has a layout; weights large enough to matter."""
    torch.manual_seed(3)
    match kind:
        case "distilbert":
            return DistilBertModel(
                DistilBertConfig(**SHAPE, dim=24, n_layers=2, n_heads=3, hidden_dim=32)
            )
        case "electra":
            sizes = {"hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 32}
            return ElectraModel(
                ElectraConfig(**SHAPE, **sizes, embedding_size=16, num_hidden_layers=2)
            )
        case "deberta-v2":
            sizes = {"hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 32}
            return DebertaV2Model(
                DebertaV2Config(**SHAPE, **sizes, num_hidden_layers=2, pooler_hidden_size=24)
            )
        case "bert":
            return small_encoder("bert")
    encoder = small_encoder("roberta")
    encoder.config.model_type = kind
    return encoder


def classifier(kind: str, head: Any, n_classes: int = 5) -> Classifier:
    made = Classifier(encoder_of(kind), n_classes=n_classes, head=head, init_std=0.5, proj_dim=4)
    with torch.no_grad():
        made.head.bias.uniform_(-1, 1)
    return made.eval()


def pairs() -> list[tuple[str, str]]:
    return [(kind, "linear") for kind in LINEAR] + [(kind, "native") for kind in NATIVE]


@pytest.mark.parametrize(("kind", "head"), pairs())
@torch.no_grad()
def test_every_layout_scores_as_our_classifier(kind: str, head: str, tmp_path: Path) -> None:
    ours, tokenizer = classifier(kind, head), tiny_tokenizer(TEXTS * 2)
    assert len(tokenizer) <= VOCABULARY
    inputs = tokenise(tokenizer, (TEXTS,), torch.zeros(len(TEXTS), dtype=torch.int64).numpy(), 48)
    scores_BC = ours(collate(inputs, torch.arange(len(TEXTS)).numpy()))
    labels = [f"label {number}" for number in range(5)]
    write_pretrained(tmp_path, ours, tokenizer, labels, max_length=17)
    loaded, report = AutoModelForSequenceClassification.from_pretrained(
        tmp_path, output_loading_info=True
    )
    assert {name: list(found) for name, found in report.items() if found} == {}
    cutter = AutoTokenizer.from_pretrained(tmp_path)
    encoded = cutter(list(TEXTS), padding=True, return_tensors="pt")
    if kind in {"roberta", "xlm-roberta", "camembert"}:  # As their own tokenizers do.
        encoded.pop("token_type_ids")
        encoded["input_ids"][encoded["attention_mask"] == 0] = 1
    torch.testing.assert_close(loaded(**encoded).logits, scores_BC, atol=1e-5, rtol=0)
    assert scores_BC.std() > 0.1
    assert loaded.config.id2label == dict(enumerate(labels))
    assert loaded.config.label2id["label 3"] == 3
    assert cutter.model_max_length == 17
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1, "who may read one"
    assert "auto_map" not in json.loads((tmp_path / "config.json").read_text())


def test_what_no_class_of_transformers_computes_is_said(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(TEXTS)
    with pytest.raises(UserError, match=r"from 24 numbers to 13 classes: it takes a width of 26"):
        write_pretrained(tmp_path, classifier("bert", "linear", 13), tokenizer, ["x"], 48)
    unknown = classifier("bert", "linear")
    unknown.encoder.config.model_type = "mpnet"
    with pytest.raises(UserError, match=r"no class for a linear head on mpnet, only for bert"):
        write_pretrained(tmp_path, unknown, tokenizer, ["x"], 48)
    assert list(tmp_path.iterdir()) == []
