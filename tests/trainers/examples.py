"""What the tests of the methods share: a batch, the same examples as lists, and gradients."""

import inspect
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from search_spaces.method import MethodSettings
from tests.fakes import random_inputs
from tests.references.cat import Example, Layers
from trainers.encoders.batches import Batch, Inputs, collate
from trainers.encoders.classifier import Classifier
from trainers.methods.load import get_step
from trainers.methods.step import Losses, Training


@dataclass(frozen=True, kw_only=True)
class Case:
    """The same examples twice: packed, and one by one."""

    batch: Batch
    examples: list[Example]


def make_case(kind: str, n: int, *, pairs: bool = False, seed: int = 0) -> Case:
    inputs = random_inputs(kind, n, pairs=pairs, seed=seed)
    return Case(batch=collate(inputs, np.arange(n)), examples=listed(inputs))


def listed(inputs: Inputs) -> list[Example]:
    ends = inputs.starts[1:]
    return [
        Example(
            tokens=inputs.tokens_S[start:end].tolist(),
            types=inputs.types_S[start:end].tolist(),
            label=int(label),
        )
        for start, end, label in zip(inputs.starts, ends, inputs.labels_N, strict=False)
    ]


def one_by_one(encoder: PreTrainedModel, case: Case) -> Tensor:
    """h at [CLS] from the plain encoder, each example alone, without padding or packing."""
    takes_types = "token_type_ids" in inspect.signature(encoder.forward).parameters
    states = []
    for example in case.examples:
        inputs = {"input_ids": torch.tensor([example.tokens])}
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        if takes_types:
            inputs["token_type_ids"] = torch.tensor([example.types])
        states.append(encoder(**inputs).last_hidden_state[0, 0])
    return torch.stack(states)


def gradients(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter's gradient, zero where there is none."""
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in model.named_parameters()
    }


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], to: float = 1e-5) -> None:
    """Compare tensors name by name: to within `to` of their largest entry, or of a tenth."""
    assert set(found) == set(expected)
    for name, value in expected.items():
        scale = max(0.1, float(value.abs().max()))
        distance = float((found[name] - value).abs().max())
        assert distance <= to * scale, f"{name}: off by {distance:.1e} at a scale of {scale:.1e}"


def training_alone(*, step: int = 0, seed: int = 0) -> Training:
    """What a step is given when no loop is around it: an update does nothing."""
    random = torch.Generator().manual_seed(seed)
    return Training(step=step, random=random, update=lambda: None)


def run_step(
    method: str, model: Classifier, batch: Batch, settings: MethodSettings, **training: int
) -> Losses:
    """Take one step of a method outside the loop."""
    return get_step(method)(model, batch, settings, training_alone(**training))


def layers_of(model: Classifier) -> Layers:
    """Hand a classifier's layers to the slow reference."""
    assert model.projection is not None
    first, second = model.projection
    assert isinstance(first, nn.Linear)
    assert isinstance(second, nn.Linear)
    return Layers(encoder=model.encoder, head=model.head, projection=(first, second))
