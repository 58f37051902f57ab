"""SMART's smoothness-inducing adversarial regulariser (Jiang et al. 2020). Cost (2T + 6)F.

Their second part, the Bregman proximal point momentum, is not implemented. Each pass draws its own
dropout masks, as in the authors' code. In that code each side of the KL holds the other constant,
and the attacked pass does not train V; here everything trains, as in their Eq. 1. The gradient is
divided by its max norm per example.
"""

import torch
from torch import Tensor

from search_spaces.methods import SMART
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.methods.losses import cross_entropy, symmetric_kl
from trainers.methods.perturbation import draw_normal, l2_norms, take_ascent_step
from trainers.methods.step import Losses, Training, backward


def smart_step(model: Classifier, batch: Batch, settings: SMART, training: Training) -> Losses:
    """Add the gradient of CE(x) + alpha (KL(x || x~) + KL(x~ || x)), x~ from T ascents of KL."""
    words_PD = model.embed(batch)
    clean_BC = model.classify(model.encode(words_PD, batch))
    delta_PD = settings.noise * draw_normal(words_PD, training.random)
    for _ in range(settings.iterations):
        delta_PD = _ascend(model, batch, settings, words_PD.detach(), delta_PD, clean_BC.detach())
    attacked_BC = model.classify(model.encode(words_PD + delta_PD, batch))
    clean = cross_entropy(clean_BC, batch.labels_B)
    kl = symmetric_kl(clean_BC, attacked_BC)
    norm = l2_norms(delta_PD, batch).mean()
    loss = clean + settings.alpha * kl
    return backward({"loss": loss, "clean": clean, "kl": kl, "attack_norm": norm})


def _ascend(
    model: Classifier,
    batch: Batch,
    settings: SMART,
    words_PD: Tensor,
    delta_PD: Tensor,
    clean_BC: Tensor,
) -> Tensor:
    """Take lines 5 to 9 of their Algorithm 1 in the max norm: eta g / max |g|, then project."""
    attacked_PD = (words_PD + delta_PD).requires_grad_()
    kl = symmetric_kl(clean_BC, model.classify(model.encode(attacked_PD, batch)))
    (gradient_PD,) = torch.autograd.grad(kl, attacked_PD)
    return take_ascent_step(
        delta_PD,
        gradient_PD,
        batch,
        norm="linf",
        adv_lr=settings.step_size,
        max_norm=settings.radius,
    )
