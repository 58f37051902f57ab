"""Dropout masks of a second pass: those of the first pass again, or none.

In: a saved state of torch's random streams, or a model. Out: context managers for the passes.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class RandomState:
    """The state of torch's random streams: the CPU's, and the GPU's if the device is one."""

    device: torch.device
    cpu: Tensor
    cuda: Tensor | None


def save_random_state(device: torch.device) -> RandomState:
    """Save the state of the streams before the pass whose masks are to be replayed.

    Both states are on the host, so nothing waits for the device.
    """
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return RandomState(device=device, cpu=torch.get_rng_state(), cuda=cuda)


@contextmanager
def replay(state: RandomState) -> Iterator[None]:
    """Draw the masks of the pass that began at `state` again.

    Afterwards the streams are where that pass ends: any number of replays advances them as far as
    one pass, so later draws neither repeat a mask nor depend on the number of passes. The passes
    must draw the same numbers (same batch, same mode).
    """
    torch.set_rng_state(state.cpu)
    if state.cuda is not None:
        torch.cuda.set_rng_state(state.cuda, state.device)
    yield


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """Run without dropout and without draws from the streams; restore the modes afterwards."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def use_masks(
    masks: Literal["fresh", "shared", "off"], state: RandomState, model: nn.Module
) -> AbstractContextManager[None]:
    """Use the masks of `adv_dropout` in a second pass; `state` is the start of the first one."""
    if masks == "shared":
        return replay(state)
    return without_dropout(model) if masks == "off" else nullcontext()
