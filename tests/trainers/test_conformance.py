"""The tried contract of a step: shipped methods keep it, and each way to break it is named."""

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from search_spaces.method import MethodSettings
from search_spaces.methods import METHODS
from tests.fakes import example_settings
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.methods.conformance import check_step
from trainers.methods.load import get_step
from trainers.methods.losses import cross_entropy
from trainers.methods.step import Losses, Training, backward


class Own(MethodSettings):
    by_example: ClassVar[bool] = True


@pytest.mark.parametrize("method", METHODS)
def test_shipped_methods_keep_the_contract(method: str) -> None:
    settings = example_settings(method)
    found = list(check_step(settings, get_step(method)))
    assert [finding.wrong for finding in found] == [None] * 6
    assert found[-1].note is not None
    assert float(found[-1].note) == pytest.approx(settings.cost, rel=0.1)


def loss_of(model: Classifier, batch: Batch) -> Tensor:
    return cross_entropy(model.classify(model.encode(model.embed(batch), batch)), batch.labels_B)


def returns(change: Any) -> Any:
    """A step whose losses are changed before they are returned."""

    def step(model: Classifier, batch: Batch, _: Own, __: Training) -> Losses:
        found: Losses = change(backward({"loss": loss_of(model, batch)}))
        return found

    return step


def without_backward(model: Classifier, batch: Batch, _: Own, __: Training) -> Losses:
    return {"loss": loss_of(model, batch).detach()}


def with_graph(model: Classifier, batch: Batch, _: Own, __: Training) -> Losses:
    loss = loss_of(model, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    return {"loss": loss}


def with_an_update(model: Classifier, batch: Batch, _: Own, __: Training) -> Losses:
    with torch.no_grad():
        model.head.weight.mul_(0.9)
    return backward({"loss": loss_of(model, batch)})


def at_random(model: Classifier, batch: Batch, _: Own, __: Training) -> Losses:
    generator = torch.Generator()
    generator.seed()
    return backward({"loss": loss_of(model, batch) * torch.rand((), generator=generator)})


def over_the_batch(model: Classifier, batch: Batch, _: Own, __: Training) -> Losses:
    h_BD = model.encode(model.embed(batch), batch)
    return backward({"loss": cross_entropy(model.classify(h_BD - h_BD.mean(0)), batch.labels_B)})


def only_when_packed(model: Classifier, batch: Batch, _: Own, __: Training) -> Losses:
    return backward({"loss": loss_of(model, batch) * (2 if model.packed else 1)})


def nothing(*_: object) -> Losses:
    raise ZeroDivisionError("of the user's own")


@pytest.mark.parametrize(
    ("step", "n", "expected"),
    [
        (returns(lambda losses: losses["loss"]), 1, "dict of losses"),
        (returns(lambda losses: {"clean": losses["loss"]}), 1, "dict of losses"),
        (returns(lambda losses: {"loss": losses["loss"][None]}), 1, "loss is not a scalar"),
        (returns(lambda losses: losses | {"part": losses["loss"] / 0}), 1, "part is not finite"),
        (with_graph, 1, "loss still has its graph"),
        (nothing, 1, "ZeroDivisionError: of the user's own"),
        (without_backward, 2, "is `backward` called?"),
        (with_an_update, 2, "the step itself changes head.weight"),
        (at_random, 3, "training.random"),
        (only_when_packed, 4, "differs"),
        (over_the_batch, 5, "differs"),
    ],
)
def test_each_way_to_break_it_is_named(step: Any, n: int, expected: str) -> None:
    found = list(check_step(Own(), step))
    assert len(found) == n, found
    assert found[-1].wrong is not None
    assert expected in found[-1].wrong


def test_a_wrong_cost_is_said() -> None:
    settings = example_settings("cat")
    (*_, last) = check_step(Own(), get_step("standard"))
    assert last.note == "3.0"
    (*_, last) = check_step(settings.model_copy(update={"lambda_": 0.5}), get_step("cat"))
    assert last.note is not None
    assert "correct it" not in last.note
    (*_, last) = check_step(Own(), lambda m, b, _s, t: get_step("cat")(m, b, settings, t))
    assert last.wrong is not None or "it says cost = 3" in str(last.note)
