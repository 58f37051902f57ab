"""Pure losses. In: class scores or projections. Out: a scalar tensor.

Legend: N clean examples of a batch, C classes, K projection width.
"""

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(scores_NC: Tensor, labels_N: Tensor) -> Tensor:
    """Mean cross-entropy of class scores (Eq. 2), in fp32 whatever the scores' precision."""
    return functional.cross_entropy(scores_NC.float(), labels_N)


def contrastive(
    clean_NK: Tensor, adversarial_NK: Tensor, tau: float, classes_N: Tensor | None = None
) -> Tensor:
    """NT-Xent between clean and adversarial projections (Eq. 9), the mean over 2N anchors.

    Each of the 2N projections is an anchor; its positive is its own example's other view, its
    negatives are the other 2(N - 1), or those of another class where `classes_N` is given. An
    anchor without negatives gives exactly 0. In fp32 whatever the precision around it.
    The paper prints sim(z_i, z_j / tau), in which tau cancels; this is sim(z_i, z_j) / tau, as in
    SimCLR (Chen et al. 2020), whose code returns twice this mean.
    """
    n, device = len(clean_NK), clean_NK.device
    positive = torch.arange(2 * n, device=device).roll(n)
    with torch.autocast(device.type, enabled=False):
        z = functional.normalize(torch.cat([clean_NK, adversarial_NK]).float(), dim=-1)
        similarity = z @ z.T / tau
    left_out = torch.eye(2 * n, dtype=torch.bool, device=device)
    if classes_N is not None:
        left_out = _same_class(classes_N)
    return functional.cross_entropy(similarity.masked_fill(left_out, float("-inf")), positive)


def _same_class(classes_N: Tensor) -> Tensor:
    """Say where two of 2N views (2N, 2N) have a class in common, but for an example's two views."""
    n, classes = len(classes_N), classes_N.repeat(2)
    same = classes[:, None] == classes[None, :]
    pairs = torch.eye(2 * n, dtype=torch.bool, device=classes.device).roll(n, dims=1)
    return same & ~pairs


def mixed(clean: Tensor, adversarial: Tensor, contrast: Tensor, lambda_: float) -> Tensor:
    """Eq. 10: (1 - lambda) / 2 (CE clean + CE adversarial) + lambda contrastive."""
    return (1 - lambda_) / 2 * (clean + adversarial) + lambda_ * contrast
