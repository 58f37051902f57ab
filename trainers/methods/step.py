"""What every method's step is given besides model, batch and options, and how it ends.

In: scalar losses with their graph. Out: the same, detached and still on the device.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

Losses = dict[str, Tensor]
"""`loss` is what was minimised; the other names are its parts."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a step may use of the training loop around it.

    `step` counts the batches before this one. `random` is the method's own stream on the CPU,
    kept in checkpoints: no draw from it moves dropout. `update` clips, updates the parameters and
    clears their gradients, for a method that does so several times a batch; the loop does it once
    after the step. `carried` is what a method keeps from one batch to the next, under names of its
    own; it is kept in checkpoints.
    """

    step: int
    random: torch.Generator
    update: Callable[[], None]
    carried: dict[str, Tensor] = field(default_factory=dict)


def backward(losses: Losses) -> Losses:
    """Add the gradient of `losses["loss"]` to the parameters' gradients."""
    torch.autograd.backward(losses["loss"])
    return {name: loss.detach() for name, loss in losses.items()}
