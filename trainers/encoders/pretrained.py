"""Writes a trained classifier as a folder that transformers loads without any code of ours.

In: a Classifier, its tokenizer and labels. Out: config.json, model.safetensors and the tokenizer's
files, for `AutoModelForSequenceClassification` and `pipeline("text-classification")`.

Eq. 1 is linear in h at [CLS], but transformers' heads have a dense layer and an activation before
the softmax. With gelu or ReLU nothing is lost: both satisfy a(z) - a(-z) = z, so a dense layer
[W; -W] followed by [I, -I] computes W h + b exactly. BERT's and RoBERTa's heads have tanh instead,
so their encoders are written as ELECTRA's classes: the same layers with a gelu head.
Legend: C classes, D width.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import ElectraConfig, PreTrainedConfig

from search_spaces.errors import UserError
from trainers.encoders.classifier import Classifier


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The names of the encoder, dense layer and last layer in a model type's classifier."""

    kind: str
    encoder: str
    dense: str
    out: str
    dropout: str = "classifier_dropout"


ELECTRA = Parts(
    kind="Electra", encoder="electra", dense="classifier.dense", out="classifier.out_proj"
)
LINEAR: dict[str, Parts] = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "electra"), ELECTRA),
    "distilbert": Parts(
        kind="DistilBert",
        encoder="distilbert",
        dense="pre_classifier",
        out="classifier",
        dropout="seq_classif_dropout",
    ),
    "deberta-v2": Parts(
        kind="DebertaV2",
        encoder="deberta",
        dense="pooler.dense",
        out="classifier",
        dropout="cls_dropout",
    ),
}
"""For `head: linear`, by the encoder's type: a classifier whose head can be made linear."""


def _roberta(kind: str) -> Parts:
    return Parts(kind=kind, encoder="roberta", dense="classifier.dense", out="classifier.out_proj")


NATIVE: dict[str, Parts] = {
    "bert": Parts(kind="Bert", encoder="bert", dense="bert.pooler.dense", out="classifier"),
    "roberta": _roberta("Roberta"),
    "xlm-roberta": _roberta("XLMRoberta"),
    "camembert": _roberta("Camembert"),
}
"""For `head: native`, by the encoder's type: transformers' own classifier."""

ELECTRA_FIELDS = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "initializer_range",
    "layer_norm_eps",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
)


def write_pretrained(
    folder: Path, model: Classifier, tokenizer: Any, labels: Sequence[str], max_length: int
) -> None:
    """Write a model folder; the tokenizer gets `max_length` as its maximum.

    Raises:
        UserError: transformers has no class that computes what this model does.
        OSError, SafetensorError: the files cannot be written.
    """
    parts = _parts(model)
    weights, config = _encoder(model, parts)
    for name, layer in (_native(model) if model.dense is not None else _linear(model.head)).items():
        prefix = getattr(parts, name)
        weights |= {f"{prefix}.weight": layer.weight, f"{prefix}.bias": layer.bias}
    config.architectures = [f"{parts.kind}ForSequenceClassification"]
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: number for number, label in enumerate(labels)}
    config.problem_type = "single_label_classification"
    config.dtype = "float32"
    setattr(config, parts.dropout, model.dropout.p)
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(folder)
    truncating = copy.deepcopy(tokenizer)
    truncating.model_max_length = max_length
    truncating.save_pretrained(folder)
    tensors = {name: value.detach().contiguous() for name, value in weights.items()}
    path = folder / "model.safetensors"
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(
        (folder / "config.json").stat().st_mode
    )  # safetensors makes it readable for the owner only.


def _parts(model: Classifier) -> Parts:
    kind = model.encoder.config.model_type
    known = LINEAR if model.dense is None else NATIVE
    if kind not in known:
        raise UserError(
            f"transformers has no class for a linear head on {kind}, only for {', '.join(known)}"
        )
    classes, width = model.head.weight.shape
    if model.dense is None and 2 * classes > width:
        raise UserError(
            f"transformers has no class for a linear head from {width} numbers to {classes}"
            f" classes: it takes a width of {2 * classes}"
        )
    return known[kind]


def _encoder(model: Classifier, parts: Parts) -> tuple[dict[str, Tensor], PreTrainedConfig]:
    """Return the encoder's weights, named as in `parts`, and its configuration."""
    weights = dict(model.encoder.named_parameters())
    buffers = dict(model.encoder.named_buffers())
    weights |= {name: buffers[name] for name in model.encoder.state_dict() if name in buffers}
    config = copy.deepcopy(model.encoder.config)
    if parts is ELECTRA and config.model_type != "electra":
        weights, config = _as_electra(weights, config)
    return {f"{parts.encoder}.{name}": value for name, value in weights.items()}, config


def _as_electra(
    weights: dict[str, Tensor], config: PreTrainedConfig
) -> tuple[dict[str, Tensor], PreTrainedConfig]:
    """Convert to ELECTRA, whose encoder is BERT's; RoBERTa's positions begin at padding + 1."""
    skipped = 0 if config.model_type == "bert" else config.pad_token_id + 1
    positions = "embeddings.position_embeddings.weight"
    fields = {name: getattr(config, name) for name in ELECTRA_FIELDS}
    fields["max_position_embeddings"] -= skipped
    electra = ElectraConfig(embedding_size=config.hidden_size, **fields)
    return weights | {positions: weights[positions][skipped:]}, electra


def _native(model: Classifier) -> Mapping[str, nn.Linear]:
    assert model.dense is not None
    return {"dense": model.dense, "out": model.head}


@torch.no_grad()
def _linear(head: nn.Linear) -> Mapping[str, nn.Linear]:
    """Build W h + b from a(z) - a(-z) = z: dense (D, D), of which 2 C rows are used; out (C, D).

    The unused rows of `dense` and columns of `out` are zero.
    """
    classes, width = head.weight.shape
    dense, out = (
        nn.Linear(width, size, device=head.weight.device, dtype=head.weight.dtype)
        for size in (width, classes)
    )
    for layer in (dense, out):
        layer.weight.zero_()
        layer.bias.zero_()
    for start, sign in ((0, 1.0), (classes, -1.0)):
        rows = slice(start, start + classes)
        dense.weight[rows] = sign * head.weight
        dense.bias[rows] = sign * head.bias
        out.weight[:, rows] = sign * torch.eye(classes, device=out.weight.device)
    return {"dense": dense, "out": out}
