"""The optimizer and its schedule: AdamW with linear warm-up and decay.

In: a model and a trial's settings. Out: parameter groups, a learning rate per step, an AdamW whose
bias correction can be off.
"""

import math
from typing import Any

import torch
from torch import nn

from search_spaces.trial import TrainingSettings


def learning_rate(lr: float, step: int, total: int, warmup: float) -> float:
    """Rise linearly from 0 over ceil(warmup * total) steps, then fall linearly to 0 at `total`."""
    rising = math.ceil(warmup * total)
    if step < rising:
        return lr * step / rising
    return lr * max(0, total - step) / max(1, total - rising)


def parameter_groups(
    model: nn.Module, weight_decay: float, *, decay_all: bool
) -> list[dict[str, Any]]:
    """Group the trained parameters; biases and LayerNorms have no decay unless `decay_all`."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decayed = [p for p in trained if decay_all or p.ndim >= 2]
    plain = [p for p in trained if not (decay_all or p.ndim >= 2)]
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.AdamW:
    """Build AdamW over the model's parameters; the loop sets the learning rate of each step.

    Adam divides its averages by 1 - beta^t, t the number of updates. Without this correction (as in
    BERT's original optimizer; Mosbach et al. 2021) t is set to infinity, so that beta^t is 0.
    """
    optimizer = torch.optim.AdamW(
        parameter_groups(model, settings.weight_decay, decay_all=settings.decay_all),
        lr=0.0,
        betas=settings.betas,
        eps=settings.adam_eps,
        fused=True,
    )
    if not settings.bias_correction:
        for parameter in model.parameters():
            optimizer.state[parameter] = {
                "step": torch.tensor(math.inf, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
    return optimizer
