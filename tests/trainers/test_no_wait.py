"""No step waits for the device: on tensors without data, whatever needs a value or a shape of it
raises.

On a GPU each `.item()`, `if tensor` and index by a mask lets the host wait until all that was
launched is done. `meta` tensors have no values: there is nothing to wait for, and to read. Where
there is a GPU, torch itself says that nothing waited, with autocast and the fused optimizer, too.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from search_spaces.methods import METHODS
from search_spaces.trial import TrialConfig
from tests.fakes import example_settings, small_classifier, tiny_config
from tests.trainers.examples import make_case, run_step
from trainers import loop
from trainers.loop import TrialRun
from trainers.optimizer import parameter_groups
from trainers.prepared import Prepared

META = torch.device("meta")
GPU = torch.device("cuda")
WAITS: dict[str, Callable[[Tensor], object]] = {
    "item": lambda x: x.sum().item(),
    "list": lambda x: x.tolist(),
    "branch": lambda x: 1 if x.sum() > 0 else 0,
    "copy": lambda x: x.cpu(),
    "mask": lambda x: x[x > 0],
    "nonzero": lambda x: x.nonzero(),
    "unique": torch.unique,
    "bincount": lambda x: x.long().bincount(),
    "repeat": lambda x: x.repeat_interleave(x.long()),
    "equal": lambda x: torch.equal(x, x + 1),
}


@pytest.mark.parametrize("name", WAITS)
def test_what_waits_raises_without_data(name: str) -> None:
    with pytest.raises((RuntimeError, NotImplementedError)):
        WAITS[name](torch.ones(3, device=META))


@pytest.fixture(name="without_autocast")
def _without_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors without data know none."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())


@pytest.mark.usefixtures("without_autocast")
@pytest.mark.parametrize("packed", [True, False], ids=["packed", "padded"])
@pytest.mark.parametrize("kind", ["bert", "roberta"])
@pytest.mark.parametrize("method", METHODS)
def test_a_step_never_waits_for_the_device(method: str, kind: str, packed: bool) -> None:
    case = make_case(kind, 6, pairs=True)
    model = small_classifier(kind, dropout=0.2, packed=packed, special=[2]).to(META)
    losses = run_step(method, model, case.batch.to(META), example_settings(method))
    assert all(loss.device == META for loss in losses.values())
    assert all(parameter.grad is not None for parameter in model.encoder.parameters())


@pytest.fixture(name="unfused")
def _unfused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fused optimizer, which does not wait either, is not for tensors without data."""

    def optimizer(model: nn.Module, config: TrialConfig) -> torch.optim.AdamW:
        return torch.optim.AdamW(parameter_groups(model, 0.01, decay_all=False), foreach=True)

    monkeypatch.setattr(loop, "make_optimizer", optimizer)


def make_run(
    method: str, prepared: Prepared, device: torch.device, precision: str = "fp32"
) -> TrialRun:
    """Begin a trial in micro-batches, where the method can."""
    settings = example_settings(method)
    config = tiny_config(
        method=settings, micro_batch=5 if settings.by_example else None, precision=precision
    )
    run = TrialRun(config, prepared, device)
    run.model.train()
    return run


@pytest.mark.usefixtures("without_autocast", "unfused")
@pytest.mark.parametrize("method", METHODS)
def test_the_loop_never_waits_within_a_step(method: str, tiny_prepared: Prepared) -> None:
    run = make_run(method, tiny_prepared, META)
    for _ in range(2):
        run._train_step(np.arange(16), 10)
    assert run.progress.step == 2
    assert all(total.device == META for total in run.loss_sums.values())


@contextmanager
def waiting_raises() -> Iterator[None]:
    """Have torch raise where the host would wait for a GPU."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("method", METHODS)
def test_a_gpu_is_never_waited_for(method: str, precision: str, tiny_prepared: Prepared) -> None:
    run = make_run(method, tiny_prepared, GPU, precision)
    with waiting_raises():
        for _ in range(2):
            run._train_step(np.arange(16), 10)
        with pytest.raises(RuntimeError, match="synchroniz"):
            next(iter(run.loss_sums.values())).item()
    assert all(math.isfinite(loss) for loss in run.mean_losses().values())
