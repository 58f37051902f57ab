"""Projected gradient descent (Madry et al. 2018) on the word embeddings. Cost (2K + 3)F.

K ascents compute only the gradient of the perturbation; the loss after the last one trains the
model, and there is no clean loss. As in zhuchen03/FreeLB, the passes of a batch share their dropout
masks.
"""

import torch
from torch import Tensor

from search_spaces.methods import PGD
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.encoders.dropout import RandomState, replay, save_random_state
from trainers.methods.losses import cross_entropy
from trainers.methods.perturbation import ascend, draw_start, l2_norms
from trainers.methods.step import Losses, Training, backward


def pgd_step(model: Classifier, batch: Batch, settings: PGD, training: Training) -> Losses:
    """Add the gradient of CE(x + delta), where delta is the result of K ascents, held constant."""
    state = save_random_state(batch.tokens_P.device)
    words_PD = model.embed(batch)
    delta_PD = draw_start(words_PD, batch, settings, training.random)
    for _ in range(settings.passes - 1):
        attacked_PD = (words_PD.detach() + delta_PD).requires_grad_()
        loss = _loss(model, attacked_PD, batch, state)
        (gradient_PD,) = torch.autograd.grad(loss, attacked_PD)
        delta_PD = ascend(delta_PD, gradient_PD, batch, settings)
    loss = _loss(model, words_PD + delta_PD, batch, state)
    return backward({"loss": loss, "attack_norm": l2_norms(delta_PD, batch).mean()})


def _loss(model: Classifier, attacked_PD: Tensor, batch: Batch, state: RandomState) -> Tensor:
    with replay(state):
        return cross_entropy(model.classify(model.encode(attacked_PD, batch)), batch.labels_B)
