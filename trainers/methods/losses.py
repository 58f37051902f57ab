"""Losses as pure functions. In: class scores or projections. Out: a scalar tensor.

Legend: N clean examples of a batch, C classes, D width, K projection width.
"""

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(scores_NC: Tensor, labels_N: Tensor) -> Tensor:
    """Return the mean cross-entropy of class scores (Eq. 2), in fp32 for any precision."""
    return functional.cross_entropy(scores_NC.float(), labels_N)


def contrastive_loss(
    clean_NK: Tensor, adversarial_NK: Tensor, tau: float, classes_N: Tensor | None = None
) -> Tensor:
    """Return NT-Xent between clean and adversarial projections (Eq. 9), mean over 2N anchors.

    Each of the 2N projections is an anchor; its positive is the other view of its example, its
    negatives are the other 2(N - 1) projections, or those of other classes if `classes_N` is given.
    An anchor without negatives gives exactly 0. Always computed in fp32. The paper prints
    sim(z_i, z_j / tau), in which tau cancels; this is sim(z_i, z_j) / tau, as in SimCLR (Chen et
    al. 2020), whose code returns twice this mean.
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
    """Return which of the 2N views share a class (2N, 2N), except an example's own two."""
    n, classes = len(classes_N), classes_N.repeat(2)
    same = classes[:, None] == classes[None, :]
    pairs = torch.eye(2 * n, dtype=torch.bool, device=classes.device).roll(n, dims=1)
    return same & ~pairs


def mix_losses(clean: Tensor, adversarial: Tensor, contrast: Tensor, lambda_: float) -> Tensor:
    """Return Eq. 10: (1 - lambda) / 2 (CE clean + CE adversarial) + lambda contrastive."""
    return (1 - lambda_) / 2 * (clean + adversarial) + lambda_ * contrast


def supervised_contrastive_loss(
    h_ND: Tensor, labels_N: Tensor, tau: float, *, skip_singletons: bool
) -> Tensor:
    """Return the supervised contrastive loss (Gunel et al. 2021, Eq. 3) of normalised h.

    An anchor's positives are the other examples of its class, with equal weights; its denominator
    sums over all other examples. This is the mean over N; the paper prints the sum. An anchor
    without a positive counts as 0 (the paper's 1 / (N_y - 1) is undefined there), or is left out of
    the mean with `skip_singletons`.
    """
    with torch.autocast(h_ND.device.type, enabled=False):
        z_ND = functional.normalize(h_ND.float(), dim=-1)
        similarity_NN = z_ND @ z_ND.T / tau
    itself = torch.eye(len(h_ND), dtype=torch.bool, device=h_ND.device)
    # Finite, not -inf: a batch of one leaves no other entry, and -inf would make its gradient NaN.
    similarity_NN = similarity_NN.masked_fill(itself, torch.finfo(torch.float32).min)
    log_shares_NN = functional.log_softmax(similarity_NN, dim=1)
    positive_NN = (labels_N[:, None] == labels_N) & ~itself
    positives_N = positive_NN.sum(1)
    losses_N = -(log_shares_NN * positive_NN).sum(1) / positives_N.clamp(min=1)
    counted = (positives_N > 0).sum().clamp(min=1) if skip_singletons else len(h_ND)
    return losses_N.sum() / counted


def symmetric_kl(one_NC: Tensor, other_NC: Tensor) -> Tensor:
    """Return KL(p || q) + KL(q || p) of two sets of class scores, mean over N, in fp32.

    The sum is (p - q)(log p - log q): exactly 0 for equal scores, and without cancellation.
    """
    log_p_NC = functional.log_softmax(one_NC.float(), dim=-1)
    log_q_NC = functional.log_softmax(other_NC.float(), dim=-1)
    return ((log_p_NC.exp() - log_q_NC.exp()) * (log_p_NC - log_q_NC)).sum(-1).mean()
