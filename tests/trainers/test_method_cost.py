"""What a step costs, counted in floating-point operations: the paper's claim, and our floor."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from search_spaces.methods import METHOD_SETTINGS
from tests.fakes import example_settings
from tests.trainers.examples import make_case, training_alone
from trainers.classifier import Classifier
from trainers.methods.registry import METHODS


@pytest.fixture(scope="module")
def operations() -> dict[str, float]:
    """Multiplications with weights: those of a forward pass, and of one step of every method.

    Attention's own products are left out: they have no weights, so that their backward costs 2F
    even where only activations ask for it. Wide layers make the heads negligible.
    """
    config = BertConfig(
        vocab_size=40,
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=512,
        max_position_embeddings=32,
    )
    model = Classifier(BertModel(config, add_pooling_layer=False), n_classes=3, proj_dim=2).train()
    batch = make_case("bert", 8).batch

    def count(run: Callable[[], object]) -> float:
        with FlopCounterMode(display=False) as counter:
            run()
        counts = counter.get_flop_counts()["Global"]
        weighted = (torch.ops.aten.addmm, torch.ops.aten.mm)
        return float(sum(counts.get(operation, 0) for operation in weighted))

    with torch.no_grad():
        found = {"forward": count(partial(model, batch))}
    for name, step in METHODS.items():
        found[name] = count(partial(step, model, batch, example_settings(name), training_alone()))
    return found


@pytest.mark.parametrize(("method", "cost"), [("standard", 3), ("at", 6), ("cat", 7)])
def test_a_step_costs_as_many_forward_passes_as_announced(
    method: str, cost: int, operations: dict[str, float]
) -> None:
    assert METHOD_SETTINGS[method].cost == cost
    assert operations[method] / operations["forward"] == pytest.approx(cost, rel=0.02)


@pytest.mark.parametrize(("method", "ratio"), [("at", 2), ("cat", 7 / 3)])
def test_cost_relative_to_standard_training(
    method: str, ratio: float, operations: dict[str, float]
) -> None:
    assert operations[method] / operations["standard"] == pytest.approx(ratio, rel=0.02)


def test_every_method_says_what_it_costs(operations: dict[str, float]) -> None:
    assert set(operations) == {"forward", *METHOD_SETTINGS}
    for name, settings in METHOD_SETTINGS.items():
        measured = operations[name] / operations["forward"]
        assert measured == pytest.approx(settings.cost, rel=0.02)
