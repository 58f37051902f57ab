"""Micro-batches: the gradient of the whole batch, from parts of it."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from search_spaces.methods import settings_type
from search_spaces.trial import TrialConfig
from tests.fakes import example_settings, tiny_config
from tests.trainers.examples import assert_close, gradients
from trainers.loop import TrialRun
from trainers.methods.step import Training
from trainers.prepared import Prepared

CPU = torch.device("cpu")
WORDS = {"epsilon": 5e-3, "perturb": "embedding"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "standard": ("standard", {}),
    "at-max": ("at", WORDS),
    "at-l2": ("at", WORDS | {"norm": "l2", "eps_l2": 0.3}),
    "at-row": ("at", WORDS | {"norm": "l2", "l2_scope": "row", "perturb_special": False}),
}


def without_dropout(run: TrialRun) -> None:
    for module in run.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def begin(prepared: Prepared, **changes: Any) -> TrialRun:
    run = TrialRun(tiny_config(**changes), prepared, CPU)
    without_dropout(run)
    run.model.train()
    return run


def step_of(run: TrialRun, rows: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    training = Training(step=0, random=run.random, update=run._update)
    return run._add_gradients(np.arange(rows), training), gradients(run.model)


@pytest.mark.parametrize("size", [1, 3, 5, 15, 16])
@pytest.mark.parametrize("case", CASES)
def test_parts_give_the_losses_and_the_gradient_of_the_whole(
    case: str, size: int, tiny_prepared: Prepared
) -> None:
    name, options = CASES[case]
    method = settings_type(name).model_validate(options)
    losses, found = step_of(begin(tiny_prepared, method=method, micro_batch=size), 16)
    expected_losses, expected = step_of(begin(tiny_prepared, method=method), 16)
    assert_close(losses, expected_losses)
    assert_close(found, expected)
    assert max(float(value.abs().max()) for value in expected.values()) > 0.01


def test_what_would_not_be_exact_is_not(tiny_prepared: Prepared) -> None:
    """So the refusals of `micro_batch` are needed: parts of a CAT batch give another gradient."""
    for method in (example_settings("cat"), example_settings("at")):
        whole = begin(tiny_prepared, method=method)
        parts = begin(tiny_prepared, method=method)
        settings = {"micro_batch": 4, "method": method}
        parts.config = TrialConfig.model_construct(**dict(whole.config) | settings)
        head = "head.weight"
        gap = step_of(parts, 16)[1][head] - step_of(whole, 16)[1][head]
        assert gap.abs().max() > 1e-5


def test_a_batch_in_one_part_is_untouched(tiny_prepared: Prepared) -> None:
    """Also where the last batch of an epoch is smaller than a micro-batch."""
    results = []
    for size in (None, 16):
        run = begin(tiny_prepared, method=example_settings("standard"), micro_batch=size)
        results.append((run.train_epoch().losses, gradients(run.model), run.model.state_dict()))
    assert results[0][0] == results[1][0]
    assert all(torch.equal(p, results[1][2][name]) for name, p in results[0][2].items())


def test_clipping_and_updates_are_once_a_batch(tiny_prepared: Prepared) -> None:
    run = begin(tiny_prepared, method=example_settings("standard"), micro_batch=4, epochs=1)
    norms: list[float] = []

    def look(*_: Any) -> None:
        grads = [p.grad.norm() for p in run.model.parameters() if p.grad is not None]
        norms.append(float(torch.stack(grads).norm()))

    run.optimizer.register_step_pre_hook(look)
    run.train_epoch()
    assert len(norms) == run.total_steps == 4
    assert norms[0] == pytest.approx(1.0, rel=1e-3), "clipped to the bound, not below it"
