"""The attack on the word embedding matrix. In: a loss and the embeddings it came from. Out: r.

Legend: P packed tokens, U distinct token ids among them, D width.
"""

import torch
from torch import Tensor

from trainers.batches import Batch


def matrix_attack(loss: Tensor, embeddings_PD: Tensor, batch: Batch, epsilon: float) -> Tensor:
    """Attack `loss`, whose graph is kept: r = epsilon sign(dL/dV), as (P, D) per token. Cost F."""
    (gradient_PD,) = torch.autograd.grad(loss, embeddings_PD, retain_graph=True)
    return ascent(gradient_PD, batch, epsilon)


def ascent(gradient_PD: Tensor, batch: Batch, epsilon: float) -> Tensor:
    """Perturb the rows of V that the batch uses: r = epsilon sign(dL/dV), as (P, D) per token.

    The gradient rows of all occurrences of a token id are summed, which is dL/dV restricted to its
    non-zero rows; no tensor of V's size is made. r is detached. Max norm (Goodfellow et al. 2015).
    The paper's Eq. 5 prints a minus; with L a loss this contradicts its Eq. 3: we ascend.
    """
    rows_UD = gradient_PD.new_zeros(batch.n_slots, gradient_PD.shape[-1])
    rows_UD.index_add_(0, batch.slots_P, gradient_PD)
    return rows_UD.sign_().mul_(epsilon).index_select(0, batch.slots_P)
