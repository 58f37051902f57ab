"""The second pass of `at` and `cat`: its masks, its coin, its first step, its precision."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.fakes import OPTIONS, example_settings, small_classifier, tiny_config
from tests.trainers.examples import (
    Case,
    assert_close,
    gradients,
    make_case,
    run_step,
    training_alone,
)
from tests.trainers.test_attack_options import ATTACKS, model_for, settings_of
from trainers.loop import TrialRun
from trainers.methods.adversary import embedding_gradient
from trainers.methods.load import get_step
from trainers.methods.losses import contrastive_loss, cross_entropy, mix_losses
from trainers.prepared import Prepared

METHOD_NAMES = ("at", "cat")
MODES = ("fresh", "shared", "off")
EPSILON, TAU, LAMBDA = OPTIONS["epsilon"], OPTIONS["tau"], OPTIONS["lambda"]


def coins(method: str, n: int, seed: int) -> list[str]:
    case, training = make_case("bert", 4), training_alone(seed=seed)
    found = []
    for _ in range(n):
        model = model_for("bert", {})
        chosen = settings_of(method, "max", norm="mix", eps_l2=0.3)
        losses = get_step(method)(model, case.batch, chosen, training)
        (name,) = [name for name in losses if name.startswith("attack_norm")]
        found.append(name.removeprefix("attack_norm_"))
    return found


@pytest.mark.parametrize("method", ["at", "cat"])
def test_mix_is_max_or_l2_by_the_method_s_own_coin(method: str) -> None:
    drawn = coins(method, 40, seed=1)
    assert drawn == coins(method, 40, seed=1) != coins(method, 40, seed=2)
    assert 8 < drawn.count("l2") < 32
    assert set(drawn) == {"max", "l2"}
    case: Case = make_case("bert", 4)
    mix_losses, training = (
        settings_of(method, "max", norm="mix", eps_l2=0.3),
        training_alone(seed=1),
    )
    for branch in drawn[:6]:
        size = {"eps_l2": 0.3} if branch == "l2" else {}
        pure = settings_of(method, "max", norm=branch, **size)
        one, other = model_for("bert", {}), model_for("bert", {})
        found = get_step(method)(one, case.batch, mix_losses, training)
        expected = run_step(method, other, case.batch, pure)
        named = {
            f"{name}_{branch}" if name.startswith("attack") else name: value
            for name, value in expected.items()
        }
        assert all(torch.equal(found[name], value) for name, value in named.items())
        assert set(found) == set(named)


@pytest.mark.parametrize("norm", ["max", "l2", "mix"])
@pytest.mark.parametrize("method", ["at", "cat"])
def test_no_draw_of_a_method_moves_dropout(method: str, norm: str) -> None:
    case, states, drawn = make_case("bert", 4), [], []
    for chosen in ("max", norm):
        model, training = small_classifier("bert", dropout=0.2), training_alone()
        before = training.random.get_state()
        torch.manual_seed(3)
        get_step(method)(model, case.batch, settings_of(method, "max", norm=chosen), training)
        states.append(torch.get_rng_state())
        drawn.append(not torch.equal(before, training.random.get_state()))
    assert torch.equal(states[0], states[1])
    assert drawn == [False, norm == "mix"]


def two_passes(method: str, case: Case, mode: str) -> dict[str, Tensor]:
    """A step written with seeds: both passes begin where `mode` says that their masks do."""
    model, batch, labels = small_classifier("bert", dropout=0.2), case.batch, case.batch.labels_B
    torch.manual_seed(3)
    words = model.embed(batch)
    h_BD = model.encode(words, batch)
    clean = cross_entropy(model.classify(h_BD), labels)
    rows_UD = torch.zeros(batch.n_slots, words.shape[1]).index_add(
        0, batch.slots_P, embedding_gradient(clean, words)
    )
    r_PD = EPSILON * rows_UD.sign()[batch.slots_P]
    if mode == "shared":
        torch.manual_seed(3)
    if mode == "off":
        model.eval()
    attacked_BD = model.encode(words + r_PD, batch)
    adversarial = cross_entropy(model.classify(attacked_BD), labels)
    losses = {"clean": clean, "adversarial": adversarial, "loss": (clean + adversarial) / 2}
    if method == "cat":
        contrast = contrastive_loss(model.project(h_BD), model.project(attacked_BD), TAU)
        losses |= {
            "contrastive": contrast,
            "loss": mix_losses(clean, adversarial, contrast, LAMBDA),
        }
    torch.autograd.backward(losses["loss"])
    return {name: loss.detach() for name, loss in losses.items()} | gradients(model)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", METHOD_NAMES)
def test_the_second_pass_has_the_masks_that_its_option_names(method: str, mode: str) -> None:
    case, model = make_case("bert", 5), small_classifier("bert", dropout=0.2)
    torch.manual_seed(3)
    losses = run_step(method, model, case.batch, settings_of(method, "max", adv_dropout=mode))
    assert all(module.training for module in model.modules())
    found = {k: v for k, v in losses.items() if not k.startswith("attack")} | gradients(model)
    assert_close(found, two_passes(method, case, mode))


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_shared_masks_and_no_attack_give_the_same_pass_twice(kind: str, detach: bool) -> None:
    case, model = make_case(kind, 5), small_classifier(kind, dropout=0.3)
    chosen = settings_of("cat", "max", epsilon=0.0, adv_dropout="shared", detach_clean=detach)
    losses = run_step("cat", model, case.batch, chosen)
    assert losses["attack_rise"] == 0.0
    assert losses["attack_norm"] == 0.0
    fresh = run_step("cat", model, case.batch, settings_of("cat", "max", epsilon=0.0))
    assert fresh["attack_rise"] != 0.0


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_shared_masks_leave_the_stream_where_one_pass_does(method: str) -> None:
    case, states = make_case("bert", 5), []
    steps = [(method, settings_of(method, "max", adv_dropout=mode)) for mode in MODES[1:]]
    for name, chosen in [*steps, ("standard", example_settings("standard"))]:
        torch.manual_seed(3)
        run_step(name, small_classifier("bert", dropout=0.3), case.batch, chosen)
        states.append(torch.get_rng_state())
    assert all(torch.equal(state, states[0]) for state in states)


@pytest.mark.parametrize("detach", [False, True])
def test_a_detached_clean_side_gets_no_contrastive_gradient(detach: bool) -> None:
    """With r = 0 and no dropout both views are one; what differs is who gets the gradient."""
    case = make_case("bert", 5)
    model, other = small_classifier("bert"), small_classifier("bert")
    options = {"epsilon": 0.0, "lambda": 1.0, "detach_clean": detach}
    run_step("cat", model, case.batch, settings_of("cat", "max", **options))
    z_BK = other.project(other.encode(other.embed(case.batch), case.batch))
    loss = contrastive_loss(z_BK.detach() if detach else z_BK, z_BK, TAU)
    torch.autograd.backward(loss)
    assert_close(gradients(model), gradients(other))


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_before_its_first_attacked_step_a_method_is_standard_training(method: str) -> None:
    case = make_case("bert", 5)
    chosen = settings_of(method, "max", adv_begin_step=3, norm="mix")
    for step in (0, 2):
        one, other = small_classifier("bert"), small_classifier("bert")
        training = training_alone(step=step)
        before = training.random.get_state()
        found = get_step(method)(one, case.batch, chosen, training)
        expected = run_step("standard", other, case.batch, example_settings("standard"))
        assert found == expected
        assert torch.equal(training.random.get_state(), before)
        assert_close(gradients(one), gradients(other), to=0.0)
    assert "adversarial" in run_step(method, one, case.batch, chosen, step=3)


def test_a_loss_that_only_some_steps_have_is_the_mean_over_those(tiny_prepared: Prepared) -> None:
    """Four steps an epoch, the last of the first epoch is attacked."""
    chosen = settings_of("cat", "max", adv_begin_step=3)
    run = TrialRun(tiny_config(method=chosen, epochs=2), tiny_prepared, torch.device("cpu"))
    kept: list[dict[str, float]] = []
    run.train_epoch(lambda: kept.append(run.mean_losses()))
    assert [set(losses) == {"loss"} for losses in kept] == [True, True, True, False]
    assert run.progress.curve[0]["losses"] == kept[3]
    assert kept[3]["attack_rise"] == pytest.approx(kept[3]["adversarial"] - kept[3]["clean"])
    assert kept[3]["clean"] > 1.0, "a mean over four steps would be a quarter"
    second = run.train_epoch().losses
    assert second["attack_rise"] == pytest.approx(second["adversarial"] - second["clean"], abs=1e-6)


@pytest.mark.parametrize("method", METHOD_NAMES)
@pytest.mark.parametrize("variant", ["max", "l2", "embedding-l2"])
def test_under_bf16_r_comes_from_fp32_gradients(
    method: str, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack sees gradients in float32 with more digits than bf16 has."""
    seen: list[Tensor] = []
    module = f"trainers.methods.{method}"
    original = __import__(module, fromlist=["perturbation"]).perturbation

    def watched(gradient_PD: Tensor, *rest: Any, **named: Any) -> Any:
        found = original(gradient_PD, *rest, **named)
        seen.extend([gradient_PD, found.r_PD])
        return found

    monkeypatch.setattr(f"{module}.perturbation", watched)
    case, model = make_case("bert", 6), small_classifier("bert")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = run_step(method, model, case.batch, settings_of(method, variant))
    assert [tensor.dtype for tensor in seen] == [torch.float32, torch.float32]
    assert not torch.equal(seen[0], seen[0].bfloat16().float())
    assert all(loss.dtype in (torch.float32, torch.float64) for loss in losses.values())


def test_the_contrastive_loss_is_fp32_under_bf16() -> None:
    generator = torch.Generator().manual_seed(1)
    clean, other = (torch.randn(6, 8, generator=generator) for _ in range(2))
    expected = contrastive_loss(clean, other, 0.05)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert contrastive_loss(clean, other, 0.05) == expected


@pytest.mark.parametrize("variant", ATTACKS)
@pytest.mark.parametrize("method", METHOD_NAMES)
def test_v_is_bit_identical_after_any_attack(method: str, variant: str) -> None:
    case, model = make_case("bert", 4), model_for("bert", {})
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    run_step(method, model, case.batch, settings_of(method, variant))
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
