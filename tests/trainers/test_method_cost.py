"""What a step costs, counted in floating-point operations: the paper's claim, and our floor."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from search_spaces.methods import MethodSettings
from tests.fakes import example_settings
from tests.trainers.examples import make_case, run_step
from trainers.classifier import Classifier
from trainers.methods.registry import METHODS


@pytest.fixture(scope="module")
def model() -> Classifier:
    """Build an encoder whose wide layers make the heads negligible."""
    config = BertConfig(
        vocab_size=40,
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=512,
        max_position_embeddings=32,
    )
    return Classifier(BertModel(config, add_pooling_layer=False), n_classes=3, proj_dim=2).train()


def operations(run: Callable[[], object]) -> float:
    """Count multiplications with weights.

    Attention's own products are left out: they have no weights, so that their backward costs 2F
    even where only activations ask for it.
    """
    with FlopCounterMode(display=False) as counter:
        run()
    counts = counter.get_flop_counts()["Global"]
    weighted = (torch.ops.aten.addmm, torch.ops.aten.mm)
    return float(sum(counts.get(operation, 0) for operation in weighted))


@pytest.fixture(scope="module")
def forward(model: Classifier) -> float:
    """Operations of one forward pass."""
    with torch.no_grad():
        return operations(partial(model, make_case("bert", 8).batch))


def measured(model: Classifier, settings: MethodSettings) -> float:
    return operations(partial(run_step, settings.name, model, make_case("bert", 8).batch, settings))


@pytest.mark.parametrize(("method", "cost"), [("standard", 3), ("at", 6), ("cat", 7)])
def test_a_step_of_the_paper_s_systems_costs_the_floor(method: str, cost: int) -> None:
    assert example_settings(method).cost == cost


VARIANTS: list[tuple[str, dict[str, Any], int]] = [
    ("scl", {}, 3),
    ("scl", {"scl_singletons": "skip"}, 3),
    ("pgd", {"steps": 1}, 5),
    ("pgd", {"steps": 3, "norm": "linf"}, 9),
    ("pgd", {"steps": 3, "count": "passes"}, 7),
    ("pgd", {"steps": 1, "count": "passes"}, 3),
    ("freeat", {"steps": 1}, 3),
    ("freeat", {"steps": 3}, 9),
    ("freelb", {"steps": 1}, 6),
    ("freelb", {"steps": 3}, 12),
    ("freelb", {"steps": 3, "count": "passes"}, 9),
    ("rdrop", {}, 6),
    ("r3f", {}, 6),
    ("r3f", {"noise_type": "normal"}, 6),
    ("smart", {"iterations": 1}, 8),
    ("smart", {"iterations": 3}, 12),
    ("stdpp", {}, 3),
]


@pytest.mark.parametrize(("method", "options", "cost"), VARIANTS)
def test_a_step_costs_as_many_forward_passes_as_announced(
    method: str, options: dict[str, Any], cost: int, model: Classifier, forward: float
) -> None:
    settings = example_settings(method).model_copy(update=options)
    assert settings.cost == cost
    assert measured(model, settings) / forward == pytest.approx(cost, rel=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_says_what_it_costs(method: str, model: Classifier, forward: float) -> None:
    settings = example_settings(method)
    assert measured(model, settings) / forward == pytest.approx(settings.cost, rel=0.02)


@pytest.mark.parametrize(("method", "ratio"), [("at", 2), ("cat", 7 / 3)])
def test_cost_relative_to_standard_training(method: str, ratio: float, model: Classifier) -> None:
    standard = measured(model, example_settings("standard"))
    assert measured(model, example_settings(method)) / standard == pytest.approx(ratio, rel=0.02)
