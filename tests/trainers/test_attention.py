"""Attention within a packed row: the grids of a CPU, and the kernels of a GPU.

Where there is no GPU, the kernels are stood in for by their definition, which refuses what they
would refuse: what is tested is all that is around them. Where there is one, they are themselves.
"""

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from search_spaces.methods import METHODS
from tests.fakes import example_settings, random_inputs, small_classifier
from tests.references import kernels
from tests.trainers.examples import assert_close, gradients, make_case, run_step
from trainers.encoders import attention
from trainers.encoders.attention import attend_on_grids, attend_ragged, packed_attention
from trainers.encoders.batches import Batch, collate

STANDING_IN: dict[str, Callable[..., tuple[Tensor]]] = {
    "_flash_attention_forward": kernels.flash_attention_forward,
    "_efficient_attention_forward": kernels.efficient_attention_forward,
}
PLACES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    ),
]
WITHIN = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
Rows = tuple[Tensor, Tensor, Tensor]
Attend = Callable[[Tensor, Tensor, Tensor, Batch, float | None, float], Tensor]


@pytest.fixture(params=PLACES)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """Where the kernels run: on a CPU, what stands in for them does."""
    if request.param == "cpu":
        for name, slow in STANDING_IN.items():
            monkeypatch.setattr(torch.ops.aten, name, slow)
        monkeypatch.setattr(attention, "_device_has_flash", lambda _: True)
    return torch.device(request.param)


@pytest.mark.parametrize("name", STANDING_IN)
def test_what_stands_in_for_a_kernel_takes_what_the_kernel_takes(name: str) -> None:
    known = list(getattr(torch.ops.aten, name).default._schema.arguments)
    ours = inspect.signature(STANDING_IN[name]).parameters.values()
    for theirs, mine in zip(known[: len(ours)], ours, strict=True):
        assert theirs.name == mine.name
        assert theirs.kwarg_only == (mine.kind is mine.KEYWORD_ONLY)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32], ids=["flash", "efficient"])
def test_the_kernels_have_a_backward_pass(
    kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without data: torch's own account of the shapes, and of what can be differentiated."""
    monkeypatch.setattr(attention, "_device_has_flash", lambda _: True)
    batch = make_case("bert", 5).batch
    for queries in (len(batch.tokens_P), len(batch)):
        rows = random_rows(batch, queries, 12, kind, torch.device("meta"))
        dropout = 0.1 if kind is torch.bfloat16 else 0.0
        out = attend_ragged(*rows, batch.to(torch.device("meta")), None, dropout)
        assert out.shape == (1, queries, 2, 12)
        assert out.dtype == kind
        seen, waiting = set(), [out.grad_fn]
        while waiting:
            node = waiting.pop()
            seen.add(type(node).__name__.removesuffix("Backward0"))
            waiting += [child for child, _ in node.next_functions if child] if node else []
        assert seen & {"FlashAttention", "EfficientAttention"} == {
            "FlashAttention" if kind is torch.bfloat16 else "EfficientAttention"
        }


def random_rows(
    batch: Batch, queries: int, width: int, kind: torch.dtype, device: torch.device
) -> Rows:
    """Queries, keys and values as an encoder's linear layers leave them: (1, H, N, d)."""
    torch.manual_seed(0)
    lengths = (queries, len(batch.tokens_P), len(batch.tokens_P))
    query, key, value = (
        torch.randn(1, n, 2, width).to(device, kind).requires_grad_() for n in lengths
    )
    return query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)


@pytest.mark.parametrize("kind", WITHIN, ids=["fp32", "bf16"])
@pytest.mark.parametrize("width", [8, 12, 64, 136])
@pytest.mark.parametrize("at_cls", [False, True], ids=["all", "cls"])
@pytest.mark.parametrize("scaling", [None, 0.3])
def test_the_kernels_give_what_the_grids_give(
    device: torch.device, kind: torch.dtype, width: int, at_cls: bool, scaling: float | None
) -> None:
    batch = make_case("bert", 7).batch
    rows = random_rows(batch, len(batch) if at_cls else len(batch.tokens_P), width, kind, device)
    exact = [part.detach().double().cpu().requires_grad_() for part in rows]
    found = attend_ragged(*rows, batch.to(device), scaling, 0.0)
    wanted = attend_on_grids(exact[0], exact[1], exact[2], batch, scaling, 0.0)
    upstream = torch.randn(wanted.shape, dtype=wanted.dtype)
    ours = torch.autograd.grad(found, rows, upstream.to(found))
    theirs = torch.autograd.grad(wanted, exact, upstream)
    assert found.dtype == kind
    for mine, other in zip((found, *ours), (wanted, *theirs), strict=True):
        near = WITHIN[kind] * float(other.detach().abs().max())
        torch.testing.assert_close(mine.double().cpu(), other, atol=near, rtol=0)


def even_rows(
    batch: Batch, queries: int, kind: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Queries of zeros and keys or values of ones: an example's weights are all the same."""
    zeros = torch.zeros(1, 2, queries, 8, dtype=kind, device=device)
    return zeros, torch.ones(1, 2, len(batch.tokens_P), 8, dtype=kind, device=device)


DROPPING = pytest.mark.parametrize(
    ("attend", "kind"),
    [
        (attend_on_grids, torch.float32),
        (attend_on_grids, torch.bfloat16),
        (attend_ragged, torch.bfloat16),
    ],
    ids=["grids-fp32", "grids-bf16", "flash"],
)
"""All that drops out: the kernel for 32-bit numbers does not."""


@pytest.mark.parametrize("at_cls", [False, True], ids=["all", "cls"])
@DROPPING
def test_attention_dropout_drops_weights_as_configured(
    device: torch.device, attend: Attend, kind: torch.dtype, at_cls: bool
) -> None:
    """With values of ones an output is the sum of the weights kept, each divided by 1 - p."""
    batch = make_case("bert", 40).batch
    rows, ones = even_rows(batch, len(batch) if at_cls else len(batch.tokens_P), kind, device)
    torch.manual_seed(3)
    plain = attend(rows, ones, ones, batch.to(device), 1.0, 0.0).float()
    dropped = attend(rows, ones, ones, batch.to(device), 1.0, 0.4).float()
    assert plain.shape == dropped.shape == (1, rows.shape[2], 2, 8)
    torch.testing.assert_close(plain, torch.ones_like(plain), atol=1e-2, rtol=0)
    assert dropped.std() > 0.1
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.1)


@DROPPING
def test_each_example_and_head_has_a_mask_of_its_own(
    device: torch.device, attend: Attend, kind: torch.dtype
) -> None:
    inputs = random_inputs("bert", 1)
    batch = collate(inputs, np.zeros(50, dtype=np.int64)).to(device)
    queries, ones = even_rows(batch, len(batch), kind, device)
    torch.manual_seed(3)
    kept_B2 = attend(queries, ones, ones, batch, 1.0, 0.5)[0, :, :, 0].float()
    assert len(set(kept_B2[:, 0].tolist())) > 2
    assert (kept_B2[:, 0] != kept_B2[:, 1]).sum() > 10


@pytest.mark.parametrize("at_cls", [False, True], ids=["all", "cls"])
@DROPPING
def test_the_masks_of_the_backward_pass_are_those_of_the_forward_pass(
    device: torch.device, attend: Attend, kind: torch.dtype, at_cls: bool
) -> None:
    """Outputs are linear in the values: <out, g> = <values, d<out, g>/dvalues>, the masks fixed."""
    batch = make_case("bert", 40).batch
    queries = len(batch) if at_cls else len(batch.tokens_P)
    query, key, value = random_rows(batch, queries, 8, kind, device)
    found = attend(query, key, value, batch.to(device), None, 0.4)
    upstream = torch.randn(found.shape).to(found)
    (slope,) = torch.autograd.grad(found, value, upstream)
    products = value.detach().double() * slope.double()
    distance = (found.detach().double() * upstream.double()).sum() - products.sum()
    assert abs(float(distance)) < WITHIN[kind] * float(products.norm())


def attend_there(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let encoders on a CPU take the way of a GPU."""
    if device.type == "cpu":
        monkeypatch.setattr(attention, "attend_on_grids", attend_ragged)


@pytest.mark.parametrize("n", [7, 1])
@pytest.mark.parametrize("kind", ["bert", "roberta"])
@pytest.mark.parametrize("method", METHODS)
def test_a_step_with_the_kernels_equals_one_that_is_padded(
    device: torch.device, method: str, kind: str, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    attend_there(device, monkeypatch)
    case = make_case(kind, n, pairs=True)
    found = []
    for packed in (True, False):
        place = device if packed else torch.device("cpu")
        model = small_classifier(kind, packed=packed).to(place)
        losses = run_step(method, model, case.batch.to(place), example_settings(method))
        found.append({**losses, **gradients(model)})
    fast, slow = ({name: value.cpu() for name, value in each.items()} for each in found)
    assert_close(fast, slow, to=1e-5 if device.type == "cpu" else 1e-4)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_step_in_bf16_with_the_kernels_is_near_one_in_fp32(
    device: torch.device, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case(kind, 7, pairs=True)
    model, exact = small_classifier(kind).to(device), small_classifier(kind)
    expected = run_step("standard", exact, case.batch, example_settings("standard"))
    attend_there(device, monkeypatch)
    with torch.autocast(device.type, torch.bfloat16):
        losses = run_step("standard", model, case.batch.to(device), example_settings("standard"))
    assert float(losses["loss"]) == pytest.approx(float(expected["loss"]), rel=0.03)
    for name, wanted in gradients(exact).items():
        distance = (gradients(model)[name].cpu() - wanted).norm()
        assert distance < 0.1 * wanted.norm() + 1e-3, name


@pytest.mark.parametrize(
    ("place", "kind", "dropout", "taken"),
    [
        ("cpu", torch.bfloat16, 0.0, "attend_on_grids"),
        ("cuda", torch.bfloat16, 0.1, "attend_ragged"),
        ("cuda", torch.float32, 0.0, "attend_ragged"),
        ("cuda", torch.float32, 0.1, "attend_on_grids"),
    ],
)
def test_a_gpu_takes_the_kernels_but_for_dropout_of_32_bits(
    place: str, kind: torch.dtype, dropout: float, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    for name in ("attend_ragged", "attend_on_grids"):
        monkeypatch.setattr(attention, name, lambda *_, n=name: found.append(n))
    monkeypatch.setattr(attention, "_device_has_flash", lambda _: True)
    batch = make_case("bert", 2).batch
    row: Any = SimpleNamespace(device=torch.device(place), dtype=kind, shape=(1, 2, 9, 8))
    packed_attention(torch.nn.Identity(), row, row, row, None, batch=batch, dropout=dropout)
    assert found == [taken]
