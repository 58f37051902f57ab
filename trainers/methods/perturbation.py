"""Gradient ascent of a perturbation per token, for FreeLB, PGD, FreeAT and SMART.

In: a packed batch and a gradient of its word embeddings. Out: the next perturbation, detached. The
norms are per example, over all its tokens and dimensions; nothing waits for the device.
Legend: B examples, T the longest, P packed tokens, D width.
"""

from typing import Literal

import torch
from torch import Tensor

from search_spaces.methods import AscentSettings
from trainers.encoders.batches import Batch
from trainers.encoders.machine import to_device

SMALLEST = 1e-10
"""The least divisor of a gradient: an example with zero gradient is not moved."""


def draw_start(
    words_PD: Tensor, batch: Batch, settings: AscentSettings, random: torch.Generator
) -> Tensor:
    """Draw a random start (P, D) as zhuchen03/FreeLB does, from a generator on the CPU.

    l2: U(-1, 1) init_mag / sqrt(length D), whose norm is about 0.58 init_mag for any length.
    linf: U(-init_mag, init_mag).
    """
    start_PD = settings.init_mag * draw_uniform(words_PD, random)
    if settings.norm == "linf":
        return start_PD
    lengths_B = batch.mask_BT.sum(1)
    return start_PD / to_tokens((lengths_B * words_PD.shape[-1]).sqrt(), batch)


def take_ascent_step(
    delta_PD: Tensor,
    gradient_PD: Tensor,
    batch: Batch,
    *,
    norm: Literal["l2", "linf"],
    adv_lr: float,
    max_norm: float,
) -> Tensor:
    """Step by adv_lr g / ||g||, then project to the ball of radius max_norm (0: no projection).

    Zhu et al. 2020, Algorithm 1. As in the authors' code, linf divides by max |g| instead of taking
    the sign. `delta_PD`, `gradient_PD` and the result are (P, D).
    """
    measure = l2_norms if norm == "l2" else max_norms
    size_B = measure(gradient_PD, batch).clamp(min=SMALLEST)
    moved_PD = delta_PD + adv_lr * gradient_PD / to_tokens(size_B, batch)
    if max_norm == 0:
        return moved_PD
    if norm == "linf":
        return moved_PD.clamp(-max_norm, max_norm)
    length_B = l2_norms(moved_PD, batch).clamp(min=SMALLEST)
    return moved_PD * to_tokens((max_norm / length_B).clamp(max=1), batch)


def ascend(delta_PD: Tensor, gradient_PD: Tensor, batch: Batch, settings: AscentSettings) -> Tensor:
    """Take a step of `take_ascent_step` with the options of a method."""
    return take_ascent_step(
        delta_PD,
        gradient_PD,
        batch,
        norm=settings.norm,
        adv_lr=settings.adv_lr,
        max_norm=settings.max_norm,
    )


def draw_uniform(words_PD: Tensor, random: torch.Generator) -> Tensor:
    """Draw U(-1, 1) on the CPU, with the shape and on the device of `words_PD`."""
    drawn_PD = torch.empty(words_PD.shape).uniform_(-1, 1, generator=random)
    return to_device(drawn_PD, words_PD.device)


def draw_normal(words_PD: Tensor, random: torch.Generator) -> Tensor:
    """Draw N(0, 1) on the CPU, with the shape and on the device of `words_PD`."""
    drawn_PD = torch.empty(words_PD.shape).normal_(generator=random)
    return to_device(drawn_PD, words_PD.device)


def l2_norms(values_PD: Tensor, batch: Batch) -> Tensor:
    """Return the l2 norm of each example's part of (P, D): (B,)."""
    return to_grid(values_PD.square().sum(-1), batch).sum(1).sqrt()


def max_norms(values_PD: Tensor, batch: Batch) -> Tensor:
    """Return the largest magnitude in each example's part of (P, D): (B,)."""
    return to_grid(values_PD.abs().amax(-1), batch).amax(1)


def to_grid(values_P: Tensor, batch: Batch) -> Tensor:
    """Lay one number per token out as (B, T), with zeros as padding.

    Its sum over T is deterministic also on a GPU, unlike adding by index.
    """
    grid = values_P.new_zeros(batch.mask_BT.numel()).index_copy(0, batch.cells_P, values_P)
    return grid.view(batch.mask_BT.shape)


def to_tokens(values_B: Tensor, batch: Batch) -> Tensor:
    """Repeat one number per example for each of its tokens: (B,) -> (P, 1)."""
    example_P = batch.cells_P // batch.mask_BT.shape[1]
    return values_B.index_select(0, example_P)[:, None]
