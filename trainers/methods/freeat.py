"""Adversarial training for free (Shafahi et al. 2019), on the word embeddings. Cost 3K F.

Each batch is replayed K times, each with fresh dropout masks and an update; one backward serves the
weights and the perturbation. The learning rate changes once per batch. As in zhuchen03/FreeLB, the
perturbation restarts with every batch, and `epochs` is the number of epochs. Algorithm 1 of the
paper carries it on (`free_delta: carry`) and divides the epochs by K (`free_epochs: divide_by_k`).
Its images all have one size; here the perturbation of token t of example i is carried on from the
previous batch, whatever token was there, and is zero if there was none; only the first batch has a
random start (`init_mag: 0` is the paper's).
Legend: B examples, T the longest, P packed tokens, D width.
"""

import torch
from torch import Tensor
from torch.nn import functional

from search_spaces.methods import FreeAT
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.methods.losses import cross_entropy
from trainers.methods.perturbation import ascend, draw_start, l2_norms
from trainers.methods.step import Losses, Training

DELTA = "delta_BTD"
"""The name under which the last batch's perturbation is carried on."""


def freeat_step(model: Classifier, batch: Batch, settings: FreeAT, training: Training) -> Losses:
    """Update with K - 1 gradients of CE(x + delta_k), and add the last one for the loop's update.

    `loss` is the mean over replays, each with its own weights; `attack_norm` is that of the last
    replay's delta. With `carry`, delta ascends once more, for the next batch.
    """
    carries = settings.free_delta == "carry"
    delta_PD = _begin_delta(model, batch, settings, training)
    losses: list[Tensor] = []
    for replay in range(settings.steps):
        trained_PD = delta_PD
        loss, gradient_PD = _replay(model, batch, trained_PD)
        losses.append(loss)
        last = replay == settings.steps - 1
        if carries or not last:
            delta_PD = ascend(trained_PD, gradient_PD, batch, settings)
        if not last:
            training.update()
            # Autocast caches copies of the weights, which are out of date now.
            torch.clear_autocast_cache()
    if carries:
        training.carried[DELTA] = _lay_out_by_position(delta_PD, batch)
    return {"loss": torch.stack(losses).mean(), "attack_norm": l2_norms(trained_PD, batch).mean()}


def _begin_delta(model: Classifier, batch: Batch, settings: FreeAT, training: Training) -> Tensor:
    """Draw a start (P, D), or take the previous batch's delta if it is carried on."""
    if DELTA in training.carried:
        return _read_by_position(training.carried[DELTA], batch)
    return draw_start(model.embed(batch), batch, settings, training.random)


def _lay_out_by_position(delta_PD: Tensor, batch: Batch) -> Tensor:
    """Lay a row (P, D) out by example and position: (B, T, D), zeros where there is no token."""
    cells = delta_PD.new_zeros(batch.mask_BT.numel(), delta_PD.shape[-1])
    return cells.index_copy(0, batch.cells_P, delta_PD).view(*batch.mask_BT.shape, -1)


def _read_by_position(delta_BTD: Tensor, batch: Batch) -> Tensor:
    """Read (B, T, D) at this batch's tokens: (P, D), zeros beyond the previous batch."""
    examples, longest = (
        here - before for here, before in zip(batch.mask_BT.shape, delta_BTD.shape, strict=False)
    )
    # Negative padding crops.
    fitted_BTD = functional.pad(delta_BTD, (0, 0, 0, longest, 0, examples))
    return fitted_BTD.flatten(0, 1).index_select(0, batch.cells_P)


def _replay(model: Classifier, batch: Batch, delta_PD: Tensor) -> tuple[Tensor, Tensor]:
    """Add the gradient of one replay; return its loss and the gradient of delta (P, D)."""
    attacked_PD = model.embed(batch) + delta_PD
    attacked_PD.retain_grad()
    loss = cross_entropy(model.classify(model.encode(attacked_PD, batch)), batch.labels_B)
    torch.autograd.backward(loss)
    assert attacked_PD.grad is not None
    return loss.detach(), attacked_PD.grad
