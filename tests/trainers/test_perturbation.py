"""A perturbation's start, its ascent and its projection: sizes per example, whatever the batch."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from search_spaces.methods import AscentSettings
from tests.trainers.examples import make_case
from trainers.encoders.batches import Batch
from trainers.methods.perturbation import (
    draw_normal,
    draw_start,
    draw_uniform,
    l2_norms,
    max_norms,
    take_ascent_step,
    to_grid,
)

WIDTH = 6


def options(norm: str = "l2", init_mag: float = 0.5) -> AscentSettings:
    return AscentSettings.model_validate(
        {"adv_lr": 0.1, "init_mag": init_mag, "max_norm": 1.0, "norm": norm}
    )


def parts(values_PD: Tensor, batch: Batch) -> list[Tensor]:
    return list(torch.split(values_PD, batch.mask_BT.sum(1).tolist()))


def random_values(batch: Batch, seed: int = 0) -> Tensor:
    return torch.randn(len(batch.tokens_P), WIDTH, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [6, 1])
def test_sizes_are_those_of_each_example(n: int) -> None:
    batch = make_case("bert", n).batch
    values_PD = random_values(batch)
    own = parts(values_PD, batch)
    torch.testing.assert_close(l2_norms(values_PD, batch), torch.stack([p.norm() for p in own]))
    assert max_norms(values_PD, batch).tolist() == [float(p.abs().max()) for p in own]


def test_the_grid_holds_each_token_once() -> None:
    batch = make_case("bert", 6).batch
    numbers = torch.arange(1, len(batch.tokens_P) + 1, dtype=torch.float32)
    grid_BT = to_grid(numbers, batch)
    assert torch.equal(grid_BT[batch.mask_BT], numbers)
    assert grid_BT[~batch.mask_BT].abs().sum() == 0


def test_a_start_s_length_does_not_depend_on_the_text_s() -> None:
    """U(-1, 1) has variance 1/3; the entries are divided by the root of their number."""
    batch = make_case("bert", 400).batch
    words_PD = torch.zeros(len(batch.tokens_P), 48)
    start_PD = draw_start(words_PD, batch, options(), torch.Generator().manual_seed(1))
    lengths = batch.mask_BT.sum(1)
    norms = l2_norms(start_PD, batch)
    for own in (norms[lengths < 6], norms[lengths > 9]):
        assert len(own) > 50
        assert float(own.mean()) == pytest.approx(0.5 / math.sqrt(3), rel=0.02)
    for own_TD, length in zip(parts(start_PD, batch), lengths.tolist(), strict=True):
        assert own_TD.abs().max() <= 0.5 / math.sqrt(length * 48)


def test_a_max_norm_start_fills_its_cube() -> None:
    batch = make_case("bert", 50).batch
    words_PD = torch.zeros(len(batch.tokens_P), 48)
    start_PD = draw_start(words_PD, batch, options("linf"), torch.Generator().manual_seed(1))
    assert 0.49 < float(start_PD.max()) <= 0.5
    assert -0.5 <= float(start_PD.min()) < -0.49
    assert float(start_PD.mean()) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("draw", [draw_uniform, draw_normal])
def test_draws_come_from_the_given_stream_alone(
    draw: Callable[[Tensor, torch.Generator], Tensor],
) -> None:
    before = torch.get_rng_state()
    words_PD = torch.zeros(5, 4)
    one, again, other = (draw(words_PD, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_step_has_the_size_of_the_rate_whatever_the_gradient_s(norm: str) -> None:
    batch = make_case("bert", 6).batch
    gradient_PD = random_values(batch) * torch.logspace(-6, 3, len(batch.tokens_P))[:, None]
    moved_PD = take_ascent_step(
        torch.zeros_like(gradient_PD),
        gradient_PD,
        batch,
        norm="l2" if norm == "l2" else "linf",
        adv_lr=0.3,
        max_norm=0.0,
    )
    sizes = l2_norms(moved_PD, batch) if norm == "l2" else max_norms(moved_PD, batch)
    torch.testing.assert_close(sizes, torch.full_like(sizes, 0.3))
    for own, up in zip(parts(moved_PD, batch), parts(gradient_PD, batch), strict=True):
        scale = float(own.norm() / up.norm())
        torch.testing.assert_close(own, scale * up)


def test_what_leaves_the_ball_is_put_on_it_and_what_is_inside_stays() -> None:
    batch = make_case("bert", 6).batch
    delta_PD = random_values(batch)
    norms = l2_norms(delta_PD, batch)
    radius = 1.01 * float(norms.median())
    still = torch.zeros_like(delta_PD)
    moved_PD = take_ascent_step(delta_PD, still, batch, norm="l2", adv_lr=0.3, max_norm=radius)
    torch.testing.assert_close(l2_norms(moved_PD, batch), norms.clamp(max=radius))
    pairs = zip(parts(moved_PD, batch), parts(delta_PD, batch), norms.tolist(), strict=True)
    for own, before, length in pairs:
        if length <= radius:
            assert torch.equal(own, before)
        else:
            torch.testing.assert_close(own, before * (radius / length))


def test_max_norm_projection_cuts_each_entry() -> None:
    batch = make_case("bert", 6).batch
    delta_PD = random_values(batch)
    moved_PD = take_ascent_step(
        delta_PD, torch.zeros_like(delta_PD), batch, norm="linf", adv_lr=0.3, max_norm=0.7
    )
    assert torch.equal(moved_PD, delta_PD.clamp(-0.7, 0.7))


@pytest.mark.parametrize("max_norm", [0.0, 0.5])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-15])
def test_a_gradient_of_zero_or_nearly_so_moves_nothing_far(scale: float, max_norm: float) -> None:
    batch = make_case("bert", 3).batch
    gradient_PD = scale * random_values(batch)
    for delta_PD in (torch.zeros_like(gradient_PD), 0.01 * random_values(batch, seed=1)):
        moved_PD = take_ascent_step(
            delta_PD, gradient_PD, batch, norm="l2", adv_lr=0.3, max_norm=max_norm
        )
        assert torch.isfinite(moved_PD).all()
        torch.testing.assert_close(moved_PD, delta_PD, atol=1e-3, rtol=0)


def test_an_example_does_not_feel_the_others() -> None:
    batch = make_case("bert", 6).batch
    delta_PD, gradient_PD = random_values(batch, 1), random_values(batch, 2)
    second = int(batch.starts_B[1])
    changed_PD = torch.cat([gradient_PD[:second], 100 * gradient_PD[second:].flip(-1)])
    before, after = (
        take_ascent_step(delta_PD, g, batch, norm="l2", adv_lr=0.3, max_norm=2.0)
        for g in (gradient_PD, changed_PD)
    )
    assert torch.equal(after[:second], before[:second])
    assert not torch.equal(after[second:], before[second:])
