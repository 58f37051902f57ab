"""AdamW without bias correction equals its formula, for parameters that join late as well."""

import math

import pytest
import torch
from torch import Tensor, nn

from search_spaces.trial import TrainingSettings
from trainers.optimizer import make_optimizer

RATES = (0.0, 2e-2, 3e-2, 1e-2, 5e-3, 0.0)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def literal(
    value: Tensor, gradients: list[Tensor | None], settings: TrainingSettings, decay: float
) -> Tensor:
    """Decoupled weight decay, then Adam, entry by entry, in float64."""
    (beta1, beta2), updates = settings.betas, 0
    value, first, second = value.double(), 0.0 * value.double(), 0.0 * value.double()
    for rate, gradient in zip(RATES, gradients, strict=True):
        if gradient is None:
            continue
        updates += 1
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient**2
        unbiased = (1.0, 1.0)
        if settings.bias_correction:
            unbiased = (1 - beta1**updates, 1 - beta2**updates)
        step = (first / unbiased[0]) / ((second / unbiased[1]).sqrt() + settings.adam_eps)
        value = value - rate * decay * value - rate * step
    return value


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("eps", [1e-8, 1e-2])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.98), (0.0, 0.999999)])
@pytest.mark.parametrize("corrected", [True, False])
def test_adam_equals_its_formula(
    corrected: bool, betas: tuple[float, float], eps: float, device: str
) -> None:
    """A GPU has 1 - beta2 in 32 bits: off by up to 2^-24, the more the nearer beta2 is to 1."""
    lost = 0 if device == "cpu" else 2**-24 / (1 - betas[1])
    settings = TrainingSettings(
        bias_correction=corrected, betas=betas, adam_eps=eps, weight_decay=0.1
    )
    generator = torch.Generator().manual_seed(1)
    model = nn.Linear(4, 3).to(device)
    before = {name: p.detach().cpu().clone() for name, p in model.named_parameters()}
    optimizer = make_optimizer(model, settings)
    kept: dict[str, list[Tensor | None]] = {name: [] for name in before}
    for place, rate in enumerate(RATES):
        for name, p in model.named_parameters():
            gradient = torch.randn(p.shape, generator=generator) * 0.1
            late = name == "bias" and place < 2
            p.grad = None if late else gradient.to(device)
            kept[name].append(None if late else gradient)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
    for name, p in model.named_parameters():
        decay = 0.1 if name == "weight" else 0.0
        expected = literal(before[name], kept[name], settings, decay)
        moved = float((expected - before[name]).abs().max())
        found = p.detach().cpu().double()
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6 + lost * moved)


def test_without_correction_the_first_steps_are_larger() -> None:
    """The first update is (1 - beta1) / sqrt(1 - beta2) = 3.16 times the corrected one."""
    moves = []
    for corrected in (True, False):
        settings = TrainingSettings(bias_correction=corrected, weight_decay=0.0)
        model = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(model.weight)
        optimizer = make_optimizer(model, settings)
        model.weight.grad = torch.ones(1, 1)
        optimizer.param_groups[0]["lr"] = 1e-3
        optimizer.step()
        moves.append(model.weight.item())
    assert moves[1] / moves[0] == pytest.approx(0.1 / math.sqrt(0.001), rel=1e-4)
