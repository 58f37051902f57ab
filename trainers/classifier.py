"""An encoder with a classification head, and a projection head where the method asks for one.

In: a packed batch. Out: word embeddings, h at [CLS], class scores, projections.
Legend: B examples, P packed tokens, D width, C classes, K projection width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from trainers.batches import Batch
from trainers.packing import run_packed, run_padded, use_packed_attention


class Classifier(nn.Module):
    """Softmax classifier on h = the last hidden state at [CLS] (the paper's Eq. 1).

    A step composes the four parts itself, because an attack perturbs what lies between them.
    """

    def __init__(
        self,
        encoder: PreTrainedModel,
        *,
        n_classes: int,
        proj_dim: int | None = None,
        dropout: float = 0.1,
        init_std: float = 0.02,
        seed: int = 0,
        packed: bool = True,
    ) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.packed = packed and use_packed_attention(encoder)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, n_classes)
        _initialise(self.head, init_std, seed)
        self.projection: nn.ModuleList | None = None
        if proj_dim is not None:
            layers = [nn.Linear(width, width, bias=False), nn.Linear(width, proj_dim, bias=False)]
            self.projection = nn.ModuleList(layers)
            for place, layer in enumerate(layers):
                _initialise(layer, init_std, seed + 1 + place)

    def embed(self, batch: Batch) -> Tensor:
        """Look up the word embeddings of a batch: (P, D)."""
        embeddings: Tensor = self.encoder.get_input_embeddings()(batch.tokens_P)
        return embeddings

    def encode(self, embeddings_PD: Tensor, batch: Batch) -> Tensor:
        """Return h (B, D) from word embeddings, perturbed or not."""
        run = run_packed if self.packed else run_padded
        return run(self.encoder, embeddings_PD, batch)

    def classify(self, h_BD: Tensor) -> Tensor:
        """Class scores (B, C)."""
        scores: Tensor = self.head(self.dropout(h_BD))
        return scores

    def project(self, h_BD: Tensor) -> Tensor:
        """z = W2 ReLU(W1 h), (B, K): Eq. 8."""
        if self.projection is None:
            raise ValueError("this classifier was built without a projection head")
        first, second = self.projection
        z_BK: Tensor = second(functional.relu(first(h_BD)))
        return z_BK

    def forward(self, batch: Batch) -> Tensor:
        """Class scores (B, C) of clean examples."""
        return self.classify(self.encode(self.embed(batch), batch))


def _initialise(layer: nn.Linear, std: float, seed: int) -> None:
    """Truncated normal from its own generator, so that a head does not depend on other heads."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std, generator=generator)
        if layer.bias is not None:
            layer.bias.zero_()
