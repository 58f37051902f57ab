"""Checks that a method's step keeps its contract, on a small random encoder, in about a second.

In: a method's settings and its step. Out: findings; the first failure ends the checks. They are:
losses are finite scalars without a graph, gradients reach the parameters, the step changes no
weight, equal seeds give equal gradients, packed and padded batches agree, `by_example` holds, and
the stated cost in forward passes is right.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from search_spaces.method import MethodSettings
from search_spaces.text import one_line
from trainers.encoders.batches import Batch, Inputs, collate
from trainers.encoders.classifier import Classifier
from trainers.methods.load import Step
from trainers.methods.step import Losses, Training

EXAMPLES, CUT, CLASSES, VOCABULARY, LONGEST = 8, 3, 3, 40, 13
CLOSE = 1e-3
"""The tolerance, relative to the largest gradient: packed and padded sums differ in order."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was checked; `wrong` is what the method does instead, `note` a remark."""

    what: str
    wrong: str | None = None
    note: str | None = None


class _Wrong(Exception):
    pass


def check_step(settings: MethodSettings, step: Step) -> Iterator[Finding]:
    """Yield the findings about a method's step; if a check fails, it is the last one."""
    trials: list[tuple[str, Callable[[MethodSettings, Step], str | None]]] = [
        ("a step runs, and returns finite scalar losses without a graph", _check_losses),
        (
            "gradients reach every parameter, and the step changes no weight itself",
            _check_gradients,
        ),
        ("the same seed gives the same gradients", _check_determinism),
        ("packed and padded batches give the same gradients", _check_packing),
        ("a gradient is the mean of those of its parts (by_example)", _check_by_example),
        ("its cost in forward passes", _check_cost),
    ]
    for what, try_it in trials:
        try:
            note = try_it(settings, step)
        except _Wrong as error:
            yield Finding(what=what, wrong=str(error))
            return
        except Exception as error:
            yield Finding(what=what, wrong=one_line(f"{type(error).__name__}: {error}"))
            return
        yield Finding(what=what, note=note)


def _build_model(
    settings: MethodSettings, *, packed: bool = True, dropout: float = 0.0
) -> Classifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = BertModel(
            BertConfig(
                vocab_size=VOCABULARY,
                hidden_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=512,  # Wide, so that heads cost little.
                max_position_embeddings=LONGEST,
                initializer_range=0.2,
                hidden_dropout_prob=dropout,
                attention_probs_dropout_prob=dropout,
            ),
            add_pooling_layer=False,
        )
    width, bias = settings.projection or (None, False)
    return Classifier(
        encoder,
        n_classes=CLASSES,
        proj_dim=width,
        proj_bias=bias,
        dropout=dropout,
        init_std=0.2,
        packed=packed,
    ).train()


def _build_batch(rows: Any = None) -> Batch:
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, LONGEST, EXAMPLES)
    tokens = [np.concatenate([[2], rng.integers(4, VOCABULARY, k - 1)]) for k in lengths]
    inputs = Inputs(
        tokens_S=np.concatenate(tokens).astype(np.int64),
        types_S=np.zeros(lengths.sum(), np.int64),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        labels_N=(np.arange(EXAMPLES) % CLASSES).astype(np.int64),
    )
    return collate(inputs, np.arange(EXAMPLES) if rows is None else rows)


def _run_step(
    model: Classifier, settings: MethodSettings, step: Step, batch: Batch | None = None
) -> Losses:
    """Run one step with a fixed seed, at a step number beyond any method's warm-up."""
    torch.manual_seed(1)
    training = Training(step=10**6, random=torch.Generator().manual_seed(2), update=lambda: None)
    return step(model, batch or _build_batch(), settings, training)


def _read_gradients(model: Classifier) -> dict[str, Tensor]:
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad
        for name, p in model.named_parameters()
    }


def _check_losses(settings: MethodSettings, step: Step) -> str:
    found = _run_step(_build_model(settings), settings, step)
    if not isinstance(found, dict) or "loss" not in found:
        raise _Wrong("it must return a dict of losses, with `loss` as the one it minimises")
    for name, loss in found.items():
        if not isinstance(loss, Tensor) or loss.ndim != 0:
            raise _Wrong(f"{name} is not a scalar tensor")
        if loss.requires_grad:
            raise _Wrong(f"{name} still has its graph: detach it (`backward` of step.py does)")
        if not torch.isfinite(loss):
            raise _Wrong(f"{name} is not finite")
    return ", ".join(f"{name} {float(loss):.4g}" for name, loss in found.items())


def _check_gradients(settings: MethodSettings, step: Step) -> str | None:
    model = _build_model(settings)
    before = copy.deepcopy(model.state_dict())
    _run_step(model, settings, step)
    for name, value in model.state_dict().items():
        if not torch.equal(before[name], value):
            raise _Wrong(f"the step itself changes {name}")
    gradients = _read_gradients(model)
    if not all(torch.isfinite(gradient).all() for gradient in gradients.values()):
        raise _Wrong("a gradient is not finite")
    without = [name for name, gradient in gradients.items() if not gradient.abs().max() > 0]
    if len(without) == len(gradients):
        raise _Wrong("no parameter gets a gradient: is `backward` called?")
    return f"none for {', '.join(without)}" if without else None


def _check_determinism(settings: MethodSettings, step: Step) -> None:
    found = []
    for _ in range(2):
        model = _build_model(settings, dropout=0.1)
        _run_step(model, settings, step)
        found.append(_read_gradients(model))
    for name, gradient in found[0].items():
        if not torch.equal(gradient, found[1][name]):
            raise _Wrong(
                f"{name} differs: draw only from training.random or from torch's own generator"
            )


def _check_packing(settings: MethodSettings, step: Step) -> None:
    found = []
    for packed in (True, False):
        model = _build_model(settings, packed=packed)
        _run_step(model, settings, step)
        found.append(_read_gradients(model))
    _compare_gradients(*found)


def _compare_gradients(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    largest = max(float(gradient.abs().max()) for gradient in one.values())
    for name, gradient in one.items():
        if float((gradient - other[name]).abs().max()) > CLOSE * largest:
            raise _Wrong(f"the gradient of {name} differs")


def _check_by_example(settings: MethodSettings, step: Step) -> str | None:
    if not settings.by_example:
        return "not promised: micro_batch is refused"
    whole, parts = _build_model(settings), _build_model(settings)
    _run_step(whole, settings, step)
    summed = {name: torch.zeros_like(p) for name, p in parts.named_parameters()}
    torch.manual_seed(1)
    training = Training(step=10**6, random=torch.Generator().manual_seed(2), update=lambda: None)
    # Torch draws normal numbers 16 at a time: with 64 per token, any cut is at a multiple of 16.
    for rows in (np.arange(CUT), np.arange(CUT, EXAMPLES)):
        parts.zero_grad()
        step(parts, _build_batch(rows), settings, training)
        for name, gradient in _read_gradients(parts).items():
            summed[name] += gradient * (len(rows) / EXAMPLES)
    _compare_gradients(_read_gradients(whole), summed)
    return None


def _check_cost(settings: MethodSettings, step: Step) -> str:
    model = _build_model(settings)
    with torch.no_grad():
        forward = _count_operations(partial(model, _build_batch()))
    found = _count_operations(partial(_run_step, model, settings, step)) / forward
    stated = settings.cost
    wrong = "" if abs(found - stated) < 0.25 * stated else f"; it says cost = {stated}: correct it"
    return f"{found:.1f}{wrong}"


def _count_operations(run: Callable[[], object]) -> float:
    """Count the multiplications with weights, which the costs of methods are based on."""
    with FlopCounterMode(display=False) as counter:
        run()
    counts = counter.get_flop_counts()["Global"]
    weighted = (torch.ops.aten.addmm, torch.ops.aten.mm)
    return float(sum(counts.get(operation, 0) for operation in weighted))
