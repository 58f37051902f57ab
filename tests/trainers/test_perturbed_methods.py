"""The methods beyond CAT: with their options, with dropout on, with real updates, in bf16.

`test_methods.py` compares each at `example_settings` and without dropout; here dropout is on, and
the reference makes its passes with the package's own encoder under masks that it picks itself.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from search_spaces.methods import settings_type
from tests.fakes import OPTIONS, example_settings, random_inputs, small_classifier, tiny_config
from tests.references import perturbed
from tests.references.perturbed import Ascent, Passes, Words
from tests.trainers.examples import (
    assert_close,
    gradients,
    layers_of,
    make_case,
    run_step,
    training_alone,
)
from trainers.encoders.batches import Batch, collate
from trainers.encoders.classifier import Classifier
from trainers.loop import TrialRun
from trainers.methods.load import get_step
from trainers.methods.step import Losses
from trainers.prepared import Prepared

KINDS = ("bert", "roberta")
Reference = Callable[[Passes], dict[str, Tensor]]


def ascent(**changes: Any) -> Ascent:
    strength = {name: OPTIONS[name] for name in ("adv_lr", "init_mag", "max_norm")}
    return Ascent(**(strength | changes))


def smart(passes: Passes, **changes: Any) -> dict[str, Tensor]:
    names = ("alpha", "noise", "step_size", "radius", "iterations")
    options: dict[str, Any] = {name: OPTIONS[name] for name in names}
    return perturbed.smart(passes, **(options | changes))


LINF = {"norm": "linf", "adv_lr": 0.05, "init_mag": 0.04, "max_norm": 0.06}
ALPHA, NOISE, TAU, LAMBDA = (OPTIONS[name] for name in ("alpha", "noise", "tau", "lambda"))

VARIANTS: dict[str, tuple[str, dict[str, Any], Reference]] = {
    "pgd": ("pgd", {}, lambda p: perturbed.pgd(p, ascent(), 2)),
    "pgd-3": ("pgd", {"steps": 3}, lambda p: perturbed.pgd(p, ascent(), 3)),
    "pgd-passes": (
        "pgd",
        {"steps": 3, "count": "passes"},
        lambda p: perturbed.pgd(p, ascent(), 2),
    ),
    "pgd-linf": ("pgd", LINF, lambda p: perturbed.pgd(p, ascent(**LINF), 2)),
    "freelb": ("freelb", {}, lambda p: perturbed.freelb(p, ascent(), 2)),
    "freelb-no-ball": (
        "freelb",
        {"max_norm": 0.0},
        lambda p: perturbed.freelb(p, ascent(max_norm=0.0), 2),
    ),
    "freelb-from-zero": (
        "freelb",
        {"init_mag": 0.0},
        lambda p: perturbed.freelb(p, ascent(init_mag=0.0), 2),
    ),
    "freelb-passes": (
        "freelb",
        {"steps": 4, "count": "passes"},
        lambda p: perturbed.freelb(p, ascent(), 3),
    ),
    "freelb-linf": ("freelb", LINF, lambda p: perturbed.freelb(p, ascent(**LINF), 2)),
    "freeat": ("freeat", {"steps": 3}, lambda p: perturbed.freeat(p, ascent(), 3)),
    "freeat-1": ("freeat", {"steps": 1}, lambda p: perturbed.freeat(p, ascent(), 1)),
    "freeat-linf": ("freeat", LINF, lambda p: perturbed.freeat(p, ascent(**LINF), 2)),
    "rdrop": ("rdrop", {}, lambda p: perturbed.rdrop(p, ALPHA)),
    "r3f": ("r3f", {}, lambda p: perturbed.r3f(p, ALPHA, NOISE, "uniform")),
    "r3f-normal": (
        "r3f",
        {"noise_type": "normal"},
        lambda p: perturbed.r3f(p, ALPHA, NOISE, "normal"),
    ),
    "smart": ("smart", {}, smart),
    "smart-1": ("smart", {"iterations": 1}, lambda p: smart(p, iterations=1)),
    "smart-no-ball": ("smart", {"radius": 0.0}, lambda p: smart(p, radius=0.0)),
    "scl": ("scl", {}, lambda p: perturbed.scl(p, tau=TAU, lambda_=LAMBDA)),
    "scl-skip": (
        "scl",
        {"scl_singletons": "skip"},
        lambda p: perturbed.scl(p, tau=TAU, lambda_=LAMBDA, skip_singletons=True),
    ),
}


def own_passes(model: Classifier, batch: Batch, seed: int) -> Passes:
    """Passes of the package's encoder; masks number k are those of the k-th pass after `seed`."""
    torch.manual_seed(seed)
    moments = []
    for _ in range(5):
        moments.append(torch.get_rng_state())
        with torch.no_grad():
            model(batch)
    lengths = batch.mask_BT.sum(1).tolist()

    def forward(words: Words, masks: int) -> tuple[Tensor, Tensor]:
        torch.set_rng_state(moments[masks])
        h_BD = model.encode(torch.cat(words), batch)
        return h_BD, model.classify(h_BD)

    return Passes(
        words=lambda: list(torch.split(model.embed(batch), lengths)),
        forward=forward,
        labels=batch.labels_B.tolist(),
    )


@pytest.mark.parametrize("n", [6, 1])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_with_dropout_equals_its_reference_mask_by_mask(
    variant: str, kind: str, n: int
) -> None:
    method, changes, reference = VARIANTS[variant]
    settings = example_settings(method).model_copy(update=changes)
    batch = make_case(kind, n, pairs=True, seed=8).batch
    fast, slow = (small_classifier(kind, dropout=0.2) for _ in range(2))
    expected = reference(own_passes(slow, batch, seed=11))
    torch.manual_seed(11)
    assert_close(run_step(method, fast, batch, settings), expected)
    assert_close(gradients(fast), gradients(slow))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_with_its_options_equals_one_example_at_a_time(variant: str) -> None:
    method, changes, reference = VARIANTS[variant]
    case = make_case("roberta", 6, seed=8)
    fast, slow = (small_classifier("roberta", packed=packed) for packed in (True, False))
    settings = example_settings(method).model_copy(update=changes)
    expected = reference(perturbed.one_by_one(layers_of(slow), case.examples))
    assert_close(run_step(method, fast, case.batch, settings), expected)
    assert_close(gradients(fast), gradients(slow))


def descend(model: Classifier) -> Callable[[], None]:
    """An update by plain gradient descent, large enough to show."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def update() -> None:
        optimizer.step()
        optimizer.zero_grad()

    return update


def freeat_with_updates(model: Classifier, batch: Batch) -> tuple[Losses, int]:
    updates = []
    update = descend(model)

    def counted() -> None:
        update()
        updates.append(1)

    training = replace(training_alone(), update=counted)
    settings = example_settings("freeat").model_copy(update={"steps": 3})
    return get_step("freeat")(model, batch, settings, training), len(updates)


def test_freeat_updates_between_its_replays_and_leaves_the_last_to_the_loop() -> None:
    case = make_case("bert", 6, seed=3)
    fast, slow = (small_classifier("bert", dropout=0.2) for _ in range(2))
    passes = own_passes(slow, case.batch, seed=11)
    expected = perturbed.freeat(passes, ascent(), 3, descend(slow))
    torch.manual_seed(11)
    found, updates = freeat_with_updates(fast, case.batch)
    assert updates == 2
    assert_close(found, expected)
    assert_close(gradients(fast), gradients(slow))
    assert_close(fast.state_dict(), slow.state_dict())


def test_freeat_in_the_loop_updates_k_times_a_batch_and_moves_the_rate_once(
    tiny_prepared: Prepared,
) -> None:
    config = tiny_config(method=example_settings("freeat"), epochs=1, warmup=0.0)
    run = TrialRun(config, tiny_prepared, torch.device("cpu"))
    rates = []

    def after_step() -> None:
        rates.append(run.optimizer.param_groups[0]["lr"])

    run.train_epoch(after_step)
    assert rates == pytest.approx([config.lr * left / 4 for left in (4, 3, 2, 1)])
    assert run.progress.step == 4
    counts = {float(state["step"]) for state in run.optimizer.state.values()}
    assert counts == {4 * OPTIONS["steps"]}


def test_freeat_in_bf16_sees_its_own_updates() -> None:
    """Autocast keeps bf16 copies of the weights while it lasts."""
    case = make_case("bert", 6, seed=3)
    fast, slow = (small_classifier("bert") for _ in range(2))
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = freeat_with_updates(fast, case.batch)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        expected, _ = freeat_with_updates(slow, case.batch)
    assert_close(found, expected)
    assert_close(gradients(fast), gradients(slow))


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("sizes", [(5, 6), (6, 5)], ids=["grows", "shrinks"])
def test_freeat_carries_its_perturbation_on_by_place(sizes: tuple[int, int], steps: int) -> None:
    """Over two batches that differ in examples and lengths, with updates between the replays."""
    options = {"steps": steps, "free_delta": "carry"}
    settings = example_settings("freeat").model_copy(update=options)
    batches = [make_case("bert", n, seed=n).batch for n in sizes]
    lengths = [batch.mask_BT.sum(1).tolist() for batch in batches]
    pairs = list(zip(*lengths, strict=False))
    assert any(one < two for one, two in pairs)
    assert any(one > two for one, two in pairs)
    fast, slow = (small_classifier("bert", dropout=0.2) for _ in range(2))
    training, update = replace(training_alone(), update=descend(fast)), descend(slow)
    delta: Words | None = None
    for seed, batch in enumerate(batches):
        passes = own_passes(slow, batch, seed)
        begun = (
            ascent().start(passes) if delta is None else perturbed.carried(delta, passes.words())
        )
        expected, delta = perturbed.freeat_from(begun, passes, ascent(), steps, update)
        torch.manual_seed(seed)
        assert_close(get_step("freeat")(fast, batch, settings, training), expected)
        assert_close(gradients(fast), gradients(slow))
        training.update()
        update()


def test_freeat_carries_nothing_over_by_default() -> None:
    training = training_alone()
    batch = make_case("bert", 5).batch
    get_step("freeat")(small_classifier("bert"), batch, example_settings("freeat"), training)
    assert training.carried == {}


def test_freeat_divides_the_epochs_by_its_replays(tiny_prepared: Prepared) -> None:
    """7 epochs of 3 replays are 3 epochs to the schedule, to `done` and in the record."""
    options = {"steps": 3, "free_epochs": "divide_by_k"}
    method = example_settings("freeat").model_copy(update=options)
    run = TrialRun(
        tiny_config(method=method, epochs=7, warmup=0.0), tiny_prepared, torch.device("cpu")
    )
    rates = []
    while not run.done:
        run.train_epoch(lambda: rates.append(run.optimizer.param_groups[0]["lr"]))
    assert rates == pytest.approx([run.config.lr * left / 12 for left in range(12, 0, -1)])
    record = run.result().record
    assert (len(record.epochs), record.selected_epoch, record.steps) == (3, 3, 12)


@pytest.mark.parametrize("method", ["pgd", "freelb", "freeat", "r3f", "smart"])
def test_a_random_start_follows_the_method_s_own_stream(method: str) -> None:
    """Another seed of that stream is another step; dropout's stream is not moved by it."""
    case, settings = make_case("bert", 5), example_settings(method)
    found, states = [], []
    for seed in (1, 1, 2):
        torch.manual_seed(7)
        losses = run_step(
            method, small_classifier("bert", dropout=0.1), case.batch, settings, seed=seed
        )
        found.append(losses["loss"])
        states.append(torch.get_rng_state())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert torch.equal(states[0], states[2])


@pytest.mark.parametrize("method", ["pgd", "freelb", "rdrop", "r3f", "smart", "stdpp"])
def test_a_gradient_by_example_is_the_mean_of_its_parts(method: str) -> None:
    """What `by_example` promises, with the method's stream running on from part to part."""
    inputs, settings = random_inputs("bert", 8, seed=5), example_settings(method)
    assert settings_type(method).__dict__["by_example"] is True
    lengths = np.diff(inputs.starts)
    # The normal distribution is drawn 16 numbers at a time: the cut must be at such a place.
    cut = next(k for k in range(2, 8) if lengths[:k].sum() % 2 == 0)
    whole, parts = small_classifier("bert"), small_classifier("bert")
    get_step(method)(whole, collate(inputs, np.arange(8)), settings, training_alone())
    training, summed = training_alone(), {name: 0 * p for name, p in gradients(parts).items()}
    for rows in (np.arange(cut), np.arange(cut, 8)):
        parts.zero_grad()
        get_step(method)(parts, collate(inputs, rows), settings, training)
        for name, gradient in gradients(parts).items():
            summed[name] += gradient * (len(rows) / 8)
    assert_close(gradients(whole), summed)


@pytest.mark.parametrize("method", ["pgd", "freelb", "freeat"])
def test_an_attack_of_strength_zero_trains_as_without_one(method: str) -> None:
    """K replays of FreeAT without updates add up to K gradients."""
    case = make_case("bert", 5)
    none = {"adv_lr": 0.0, "init_mag": 0.0}
    settings = example_settings(method).model_copy(update=none)
    model, plain = small_classifier("bert"), small_classifier("bert")
    losses = run_step(method, model, case.batch, settings)
    expected = run_step("standard", plain, case.batch, example_settings("standard"))
    assert losses["attack_norm"] == 0
    assert_close({"loss": losses["loss"]}, expected)
    times = settings.cost // 3 if method == "freeat" else 1
    assert_close(gradients(model), {name: times * g for name, g in gradients(plain).items()})


@pytest.mark.parametrize("kind", KINDS)
def test_the_attack_climbs(kind: str) -> None:
    """Under the same masks more ascents from the same start mean a greater loss."""
    batch = make_case(kind, 6, seed=2).batch
    losses = []
    for steps in (1, 2, 4):
        options = {"steps": steps, "count": "passes", "adv_lr": 0.05, "max_norm": 0.0}
        torch.manual_seed(5)
        settings = example_settings("pgd").model_copy(update=options)
        model = small_classifier(kind, dropout=0.1)
        losses.append(float(run_step("pgd", model, batch, settings)["loss"]))
    assert losses == sorted(losses)
    assert losses[2] > losses[0] + 0.05


def test_r_drop_without_dropout_is_twice_standard_training() -> None:
    case = make_case("bert", 5)
    model, plain = small_classifier("bert"), small_classifier("bert")
    losses = run_step("rdrop", model, case.batch, example_settings("rdrop"))
    run_step("standard", plain, case.batch, example_settings("standard"))
    assert losses["kl"] == 0
    assert_close(gradients(model), {name: 2 * value for name, value in gradients(plain).items()})


def test_scl_reaches_the_encoder_and_not_the_head() -> None:
    """At lambda 1 only the contrastive loss trains: h is not detached."""
    model = small_classifier("bert")
    settings = settings_type("scl").model_validate({"tau": 0.1, "lambda": 1.0})
    run_step("scl", model, make_case("bert", 6).batch, settings)
    found = gradients(model)
    assert found["head.weight"].abs().max() == 0
    encoder = [g for name, g in found.items() if name.startswith("encoder")]
    assert all(value.abs().max() > 0 for value in encoder)


def test_std_plus_plus_steps_as_standard_does() -> None:
    case = make_case("bert", 5)
    models = [small_classifier("bert", dropout=0.2) for _ in range(2)]
    for method, model in zip(("standard", "stdpp"), models, strict=True):
        torch.manual_seed(1)
        run_step(method, model, case.batch, example_settings(method))
    first, second = (gradients(model) for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)
