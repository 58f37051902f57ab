"""The end of every method's step: one backward, and the losses to report.

In: scalar losses with their graph. Out: the same, detached and still on the device.
"""

import torch
from torch import Tensor

Losses = dict[str, Tensor]
"""`loss` is what was minimised; the other names are its parts."""


def backward(losses: Losses) -> Losses:
    """Add the gradient of `losses["loss"]` to the parameters' gradients."""
    torch.autograd.backward(losses["loss"])
    return {name: loss.detach() for name, loss in losses.items()}
