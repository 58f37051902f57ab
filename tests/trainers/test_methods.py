"""Every method against its slow, literal form, and one contract that all of METHODS keep."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from search_spaces.method import MethodSettings
from search_spaces.methods import METHODS, settings_type
from tests.fakes import OPTIONS, example_settings, random_inputs, small_classifier, tiny_config
from tests.references import cat as literal
from tests.references import perturbed
from tests.trainers.examples import assert_close, gradients, layers_of, make_case, run_step
from trainers.encoders.batches import collate
from trainers.loop import TrialRun
from trainers.prepared import Prepared

KINDS = ("bert", "roberta")
EPSILON, TAU, LAMBDA = OPTIONS["epsilon"], OPTIONS["tau"], OPTIONS["lambda"]


def reported(
    losses: dict[str, Tensor], r_VD: Tensor, examples: list[literal.Example]
) -> dict[str, Tensor]:
    """With how far an example's words are moved, token by token, as the FreeLB family says it."""
    rise = losses["adversarial"] - losses["clean"]
    norm = perturbed.mean_length([r_VD[list(example.tokens)] for example in examples])
    return losses | {"attack_norm": norm, "attack_rise": rise}


Slow = Callable[[literal.Layers, list[literal.Example]], dict[str, Tensor]]
"""Adds a step's gradients to the layers', and returns its losses."""

ASCENT = perturbed.Ascent(
    adv_lr=OPTIONS["adv_lr"], init_mag=OPTIONS["init_mag"], max_norm=OPTIONS["max_norm"]
)
STEPS, ALPHA, NOISE = int(OPTIONS["steps"]), OPTIONS["alpha"], OPTIONS["noise"]


def backed(losses: Slow) -> Slow:
    """Go backward from the loss that a reference returns with its graph."""

    def step(layers: literal.Layers, examples: list[literal.Example]) -> dict[str, Tensor]:
        found = losses(layers, examples)
        torch.autograd.backward(found["loss"])
        return {name: loss.detach() for name, loss in found.items()}

    return step


def slow_at(layers: literal.Layers, examples: list[literal.Example]) -> dict[str, Tensor]:
    r_VD = literal.attack(layers, examples, EPSILON)
    return reported(literal.at_losses(layers, examples, r_VD), r_VD, examples)


def slow_cat(layers: literal.Layers, examples: list[literal.Example]) -> dict[str, Tensor]:
    r_VD = literal.attack(layers, examples, EPSILON)
    return reported(
        literal.cat_losses(layers, examples, r_VD, tau=TAU, lambda_=LAMBDA),
        r_VD,
        examples,
    )


def alone(step: Callable[..., dict[str, Tensor]], *arguments: Any, **options: Any) -> Slow:
    """A step of `tests.references.perturbed`, each example by itself."""
    return lambda layers, examples: step(
        perturbed.one_by_one(layers, examples), *arguments, **options
    )


SLOW: dict[str, Slow] = {
    "standard": backed(literal.standard_losses),
    "at": backed(slow_at),
    "cat": backed(slow_cat),
    "scl": alone(perturbed.scl, tau=TAU, lambda_=LAMBDA),
    "pgd": alone(perturbed.pgd, ASCENT, STEPS),
    "freeat": alone(perturbed.freeat, ASCENT, STEPS),
    "freelb": alone(perturbed.freelb, ASCENT, STEPS),
    "rdrop": alone(perturbed.rdrop, ALPHA),
    "r3f": alone(perturbed.r3f, ALPHA, NOISE, "uniform"),
    "smart": alone(
        perturbed.smart,
        alpha=ALPHA,
        noise=NOISE,
        step_size=OPTIONS["step_size"],
        radius=OPTIONS["radius"],
        iterations=int(OPTIONS["iterations"]),
    ),
    "stdpp": backed(literal.standard_losses),
}

PASSES = {"standard": 1, "at": 2, "cat": 2, "scl": 1, "pgd": 1, "freeat": STEPS, "freelb": 1}
PASSES |= {"rdrop": 2, "r3f": 2, "smart": 2 + int(OPTIONS["iterations"]), "stdpp": 1}
"""How many sets of dropout masks a step draws."""


def test_every_method_has_settings_a_step_and_a_slow_reference() -> None:
    assert set(METHODS) == set(METHODS) == set(SLOW) == set(PASSES)


@pytest.mark.parametrize("pairs", [False, True], ids=["single", "pairs"])
@pytest.mark.parametrize("n", [6, 1])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_a_step_equals_its_slow_literal_form(method: str, kind: str, n: int, pairs: bool) -> None:
    case = make_case(kind, n, pairs=pairs, seed=3)
    fast, slow = small_classifier(kind), small_classifier(kind, packed=False)
    losses = run_step(method, fast, case.batch, example_settings(method))
    expected = SLOW[method](layers_of(slow), case.examples)
    assert_close(losses, expected)
    wanted = gradients(slow)
    assert wanted["encoder.embeddings.word_embeddings.weight"].abs().max() > 1e-2
    assert_close(gradients(fast), wanted)


@pytest.mark.parametrize("lambda_", [0.0, 1.0])
def test_cat_at_the_ends_of_lambda(lambda_: float) -> None:
    """Lambda 0 is adversarial training; lambda 1 leaves the classifier without a gradient."""
    case = make_case("bert", 5)
    settings = settings_type("cat").model_validate(
        {"epsilon": EPSILON, "tau": TAU, "lambda": lambda_}
    )
    model = small_classifier("bert")
    losses = run_step("cat", model, case.batch, settings)
    if lambda_ == 1.0:
        assert losses["loss"] == losses["contrastive"]
        assert gradients(model)["head.weight"].abs().max() == 0
        return
    other = small_classifier("bert")
    expected = run_step("at", other, case.batch, example_settings("at"))
    assert_close({"loss": losses["loss"]}, {"loss": expected["loss"]})
    assert_close(gradients(model), gradients(other))


def test_an_attack_of_strength_zero_is_standard_training() -> None:
    case = make_case("roberta", 5)
    found = []
    for method, options in (("standard", {}), ("at", {"epsilon": 0.0})):
        model = small_classifier("roberta")
        settings = settings_type(method).model_validate(options)
        losses = run_step(method, model, case.batch, settings)
        found.append({"loss": losses["loss"], **gradients(model)})
    assert_close(found[1], found[0])


@pytest.mark.parametrize("n", [5, 1])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_the_contract_of_a_method(method: str, kind: str, n: int) -> None:
    """Finite losses without a graph, added gradients, the weights untouched, V reached."""
    settings = example_settings(method)
    model = small_classifier(kind, dropout=0.1)
    if not hasattr(settings, "proj_dim"):
        model.projection = None
    batch = collate(random_inputs(kind, n, pairs=True), torch.arange(n).numpy())
    before = copy.deepcopy(model.state_dict())
    losses = run_step(method, model, batch, settings)
    assert "loss" in losses
    for loss in losses.values():
        assert loss.ndim == 0
        assert torch.isfinite(loss)
        assert not loss.requires_grad
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    without = [name for name, value in gradients(model).items() if not value.abs().max() > 0]
    # One pair alone has no contrast, so its projection is not moved.
    assert [name for name in without if n > 1 or not name.startswith("projection")] == []
    used = set(batch.tokens_P.tolist())
    rows = gradients(model)["encoder.embeddings.word_embeddings.weight"].abs().amax(dim=1)
    assert {int(row) for row in rows.nonzero()} == used


@pytest.mark.parametrize("method", METHODS)
def test_a_step_adds_to_the_gradients_that_are_there(method: str) -> None:
    case, settings = make_case("bert", 4), example_settings(method)
    once, twice = small_classifier("bert"), small_classifier("bert")
    run_step(method, once, case.batch, settings)
    for _ in range(2):
        run_step(method, twice, case.batch, settings)
    assert_close(gradients(twice), {name: 2 * value for name, value in gradients(once).items()})


@pytest.mark.parametrize("method", METHODS)
def test_a_step_is_deterministic_under_a_seed(method: str) -> None:
    case, settings = make_case("bert", 6), example_settings(method)

    def step(seed: int) -> dict[str, Tensor]:
        model = small_classifier("bert", dropout=0.2)
        torch.manual_seed(seed)
        return run_step(method, model, case.batch, settings) | gradients(model)

    first, again, other = step(1), step(1), step(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["loss"], other["loss"])


@pytest.mark.parametrize("method", METHODS)
def test_a_step_draws_as_many_sets_of_dropout_masks_as_specified(method: str) -> None:
    """Passes that share their masks move the stream as far as one pass does."""
    case, model = make_case("bert", 6), small_classifier("bert", dropout=0.2)
    torch.manual_seed(3)
    run_step(method, model, case.batch, example_settings(method))
    found = torch.get_rng_state()
    torch.manual_seed(3)
    for _ in range(PASSES[method]):
        model(case.batch)
    assert torch.equal(found, torch.get_rng_state())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_every_parameter(
    method: str, precision: str, tiny_prepared: Prepared
) -> None:
    """All parameters are in the optimizer once, and one epoch moves each of them."""
    settings: MethodSettings = example_settings(method)
    config = tiny_config(method=settings, precision=precision, epochs=1)
    run = TrialRun(config, tiny_prepared, torch.device("cpu"))
    listed = [p for group in run.optimizer.param_groups for p in group["params"]]
    assert len(listed) == len({id(p) for p in listed})
    assert {id(p) for p in listed} == {id(p) for p in run.model.parameters()}
    before = {name: p.detach().clone() for name, p in run.model.named_parameters()}
    losses = run.train_epoch().losses
    assert all(loss < 20 for loss in losses.values())
    unmoved = [name for name, p in run.model.named_parameters() if torch.equal(p, before[name])]
    assert unmoved == []
