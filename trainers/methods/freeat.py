"""Adversarial training for free (Shafahi et al. 2019), on the word embeddings. Cost 3K F.

Each batch is trained on K times over with dropout masks of its own and an update each time; one
backward moves the weights and the perturbation. As in zhuchen03/FreeLB the perturbation starts
anew with every batch: carried on, it would meet the tokens of other examples. Nor are the epochs
divided by K: `epochs` says how many there are. The rate moves once a batch.
"""

import torch
from torch import Tensor

from search_spaces.methods import FreeAT
from trainers.batches import Batch
from trainers.classifier import Classifier
from trainers.losses import cross_entropy
from trainers.methods.step import Losses, Training
from trainers.perturbation import ascend, l2_norms, random_start


def freeat_step(model: Classifier, batch: Batch, settings: FreeAT, training: Training) -> Losses:
    """Update by K - 1 gradients of CE(x + delta_k), and add the last: the loop updates by that.

    `loss` is the mean over replays, each under its own weights.
    """
    delta_PD = random_start(model.embed(batch), batch, settings, training.random)
    losses: list[Tensor] = []
    for place in range(settings.steps):
        loss, gradient_PD = _train(model, batch, delta_PD)
        losses.append(loss)
        if place < settings.steps - 1:
            delta_PD = ascend(delta_PD, gradient_PD, batch, settings)
            training.update()
            # Autocast keeps copies of the weights until it ends: they are out of date now.
            torch.clear_autocast_cache()
    return {"loss": torch.stack(losses).mean(), "attack_norm": l2_norms(delta_PD, batch).mean()}


def _train(model: Classifier, batch: Batch, delta_PD: Tensor) -> tuple[Tensor, Tensor]:
    """Add the gradient of one replay; return its loss, and delta's gradient."""
    attacked_PD = model.embed(batch) + delta_PD
    attacked_PD.retain_grad()
    loss = cross_entropy(model.classify(model.encode(attacked_PD, batch)), batch.labels_B)
    torch.autograd.backward(loss)
    assert attacked_PD.grad is not None
    return loss.detach(), attacked_PD.grad
