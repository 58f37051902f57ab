"""The losses and the attack: equal to literal loops, and with the properties they must have."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.references import cat as literal
from tests.references import perturbed
from trainers.methods.losses import (
    contrastive_loss,
    cross_entropy,
    mix_losses,
    supervised_contrastive_loss,
    symmetric_kl,
)

TAUS = (0.05, 0.1, 1.0)


def views(n: int, seed: int = 0, width: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    clean = torch.randn(n, width, generator=generator)
    return clean, clean + 0.5 * torch.randn(n, width, generator=generator)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 8), seed=st.integers(0, 999), tau=st.sampled_from(TAUS))
def test_contrastive_is_nt_xent_anchor_by_anchor(n: int, seed: int, tau: float) -> None:
    clean, other = (view.double().requires_grad_() for view in views(n, seed))
    expected = literal.nt_xent(clean, other, tau)
    wanted = torch.autograd.grad(expected, (clean, other))
    found = contrastive_loss(clean, other, tau)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    for got, want in zip(torch.autograd.grad(found, (clean, other)), wanted, strict=True):
        torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


def test_contrastive_in_closed_form() -> None:
    """Orthogonal examples, equal views: the positive is at 1, the 2(N - 1) negatives at 0."""
    n, tau = 5, 0.5
    expected = -math.log(math.exp(1 / tau) / (math.exp(1 / tau) + 2 * (n - 1)))
    eye = torch.eye(n)
    assert contrastive_loss(eye, eye, tau).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("tau", TAUS)
def test_one_pair_has_nothing_to_be_told_apart_from(tau: float) -> None:
    clean, other = (view.requires_grad_() for view in views(1))
    loss = contrastive_loss(clean, other, tau)
    assert loss.item() == 0.0
    for gradient in torch.autograd.grad(loss, (clean, other)):
        assert torch.equal(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("factor", [1e-3, 0.5, 1e3])
def test_contrastive_does_not_depend_on_the_length_of_z(factor: float) -> None:
    clean, other = views(6)
    before = contrastive_loss(clean, other, 0.1)
    torch.testing.assert_close(
        contrastive_loss(clean * factor, other, 0.1), before, rtol=1e-5, atol=0
    )
    scales = torch.linspace(0.1, 10, 6)[:, None]
    torch.testing.assert_close(
        contrastive_loss(clean, other * scales, 0.1), before, rtol=1e-5, atol=0
    )


def test_contrastive_depends_on_the_other_pairs_and_on_tau() -> None:
    clean, other = views(4)
    before = contrastive_loss(clean, other, 0.1)
    moved = clean.clone()
    moved[3] = clean[0] + 0.01
    assert contrastive_loss(moved, other, 0.1) != before
    assert contrastive_loss(clean, other, 0.2) != before


def test_contrastive_treats_both_directions_alike() -> None:
    clean, other = views(5)
    torch.testing.assert_close(
        contrastive_loss(clean, other, 0.1), contrastive_loss(other, clean, 0.1)
    )


def test_contrastive_gradients_reach_both_views_of_every_example() -> None:
    clean, other = (view.requires_grad_() for view in views(4))
    for gradient in torch.autograd.grad(contrastive_loss(clean, other, 0.1), (clean, other)):
        assert gradient.abs().amax(dim=1).min() > 0


def test_contrastive_survives_a_zero_projection_and_bf16() -> None:
    clean, other = views(3)
    clean[0] = 0.0
    leaf = clean.bfloat16().requires_grad_()
    loss = contrastive_loss(leaf, other.bfloat16(), 0.05)
    (gradient,) = torch.autograd.grad(loss, leaf)
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_cross_entropy_is_the_mean_of_minus_log_softmax(scale: float) -> None:
    scores = torch.randn(7, 4, generator=torch.Generator().manual_seed(1)) * scale
    labels = torch.tensor([0, 1, 2, 3, 3, 0, 1])
    expected = literal.cross_entropy(scores, labels.tolist())
    torch.testing.assert_close(cross_entropy(scores, labels), expected, rtol=1e-5, atol=1e-6)
    assert cross_entropy(scores.bfloat16(), labels).dtype == torch.float32


@pytest.mark.parametrize("lambda_", [0.0, 0.3, 1.0])
def test_mixed_is_equation_10(lambda_: float) -> None:
    parts = [torch.tensor(value) for value in (2.0, 3.0, 7.0)]
    expected = (1 - lambda_) / 2 * 5.0 + lambda_ * 7.0
    assert mix_losses(parts[0], parts[1], parts[2], lambda_).item() == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    seed=st.integers(0, 999),
    tau=st.sampled_from(TAUS),
    skip=st.booleans(),
)
def test_supervised_contrastive_is_that_anchor_by_anchor(
    labels: list[int], seed: int, tau: float, skip: bool
) -> None:
    h = views(len(labels), seed)[0].double().requires_grad_()
    expected = perturbed.supervised_contrastive(h, labels, tau, skip_singletons=skip)
    (wanted,) = torch.autograd.grad(expected, h)
    found = supervised_contrastive_loss(h, torch.tensor(labels), tau, skip_singletons=skip)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    (got,) = torch.autograd.grad(found, h)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)


def test_supervised_contrastive_in_closed_form() -> None:
    """Two classes of two equal unit vectors, a class apart: one positive at 1, two others at 0."""
    h, tau = torch.eye(2).repeat_interleave(2, dim=0), 0.5
    expected = -math.log(math.exp(1 / tau) / (math.exp(1 / tau) + 2))
    labels = torch.tensor([0, 0, 1, 1])
    found = supervised_contrastive_loss(h, labels, tau, skip_singletons=False)
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_an_example_alone_in_its_class_counts_zero_or_is_left_out() -> None:
    h, labels = views(4)[0], torch.tensor([0, 1, 0, 2])
    zero, skip = (
        supervised_contrastive_loss(h, labels, 0.1, skip_singletons=skip) for skip in (False, True)
    )
    assert zero.item() == pytest.approx(skip.item() / 2, rel=1e-6)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("n", [1, 4])
def test_without_any_positive_supervised_contrastive_is_zero_and_not_nan(
    n: int, skip: bool
) -> None:
    h = views(n)[0].requires_grad_()
    loss = supervised_contrastive_loss(h, torch.arange(n), 0.05, skip_singletons=skip)
    assert loss.item() == 0.0
    (gradient,) = torch.autograd.grad(loss, h)
    assert torch.equal(gradient, torch.zeros_like(h))


def test_supervised_contrastive_ignores_lengths_and_stays_in_fp32() -> None:
    h, labels = views(6)[0], torch.tensor([0, 1, 0, 1, 2, 2])
    before = supervised_contrastive_loss(h, labels, 0.1, skip_singletons=False)
    scales = torch.linspace(0.1, 10, 6)[:, None]
    with torch.autocast("cpu", torch.bfloat16):
        after = supervised_contrastive_loss(h * scales, labels, 0.1, skip_singletons=False)
    torch.testing.assert_close(after, before, rtol=1e-5, atol=0)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 8), seed=st.integers(0, 999), scale=st.sampled_from([0.1, 1.0, 5.0]))
def test_symmetric_kl_is_both_divergences_term_by_term(n: int, seed: int, scale: float) -> None:
    one, other = ((scale * view).double().requires_grad_() for view in views(n, seed))
    expected = perturbed.symmetric_kl(one, other)
    wanted = torch.autograd.grad(expected, (one, other))
    found = symmetric_kl(one, other)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    for got, want in zip(torch.autograd.grad(found, (one, other)), wanted, strict=True):
        torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


def test_symmetric_kl_is_zero_for_equal_scores_and_never_negative() -> None:
    one, other = views(5)
    assert symmetric_kl(one, one).item() == 0.0
    assert symmetric_kl(one, one + 3).item() == pytest.approx(0, abs=1e-6)
    assert symmetric_kl(one, one + 1e-4 * (other - one)).item() > 0
    torch.testing.assert_close(symmetric_kl(one, other), symmetric_kl(other, one))
    # A class that one view rules out: large, and finite.
    sure = torch.tensor([[200.0, 0.0]])
    assert symmetric_kl(sure, -sure).item() == pytest.approx(400, rel=1e-4)
