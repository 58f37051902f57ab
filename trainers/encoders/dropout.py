"""Dropout of a pass beyond the first: the same masks again, or none.

In: a moment of torch's random streams, or a model. Out: the passes inside a `with` follow it.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Where torch's random streams stood: the CPU's, and the device's where it has its own."""

    device: torch.device
    cpu: Tensor
    cuda: Tensor | None


def remember(device: torch.device) -> Moment:
    """Note where the streams stand, before the pass whose masks are to come again.

    Both states are kept on the host: nothing waits for the device.
    """
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return Moment(device=device, cpu=torch.get_rng_state(), cuda=cuda)


@contextmanager
def replay(moment: Moment) -> Iterator[None]:
    """Draw the masks of the pass that began at `moment` again.

    Afterwards the streams stand where that pass ends: any number of replays moves them as far as
    one pass does, so what follows neither repeats a mask nor depends on the number of passes.
    The passes must draw alike (same batch, same mode).
    """
    torch.set_rng_state(moment.cpu)
    if moment.cuda is not None:
        torch.cuda.set_rng_state(moment.cuda, moment.device)
    yield


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """Evaluate inside: no dropout, and no draw from the streams. The modes return afterwards."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def use_masks(
    masks: Literal["fresh", "shared", "off"], moment: Moment, model: nn.Module
) -> AbstractContextManager[None]:
    """Drop out in a second pass as `adv_dropout` says; `moment` is where the first one began."""
    if masks == "shared":
        return replay(moment)
    return without_dropout(model) if masks == "off" else nullcontext()
