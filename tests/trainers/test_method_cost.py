"""What a step costs, counted in floating-point operations: the paper's claim, and our floor."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from search_spaces.method import MethodSettings
from search_spaces.methods import METHODS, settings_type
from tests.fakes import example_settings
from tests.trainers.examples import make_case, training_alone
from trainers.encoders.classifier import Classifier
from trainers.methods.load import find_step

CAT = {"epsilon": 5e-3, "tau": 0.1, "lambda": 0.3}
OPTIONS: list[tuple[dict[str, Any], int]] = [
    ({"perturb": "embedding"}, 7),
    ({"norm": "l2", "perturb_special": False}, 7),
    ({"attack_loss": "total"}, 7),
    ({"adv_dropout": "shared"}, 7),
    ({"adv_dropout": "off"}, 7),
    ({"ctr_reduction": "simclr_sum", "mask_same_class": True}, 7),
    ({"detach_clean": True}, 6),
    ({"detach_clean": True, "perturb": "embedding", "norm": "l2"}, 6),
    ({"detach_clean": True, "attack_loss": "total"}, 7),
]

Count = Callable[[MethodSettings], float]


@pytest.fixture(scope="module")
def forward_passes() -> Count:
    """How many forward passes' worth of multiplications with weights a step takes.

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
        forward = count(partial(model, batch))

    def passes(settings: MethodSettings) -> float:
        step = partial(find_step(type(settings)), model, batch, settings, training_alone())
        return count(step) / forward

    return passes


@pytest.mark.parametrize(("method", "cost"), [("standard", 3), ("at", 6), ("cat", 7)])
def test_a_step_costs_as_many_forward_passes_as_announced(
    method: str, cost: int, forward_passes: Count
) -> None:
    settings = example_settings(method)
    assert settings.cost == cost
    assert forward_passes(settings) == pytest.approx(cost, rel=0.02)


@pytest.mark.parametrize(("options", "cost"), OPTIONS, ids=str)
def test_an_option_of_cat_costs_what_it_announces(
    options: dict[str, Any], cost: int, forward_passes: Count
) -> None:
    settings = settings_type("cat").model_validate(CAT | options)
    assert settings.cost == cost
    assert forward_passes(settings) == pytest.approx(cost, rel=0.02)


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
def test_an_option_of_another_method_costs_what_it_announces(
    method: str, options: dict[str, Any], cost: int, forward_passes: Count
) -> None:
    settings = example_settings(method).model_copy(update=options)
    assert settings.cost == cost
    assert forward_passes(settings) == pytest.approx(cost, rel=0.02)


@pytest.mark.parametrize("options", [{"perturb": "embedding", "norm": "l2"}, {"norm": "mix"}])
def test_an_option_of_at_costs_no_more(options: dict[str, Any], forward_passes: Count) -> None:
    settings = settings_type("at").model_validate({"epsilon": 5e-3} | options)
    assert forward_passes(settings) == pytest.approx(settings.cost, rel=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_says_what_it_costs(method: str, forward_passes: Count) -> None:
    settings = example_settings(method)
    assert forward_passes(settings) == pytest.approx(settings.cost, rel=0.02)
