"""Pure losses. In: class scores or projections. Out: a scalar tensor.

Legend: N clean examples of a batch, C classes, K projection width.
"""

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(scores_NC: Tensor, labels_N: Tensor) -> Tensor:
    """Mean cross-entropy of class scores (Eq. 2), in fp32 whatever the scores' precision."""
    return functional.cross_entropy(scores_NC.float(), labels_N)


def contrastive(clean_NK: Tensor, adversarial_NK: Tensor, tau: float) -> Tensor:
    """NT-Xent between clean and adversarial projections (Eq. 9), the mean over 2N anchors.

    Each of the 2N projections is an anchor; its positive is its own example's other view, its
    negatives are the other 2(N - 1). N = 1 has no negatives and gives exactly 0.
    The paper prints sim(z_i, z_j / tau), in which tau cancels; this is sim(z_i, z_j) / tau, as in
    SimCLR (Chen et al. 2020), whose code returns twice this mean.
    """
    n = len(clean_NK)
    z = functional.normalize(torch.cat([clean_NK, adversarial_NK]).float(), dim=-1)
    similarity = z @ z.T / tau
    itself = torch.eye(2 * n, dtype=torch.bool, device=z.device)
    similarity = similarity.masked_fill(itself, float("-inf"))
    positive = torch.arange(2 * n, device=z.device).roll(n)
    return functional.cross_entropy(similarity, positive)


def mixed(clean: Tensor, adversarial: Tensor, contrast: Tensor, lambda_: float) -> Tensor:
    """Eq. 10: (1 - lambda) / 2 (CE clean + CE adversarial) + lambda contrastive."""
    return (1 - lambda_) / 2 * (clean + adversarial) + lambda_ * contrast
