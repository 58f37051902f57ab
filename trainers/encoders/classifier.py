"""An encoder with a classification head, and a projection head if the method needs one.

In: a packed batch. Out: word embeddings, h at [CLS], class scores (logits), projections.
Legend: B examples, P packed tokens, D width, C classes, K projection width, S special tokens.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from search_spaces.errors import UserError
from trainers.encoders.batches import Batch
from trainers.encoders.packing import (
    run_packed,
    run_padded,
    use_packed_attention,
    use_padded_attention,
)

DROPOUT_BEFORE_DENSE = {"bert": False, "roberta": True, "xlm-roberta": True, "camembert": True}
"""Model types with a known classification head, and whether it begins with dropout."""


class Classifier(nn.Module):
    """Softmax classifier on h = the last hidden state at [CLS] (the paper's Eq. 1).

    A step composes `embed`, `encode`, `classify` and `project` itself, because an attack perturbs
    the embeddings between them. With `head="native"` a dense layer and tanh precede the softmax, as
    in transformers' classifiers of the encoder's type: BERT's pooler (`pooler` is the pre-trained
    one), or RoBERTa's dense layer. The projection takes h itself in either case.
    """

    special_S: Tensor

    def __init__(
        self,
        encoder: PreTrainedModel,
        *,
        n_classes: int,
        proj_dim: int | None = None,
        proj_bias: bool = False,
        dropout: float = 0.1,
        init_std: float = 0.02,
        seed: int = 0,
        packed: bool = True,
        head: Literal["linear", "native"] = "linear",
        pooler: nn.Linear | None = None,
        special_tokens: Sequence[int] = (),
    ) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.packed = packed and use_packed_attention(encoder)
        if not self.packed:
            use_padded_attention(encoder)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, n_classes)
        _initialise(self.head, init_std, seed)
        self.projection: nn.ModuleList | None = None
        if proj_dim is not None:
            layers = [nn.Linear(width, k, bias=proj_bias) for k in (width, proj_dim)]
            self.projection = nn.ModuleList(layers)
            for number, layer in enumerate(layers):
                _initialise(layer, init_std, seed + 1 + number)
        self.dense = _dense(encoder, init_std, seed + 3, pooler) if head == "native" else None
        special_S = torch.tensor(list(special_tokens), dtype=torch.int64)
        self.register_buffer("special_S", special_S, persistent=False)

    def embed(self, batch: Batch) -> Tensor:
        """Look up the word embeddings of a batch: (P, D)."""
        embeddings: Tensor = self.encoder.get_input_embeddings()(batch.tokens_P)
        return embeddings

    def encode(self, embeddings_PD: Tensor, batch: Batch) -> Tensor:
        """Return h (B, D) from word embeddings, perturbed or not."""
        run = run_packed if self.packed else run_padded
        return run(self.encoder, embeddings_PD, batch)

    def classify(self, h_BD: Tensor) -> Tensor:
        """Return class scores (B, C) from h (B, D)."""
        if self.dense is not None:
            early = DROPOUT_BEFORE_DENSE[self.encoder.config.model_type]
            h_BD = torch.tanh(self.dense(self.dropout(h_BD) if early else h_BD))
        scores: Tensor = self.head(self.dropout(h_BD))
        return scores

    def project(self, h_BD: Tensor) -> Tensor:
        """Return z = W2 ReLU(W1 h), (B, K), from h (B, D): Eq. 8."""
        if self.projection is None:
            raise ValueError("this classifier was built without a projection head")
        first, second = self.projection
        z_BK: Tensor = second(functional.relu(first(h_BD)))
        return z_BK

    def forward(self, batch: Batch) -> Tensor:
        """Return class scores (B, C) of clean examples."""
        return self.classify(self.encode(self.embed(batch), batch))


def check_native_head(encoder: PreTrainedModel) -> None:
    """Raise UserError if the native head of an encoder's type is not known."""
    kind = encoder.config.model_type
    if kind not in DROPOUT_BEFORE_DENSE:
        known = ", ".join(DROPOUT_BEFORE_DENSE)
        raise UserError(f"head: native is available for {known}, not for {kind}; use head: linear")


def _dense(
    encoder: PreTrainedModel, init_std: float, seed: int, pooler: nn.Linear | None
) -> nn.Linear:
    """Build the native head's dense layer; BERT's gets the weights of the pre-trained pooler."""
    check_native_head(encoder)
    kind, width = encoder.config.model_type, encoder.config.hidden_size
    dense = nn.Linear(width, width)
    _initialise(dense, init_std, seed)
    if pooler is not None and kind == "bert":
        dense.load_state_dict(pooler.state_dict())
    return dense


def _initialise(layer: nn.Linear, std: float, seed: int) -> None:
    """Draw a truncated normal from its own generator, so that heads do not depend on each other."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std, generator=generator)
        if layer.bias is not None:
            layer.bias.zero_()
