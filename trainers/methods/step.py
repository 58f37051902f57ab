"""What a method's step gets besides model, batch and options, and the backward pass that ends it.

In: scalar losses with their graph. Out: the same losses, detached and still on the device.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

Losses = dict[str, Tensor]
"""Losses by name: `loss` is the one that is minimised, the others are its parts."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a step may use of the training loop.

    `step` counts the batches before this one. `random` is the method's own random stream on the
    CPU, independent of dropout and saved in checkpoints. `update` clips the gradients, updates the
    parameters and clears their gradients, for a method with several updates per batch; the loop
    calls it once after the step. `carried` has tensors that a method keeps from one batch to the
    next, under names of its own; it is saved in checkpoints.
    """

    step: int
    random: torch.Generator
    update: Callable[[], None]
    carried: dict[str, Tensor] = field(default_factory=dict)


def backward(losses: Losses) -> Losses:
    """Add the gradient of `losses["loss"]` to the parameters' gradients; detach the losses."""
    torch.autograd.backward(losses["loss"])
    return {name: loss.detach() for name, loss in losses.items()}
