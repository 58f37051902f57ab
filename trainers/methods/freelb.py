"""FreeLB (Zhu et al. 2020, Algorithm 1). K ascents are K + 1 passes: cost 3(K + 1)F.

Every pass contributes an equal share to the update, and its backward also gives the gradient of the
perturbation. All passes of a batch share their dropout masks (section 3.3 of the paper).
"""

import torch
from torch import Tensor

from search_spaces.methods import FreeLB
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.encoders.dropout import replay, save_random_state
from trainers.methods.losses import cross_entropy
from trainers.methods.perturbation import ascend, draw_start, l2_norms
from trainers.methods.step import Losses, Training


def freelb_step(model: Classifier, batch: Batch, settings: FreeLB, training: Training) -> Losses:
    """Add the gradient of the mean over passes t of CE(x + delta_t), every delta_t constant."""
    state = save_random_state(batch.tokens_P.device)
    delta_PD = draw_start(model.embed(batch), batch, settings, training.random)
    losses: list[Tensor] = []
    for number in range(settings.passes):
        with replay(state):
            share, gradient_PD = _train_pass(model, batch, delta_PD, settings.passes)
        losses.append(share)
        if number < settings.passes - 1:
            delta_PD = ascend(delta_PD, gradient_PD, batch, settings)
    return {"loss": torch.stack(losses).sum(), "attack_norm": l2_norms(delta_PD, batch).mean()}


def _train_pass(
    model: Classifier, batch: Batch, delta_PD: Tensor, passes: int
) -> tuple[Tensor, Tensor]:
    """Add one pass's share of the gradient; return its share of the loss and delta's gradient."""
    attacked_PD = model.embed(batch) + delta_PD
    attacked_PD.retain_grad()
    scores_BC = model.classify(model.encode(attacked_PD, batch))
    share = cross_entropy(scores_BC, batch.labels_B) / passes
    torch.autograd.backward(share)
    assert attacked_PD.grad is not None
    return share.detach(), attacked_PD.grad
